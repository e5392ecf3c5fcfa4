//! The remover. Who am I here: a child of the caller, outside of the sandbox. I hold the locks of
//! its cgroups, init's pidfd and a pipe from the caller, and ignore every signal. When the caller
//! dies and init with it, I remove the sandbox's cgroup and end. A caller that lives on removes it
//! itself, and ends me first.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::base::{Context, Result};
use crate::sys::clone::{Child, Fork, fork};
use crate::sys::poll::{Watch, wait_for};
use crate::sys::{process, signal, socket};

use super::group::{Aside, Group};

#[derive(Debug)]
pub(super) struct Remover {
    child: Child,
    /// Closed by the end of the caller.
    _leash: OwnedFd,
}

impl Remover {
    pub(super) fn start(
        group: &Group,
        aside: Option<&Aside>,
        init: BorrowedFd<'_>,
    ) -> Result<Self> {
        let (its_end, leash) = socket::pipe()?;
        match fork().context(|| "cannot start the remover of the cgroup".to_owned())? {
            Fork::Parent(child) => Ok(Self { child, _leash: leash }),
            Fork::Child => {
                let mut kept = vec![its_end.as_fd(), init, group.locks()];
                kept.extend(aside.map(Aside::lock));
                let result = hide(&kept).and_then(|()| await_end(&[its_end.as_fd(), init]));
                if result.is_ok() {
                    group.remove();
                    if let Some(aside) = aside {
                        aside.step_back();
                    }
                }
                process::exit_now(0)
            }
        }
    }
}

impl Drop for Remover {
    fn drop(&mut self) {
        self.child.end();
    }
}

/// The caller's streams above all: who reads a pipe to its end must not wait for me.
fn hide(kept: &[BorrowedFd<'_>]) -> Result<()> {
    process::set_session()?;
    signal::block_all()?;
    Ok(process::close_all_but(kept)?)
}

fn await_end(ends: &[BorrowedFd<'_>]) -> Result<()> {
    for fd in ends {
        let mut watches = [Watch::reading(*fd)];
        while !watches[0].readable {
            wait_for(&mut watches, None)?;
        }
    }
    Ok(())
}
