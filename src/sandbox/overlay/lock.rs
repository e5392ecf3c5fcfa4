//! The lock of a directory that keeps overlays: whoever writes to them or changes them holds it, and
//! his process number stands in it.

use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;

use crate::base::{HostPath, Result, Text};
use crate::sys::{entry, file, process};

pub(super) const NAME: &str = "lock";
/// How many bytes a process number takes; what follows is not the lock's.
pub(super) const NUMBER: usize = 11;

/// Free again when its holder drops it, or dies.
#[derive(Debug)]
pub struct Lock(OwnedFd);

#[derive(Debug)]
pub enum Locked {
    Ours(Lock),
    /// By the process of that number.
    Held(Text),
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
            let said = file::read_all(lock.as_fd(), NUMBER).unwrap_or_default();
            let holder = OsString::from_vec(said.trim_ascii().to_vec());
            return Ok(Locked::Held(Text::from(holder)));
        }
        // As wide as any number, so that nothing of an earlier one is left. To truncate it first
        // would have ext4 write it to the disk (`auto_da_alloc`, ext4(5)).
        let number = format!("{:<NUMBER$}", process::own_pid());
        file::write_all(lock.as_fd(), number.as_bytes())?;
        Ok(Locked::Ours(Self(lock)))
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
