//! User namespaces: made, mapped and used, each step as a launch takes it.

use std::os::fd::AsFd;
use std::path::Path;

use crate::host::remedy;
use crate::sys::clone::CloneFlags;
use crate::sys::mount::{self, MountAttr};
use crate::sys::{CallError, file, namespace, process};

use super::Finding;
use super::attempt::{Attempt, attempt, map_self};

pub(super) const TOPIC: &str = "user namespaces";

/// The others that a sandbox has, all owned by its user namespace.
const OTHERS: [CloneFlags; 6] = [
    CloneFlags::NEWNS,
    CloneFlags::NEWPID,
    CloneFlags::NEWUTS,
    CloneFlags::NEWIPC,
    CloneFlags::NEWCGROUP,
    CloneFlags::NEWNET,
];

pub(super) fn find() -> Finding {
    let (uid, gid) = (process::uid(), process::gid());
    match attempt(CloneFlags::NEWUSER, || enter_and_mount(uid, gid).err()) {
        Attempt::Answered(None) => Finding::works(TOPIC, "made, mapped and used by this user"),
        Attempt::Answered(Some(failed)) | Attempt::NotStarted(failed) => closed(&failed),
        Attempt::Silent => Finding::missing(
            TOPIC,
            "a process in one did not answer",
            "an administrator can look in `dmesg` for what killed it",
        ),
    }
}

/// AppArmor's refusal comes as late as this: the namespace is made, and gives no right.
fn enter_and_mount(uid: u32, gid: u32) -> Result<(), CallError> {
    map_self(uid, gid)?;
    for kind in OTHERS {
        namespace::unshare(kind)?;
    }
    let tmpfs = mount::new_filesystem("tmpfs", &[], MountAttr::NONE)?;
    let root = file::open_without_links(Path::new("/"))?;
    mount::attach(tmpfs.as_fd(), root.as_fd())
}

fn closed(failed: &CallError) -> Finding {
    match remedy::for_call(failed) {
        Some(remedy) => Finding::lacks(TOPIC, remedy),
        None => Finding::missing(
            TOPIC,
            failed.to_string(),
            "an administrator can look at `sysctl -a --pattern 'userns|^user.max'` and in `dmesg`",
        ),
    }
}
