//! The lock of kept layers. Whoever writes to them holds it alone, a sandbox or somebody who changes
//! what is kept; sandboxes whose layers lie over them hold it with one another.
//!
//! It goes with the last process that has it, however that ends.

use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use crate::base::{Error, HostPath, Result, Text};
use crate::sys::{entry, facts, file, process};

const NAME: &str = "lock";

/// Held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _held: OwnedFd,
}

#[derive(Debug)]
pub enum Locked {
    Ours(Lock),
    /// By processes, as a message names them.
    Held(Text),
}

impl Locked {
    pub fn ours(self) -> Result<Lock> {
        match self {
            Self::Ours(lock) => Ok(lock),
            Self::Held(holders) => {
                Err(Error::new(format!("{holders} using them")).hint("wait until it has ended"))
            }
        }
    }
}

/// Nobody else has the layers.
pub fn lock_alone(layers: &HostPath) -> Result<Locked> {
    entry::make_directories(layers.as_path(), 0o700)?;
    let held = open(layers)?;
    if !entry::try_lock(held.as_fd())? {
        return Ok(Locked::Held(holders(held.as_fd())));
    }
    entry::truncate(held.as_fd())?;
    file::write_all(held.as_fd(), process::own_pid().to_string().as_bytes())?;
    Ok(Locked::Ours(Lock { _held: held }))
}

/// Nobody writes to the layers.
pub fn lock_with_others(layers: &HostPath) -> Result<Locked> {
    let held = open(layers)?;
    Ok(match entry::try_lock_with_others(held.as_fd())? {
        true => Locked::Ours(Lock { _held: held }),
        false => Locked::Held(holders(held.as_fd())),
    })
}

/// Whether anybody has the layers.
#[must_use]
pub fn is_locked(layers: &HostPath) -> bool {
    file::open_path_for_reading(layers.join(NAME).as_path())
        .is_ok_and(|lock| entry::try_lock(lock.as_fd()).is_ok_and(|is_free| !is_free))
}

fn open(layers: &HostPath) -> Result<OwnedFd> {
    Ok(entry::open_or_make_file(layers.join(NAME).as_path(), 0o600)?)
}

/// `process 17 is`, `processes 17 and 18 are`: those that hold it together leave no note in it.
fn holders(lock: BorrowedFd<'_>) -> Text {
    let table = file::read_path(Path::new("/proc/locks"), 16 << 20).unwrap_or_default();
    let inode = facts::facts(lock).map(|it| it.inode.number).unwrap_or_default();
    let holders = holders_in(&String::from_utf8_lossy(&table), inode);
    match holders.as_slice() {
        // Where the table is closed, there is the note of the last one who was alone.
        [] => {
            let noted = file::read_all(lock, 32).unwrap_or_default();
            let noted = Text::from(OsString::from_vec(noted));
            Text::from(format!("process {noted} is"))
        }
        [only] => Text::from(format!("process {only} is")),
        several => Text::from(format!("processes {} are", several.join(" and "))),
    }
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
