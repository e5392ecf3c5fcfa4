//! A fresh /proc: mounted in a pid namespace that ends at once.

use crate::host::remedy::{self, Remedy};
use crate::sys::clone::CloneFlags;
use crate::sys::mount::{self, MountAttr};
use crate::sys::process;

use super::Finding;
use super::attempt::{Attempt, attempt, map_self};

pub(super) const TOPIC: &str = "fresh /proc";

pub(super) fn find() -> Finding {
    match why_not() {
        None => Finding::works(TOPIC, "can be mounted in a sandbox"),
        Some(remedy) => Finding::lacks(TOPIC, remedy),
    }
}

/// Why a fresh /proc cannot be mounted here, found out by mounting one; `None` if it can.
#[must_use]
pub fn why_not() -> Option<Remedy> {
    let (uid, gid) = (process::uid(), process::gid());
    let namespaces = CloneFlags::NEWUSER.and(CloneFlags::NEWNS).and(CloneFlags::NEWPID);
    let mounted = attempt(namespaces, || {
        map_self(uid, gid)?;
        mount::new_filesystem("proc", &[], MountAttr::NONE).map(drop)
    });
    let unknown = |said: String, fix: &str| Some(Remedy { said, fix: fix.to_owned() });
    match mounted {
        Attempt::Answered(Ok(())) => None,
        Attempt::Answered(Err(failed)) | Attempt::NotStarted(failed) => remedy::for_call(&failed)
            .or_else(|| unknown(failed.to_string(), "start bryo on the host itself")),
        Attempt::Silent => unknown(
            "mounting one was not answered".to_owned(),
            "an administrator can look in `dmesg`",
        ),
    }
}
