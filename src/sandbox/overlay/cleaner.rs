//! The cleaner. Who am I here: a child of the caller, outside of the sandbox but for its user
//! namespace, where I may remove the files of every id it had. I hold nothing but the directory
//! that holds the scratch directories, init's pidfd and a pipe from the caller. I ignore every
//! signal; when the caller ends or lets go of the pipe, and init is dead, I remove what the run
//! wrote, and what dead runs left, and end. The caller waits for me, if it lives.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use crate::base::{Context, Result};
use crate::sys::clone::{Child, CloneFlags, Fork, fork};
use crate::sys::poll::{Watch, wait_for};
use crate::sys::process::Change;
use crate::sys::{Errno, entry, file, namespace, process, signal, socket};

use super::scratch::Made;
use super::{Scratch, removal};

/// How often a removal is tried while the last writers are dying, and how long between.
const TRIES: u32 = 150;
const PAUSE: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(super) struct Cleaner {
    child: Child,
    /// Closed by the end of the caller, or by dropping.
    leash: Option<OwnedFd>,
}

impl Cleaner {
    pub(super) fn start(
        scratch: &Scratch,
        init: BorrowedFd<'_>,
        user_namespace: BorrowedFd<'_>,
    ) -> Result<Self> {
        let path = scratch.directory.as_path();
        let parent = path.parent().unwrap_or(path);
        let name = path.file_name().unwrap_or_default().to_owned();
        let base = file::open_path_for_reading(parent)?;
        let (its_end, leash) = socket::pipe()?;
        match fork().context(|| "cannot start the overlay's cleaner".to_owned())? {
            Fork::Parent(child) => Ok(Self { child, leash: Some(leash) }),
            Fork::Child => {
                let leash = its_end.as_fd();
                let room = Room { base: base.as_fd(), name, made: &scratch.made, init, leash };
                let result = room.enter(user_namespace).and_then(|()| room.wait_and_remove());
                process::exit_now(if result.is_ok() { 0 } else { 1 })
            }
        }
    }

    /// Lets it remove everything, and waits until it has; whether it has.
    pub(super) fn finish(&mut self) -> bool {
        self.leash.take().is_none()
            || matches!(process::wait_for_end(self.child.pid), Ok(Change::Exited(0)))
    }
}

impl Drop for Cleaner {
    fn drop(&mut self) {
        self.finish();
    }
}

/// What the cleaner keeps open.
struct Room<'a> {
    base: BorrowedFd<'a>,
    name: OsString,
    /// Directories above, made for this run: gone with it, unless another run uses them now.
    made: &'a Made,
    init: BorrowedFd<'a>,
    leash: BorrowedFd<'a>,
}

impl Room<'_> {
    fn enter(&self, user_namespace: BorrowedFd<'_>) -> Result<()> {
        process::set_session()?;
        signal::block_all()?;
        namespace::setns(user_namespace, CloneFlags::NEWUSER)?;
        self.close_everything_else()
    }

    /// The caller's streams above all: who reads a pipe to its end must not wait for me.
    fn close_everything_else(&self) -> Result<()> {
        let mut kept = [self.base, self.init, self.leash].map(|fd| fd.as_raw_fd());
        kept.sort_unstable();
        let mut first = 0;
        for fd in kept {
            process::close_descriptors(first, fd - 1)?;
            first = fd + 1;
        }
        Ok(process::close_descriptors(first, i32::MAX)?)
    }

    fn wait_and_remove(&self) -> Result<()> {
        for fd in [self.leash, self.init] {
            let mut watches = [Watch::reading(fd)];
            while !watches[0].readable {
                wait_for(&mut watches, None)?;
            }
        }
        for _ in 0..TRIES {
            match removal::remove(self.base, &self.name) {
                Ok(()) => break,
                // The caller has done it, where the run did not come about.
                Err(e) if e.errno() == Some(Errno::ENOENT) => break,
                Err(_) => wait_for(&mut [], Some(PAUSE))?,
            }
        }
        self.sweep();
        Ok(())
    }

    /// What other runs left whose cleaner was killed: nobody holds its lock. What cannot be
    /// removed, since it belongs to ids that this run does not have, stays for one that has.
    fn sweep(&self) {
        for name in file::names_in(self.base).unwrap_or_default() {
            if is_stale(self.base, &name) {
                let _ = removal::remove(self.base, &name);
            }
        }
        self.made.remove();
    }
}

fn is_stale(base: BorrowedFd<'_>, name: &OsStr) -> bool {
    entry::open_directory_at(base, name)
        .is_ok_and(|directory| entry::try_lock(directory.as_fd()).unwrap_or(false))
}
