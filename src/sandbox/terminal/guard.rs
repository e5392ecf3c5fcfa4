//! The guard: a small process that puts the settings of the caller's terminal back if the caller
//! is killed while they are changed. It holds the terminal and one end of a pipe, nothing else,
//! and ends as soon as the pipe does. It never outlives that, and is out of reach of `^C`.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::base::{Context, Result};
use crate::sys::clone::{Child, Fork, fork};
use crate::sys::terminal::Settings;
use crate::sys::{file, process, socket};

#[derive(Debug)]
pub(super) struct Guard {
    child: Child,
    pipe: Option<OwnedFd>,
}

impl Guard {
    pub(super) fn start(terminal: BorrowedFd<'_>, settings: &Settings) -> Result<Self> {
        let (its_end, pipe) = socket::pipe()?;
        match fork().context(|| "cannot guard the terminal".to_owned())? {
            Fork::Parent(child) => Ok(Self { child, pipe: Some(pipe) }),
            Fork::Child => {
                if stand_by(terminal, its_end.as_fd()).is_err() {
                    let _ = settings.apply(terminal);
                }
                process::exit_now(0)
            }
        }
    }
}

/// Returns when the caller says that all is well; an error when it is gone without that word.
fn stand_by(terminal: BorrowedFd<'_>, pipe: BorrowedFd<'_>) -> Result<()> {
    // A session of its own: no signal of the terminal or for the caller's job comes here, and a
    // terminal that controls nothing of it may be set at any time (tty_ioctl(4)).
    process::set_session()?;
    process::close_all_but(&[terminal, pipe])?;
    match file::read(pipe, &mut [0])? {
        0 => Err(crate::base::Error::new("the caller is gone")),
        _ => Ok(()),
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(pipe) = self.pipe.take() {
            // A guard that was killed needs no word.
            let _ = file::write(pipe.as_fd(), b".");
        }
        let _ = process::wait_for_end(self.child.pid);
    }
}
