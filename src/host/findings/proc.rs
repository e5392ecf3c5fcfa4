//! A fresh /proc: mounted in a pid namespace that ends at once.

use crate::host::remedy;
use crate::sys::clone::CloneFlags;
use crate::sys::mount::{self, MountAttr};
use crate::sys::process;

use super::Finding;
use super::attempt::{Attempt, attempt, map_self};

pub(super) const TOPIC: &str = "fresh /proc";

pub(super) fn find() -> Finding {
    let (uid, gid) = (process::uid(), process::gid());
    let namespaces = CloneFlags::NEWUSER.and(CloneFlags::NEWNS).and(CloneFlags::NEWPID);
    let mounted = attempt(namespaces, || {
        map_self(uid, gid)?;
        mount::new_filesystem("proc", &[], MountAttr::NONE).map(drop)
    });
    match mounted {
        Attempt::Answered(Ok(())) => Finding::works(TOPIC, "can be mounted in a sandbox"),
        Attempt::Answered(Err(failed)) | Attempt::NotStarted(failed) => {
            match remedy::for_call(&failed) {
                Some(remedy) => Finding::lacks(TOPIC, remedy),
                None => {
                    Finding::missing(TOPIC, failed.to_string(), "start bryo on the host itself")
                }
            }
        }
        Attempt::Silent => Finding::missing(
            TOPIC,
            "mounting one was not answered",
            "an administrator can look in `dmesg`",
        ),
    }
}
