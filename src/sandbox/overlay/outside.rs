//! The caller's half: helpers for the FUSE driver, and the cleaner for uppers on disk.

use std::os::fd::{AsFd, OwnedFd};

use crate::base::{Error, HostPath, Result};
use crate::plan::{Plan, Upper};
use crate::sandbox::helper::Helper;
use crate::sys::clone::Child;
use crate::sys::namespace;

use super::cleaner::Cleaner;
use super::scratch::Scratch;
use super::{Keeping, fuse};

#[derive(Default)]
pub(in crate::sandbox) struct Outside {
    scratch: Option<HostPath>,
    /// Opened at once: later, init closes its /proc directory to all others.
    user_namespace: Option<OwnedFd>,
    cleaner: Option<Cleaner>,
}

impl Outside {
    /// `init` is a child that was not waited for, so its number is still its own.
    pub(in crate::sandbox) fn begin(
        plan: &Plan,
        init: &Child,
        scratch: Option<&Scratch>,
    ) -> Result<Self> {
        let mut outside = Self::default();
        if plan.view.overlay.is_none() {
            return Ok(outside);
        }
        let user_namespace = namespace::open_namespace(init.pid, "user")?;
        if let Some(scratch) = scratch {
            outside.scratch = Some(scratch.directory.clone());
            if scratch.keeping == Keeping::ThrownAway {
                let pidfd = init.pidfd.as_fd();
                let cleaner = Cleaner::start(scratch, pidfd, user_namespace.as_fd())?;
                outside.cleaner = Some(cleaner);
            }
        }
        outside.user_namespace = Some(user_namespace);
        Ok(outside)
    }

    /// An overlay is mounted inside, and waits for its helper.
    pub(in crate::sandbox) fn start_helper(
        &self,
        plan: &Plan,
        upper: usize,
        device: Option<OwnedFd>,
    ) -> Result<Helper> {
        let (Some(device), Some(user_namespace)) = (device, &self.user_namespace) else {
            return Err(Error::new("an overlay came without its device"));
        };
        let scratch = self.scratch.as_ref();
        fuse::start_helper(plan, Upper(upper), &device, user_namespace.as_fd(), scratch)
    }

    /// After init and the helpers are dead: nothing of a throw-away upper is left.
    pub(in crate::sandbox) fn end(&mut self) {
        if let Some(cleaner) = &mut self.cleaner {
            cleaner.finish();
        }
    }
}
