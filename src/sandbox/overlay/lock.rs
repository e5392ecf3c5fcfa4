//! The lock of a directory that keeps overlays: whoever writes to them or changes them holds it alone,
//! and his process number stands in it. Sandboxes whose layers lie over them hold it with one another.

use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use crate::base::{HostPath, Result, Text};
use crate::sys::{entry, facts, file, process};

pub(super) const NAME: &str = "lock";
/// How many bytes a process number takes; what follows is not the lock's.
pub(super) const NUMBER: usize = 11;

/// Free again when its holder drops it, or dies.
#[derive(Debug)]
pub struct Lock(OwnedFd);

#[derive(Debug)]
pub enum Locked {
    Ours(Lock),
    /// By the processes of these numbers.
    Held(Vec<Text>),
}

impl From<Lock> for OwnedFd {
    fn from(lock: Lock) -> Self {
        lock.0
    }
}

impl Lock {
    /// Takes it, unless somebody has it; the directory must be there.
    pub fn try_take(directory: &HostPath) -> Result<Locked> {
        let lock = entry::open_or_make_file(directory.join(NAME).as_path(), 0o600)?;
        if !entry::try_lock(lock.as_fd())? {
            return Ok(Locked::Held(holders(lock.as_fd())));
        }
        // As wide as any number, so that nothing of an earlier one is left. To truncate it first
        // would have ext4 write it to the disk (`auto_da_alloc`, ext4(5)).
        let number = format!("{:<NUMBER$}", process::own_pid());
        file::write_all(lock.as_fd(), number.as_bytes())?;
        Ok(Locked::Ours(Self(lock)))
    }

    /// The same with all others who do no more than this: nobody writes there meanwhile.
    pub fn try_take_with_others(directory: &HostPath) -> Result<Locked> {
        let lock = entry::open_or_make_file(directory.join(NAME).as_path(), 0o600)?;
        Ok(match entry::try_lock_with_others(lock.as_fd())? {
            true => Locked::Ours(Self(lock)),
            false => Locked::Held(holders(lock.as_fd())),
        })
    }

    /// Behind the number, for whoever writes to the overlays.
    pub(super) fn note(&self, said: &[u8]) -> Result<()> {
        Ok(entry::write_at(self.0.as_fd(), said, NUMBER as u64)?)
    }

    /// Whether somebody has it; it is not touched.
    #[must_use]
    pub fn is_held(directory: &HostPath) -> bool {
        file::open_path_for_reading(directory.join(NAME).as_path())
            .is_ok_and(|lock| entry::try_lock(lock.as_fd()).is_ok_and(|is_free| !is_free))
    }
}

/// Those who hold it together leave no number in it; the kernel knows them all.
fn holders(lock: BorrowedFd<'_>) -> Vec<Text> {
    let table = file::read_path(Path::new("/proc/locks"), 16 << 20).unwrap_or_default();
    let inode = facts::facts(lock).map(|it| it.inode.number).unwrap_or_default();
    let holders = holders_in(&String::from_utf8_lossy(&table), inode);
    if !holders.is_empty() {
        return holders.into_iter().map(Text::from).collect();
    }
    // Where the table is closed, there is the number of the last one who was alone.
    let said = file::read_all(lock, NUMBER).unwrap_or_default();
    vec![Text::from(OsString::from_vec(said.trim_ascii().to_vec()))]
}

/// By a table such as /proc/locks (proc_locks(5)): `1: FLOCK  ADVISORY  READ 17 fe:00:99 0 EOF`.
fn holders_in(table: &str, inode: u64) -> Vec<String> {
    let mut holders: Vec<String> = table
        .lines()
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [_, "FLOCK", _, _, pid, place, ..] = words.as_slice() else { return None };
            let number = place.rsplit(':').next()?.parse::<u64>().ok()?;
            (number == inode).then(|| (*pid).to_owned())
        })
        .collect();
    holders.sort();
    holders.dedup();
    holders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holders_are_read_from_the_table() {
        let table = "1: FLOCK  ADVISORY  READ 17 fe:00:99 0 EOF\n\
                     2: FLOCK  ADVISORY  READ 18 fe:00:99 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 19 fe:00:99 0 EOF\n\
                     3: POSIX  ADVISORY  WRITE 20 fe:00:99 0 EOF\n\
                     4: FLOCK  ADVISORY  WRITE 21 fe:00:98 0 EOF\n";
        assert_eq!(holders_in(table, 99), ["17", "18"]);
        assert_eq!(holders_in(table, 98), ["21"]);
        assert!(holders_in(table, 97).is_empty());
    }
}
