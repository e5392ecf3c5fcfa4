//! Confines the payload: the layers behind the namespaces, each a second lock to one that the
//! namespaces, the mounts and the ids have closed already. Init prepares what it can while it
//! waits for other things; the payload enters them one after the other, the filter of system calls
//! last, for each takes away what the ones before it need.

mod enforced;
mod keyring;
mod landlock;
pub(super) mod seccomp;
mod userns;

use landlock::Fence;
use seccomp::Program;

pub(super) use enforced::Enforced;
pub(super) use keyring::{Keyring, leave as leave_keyring};
pub(super) use userns::close_user_namespaces;

use crate::base::Result;
use crate::plan::Plan;

use super::wire::{Report, Wire};

/// What init has made ready for the payload to enter.
pub(super) struct Prepared<'a> {
    fence: Option<Fence>,
    filter: Option<&'a Program>,
}

/// In init, inside the finished view.
pub(super) fn prepare<'a>(plan: &Plan, filter: Option<&'a Program>) -> Result<Prepared<'a>> {
    Ok(Prepared { fence: Fence::build(plan)?, filter })
}

impl Prepared<'_> {
    /// In the payload, which has given up everything else: from here on, Landlock holds.
    pub(super) fn enter_fence(&self) -> Result<()> {
        self.fence.as_ref().map_or(Ok(()), Fence::enter)
    }

    /// In the payload: tells what holds now, if anybody wants to know.
    pub(super) fn report(&self, plan: &Plan, keyring: Keyring, wire: &Wire) -> Result<()> {
        if plan.confinement.report.is_none() {
            return Ok(());
        }
        wire.send(&Report::Enforced(Box::new(enforced::read(self, keyring)?)))
    }

    /// In the payload, last of all: from here on, the filter of system calls holds.
    pub(super) fn load_filter(&self) -> Result<()> {
        self.filter.map_or(Ok(()), Program::load)
    }

    fn fence(&self) -> Option<&Fence> {
        self.fence.as_ref()
    }
}
