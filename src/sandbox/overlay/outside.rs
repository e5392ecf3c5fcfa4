//! Both halves of what lies outside: helpers for the FUSE driver, and the cleaner for uppers on disk.

use std::os::fd::{AsFd, OwnedFd};

use crate::base::{Error, HostPath, Result};
use crate::plan::{OverlayDriverPlan, OverlayPlan, Plan, ScratchPlan, Upper};
use crate::sandbox::helper::Helper;
use crate::sandbox::wire::{Report, Wire};
use crate::sys::clone::Child;
use crate::sys::namespace;

use super::cleaner::Cleaner;
use super::scratch::Scratch;
use super::{Keeping, fuse};

/// In init: lets the helpers of an overlay, if it has any, in.
pub(in crate::sandbox) fn let_helpers_in(plan: &Plan, wire: &Wire) -> Result<()> {
    let needs_helpers = |overlay: &OverlayPlan| {
        let is_cleaned_up = matches!(overlay.scratch, ScratchPlan::Disk { .. });
        is_cleaned_up || overlay.driver != OverlayDriverPlan::Kernel
    };
    if !plan.view.overlay.as_ref().is_some_and(needs_helpers) {
        return Ok(());
    }
    let user_namespace = namespace::open_own_namespace("user")?;
    wire.send_with(&Report::UserNamespace, Some(user_namespace.as_fd()))
}

#[derive(Default)]
pub(in crate::sandbox) struct Outside {
    scratch: Option<HostPath>,
    /// Sent by init: its /proc directory may be closed to all others before we look.
    user_namespace: Option<OwnedFd>,
    cleaner: Option<Cleaner>,
}

impl Outside {
    /// Init has sent its user namespace, the first thing that it does.
    pub(in crate::sandbox) fn begin(
        &mut self,
        init: &Child,
        scratch: Option<&Scratch>,
        user_namespace: Option<OwnedFd>,
    ) -> Result<()> {
        let user_namespace =
            user_namespace.ok_or_else(|| Error::new("a user namespace came without itself"))?;
        if let Some(scratch) = scratch {
            self.scratch = Some(scratch.directory.clone());
            if scratch.keeping == Keeping::ThrownAway {
                let pidfd = init.pidfd.as_fd();
                self.cleaner = Some(Cleaner::start(scratch, pidfd, user_namespace.as_fd())?);
            }
        }
        self.user_namespace = Some(user_namespace);
        Ok(())
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

    /// After init and the helpers are dead: a kept upper is on the disk, and nothing of a throw-away
    /// one is left. A cleaner that was killed, or failed, is followed by another one.
    pub(in crate::sandbox) fn end(
        &mut self,
        init: &Child,
        scratch: Option<&Scratch>,
    ) -> Result<()> {
        let Some(mut cleaner) = self.cleaner.take() else {
            return scratch.map_or(Ok(()), Scratch::end);
        };
        if cleaner.finish() {
            return Ok(());
        }
        if let (Some(scratch), Some(user_namespace)) = (scratch, &self.user_namespace)
            && let Ok(mut other) =
                Cleaner::start(scratch, init.pidfd.as_fd(), user_namespace.as_fd())
        {
            other.finish();
        }
        Ok(())
    }
}
