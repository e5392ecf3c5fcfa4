//! Mounts by file descriptor: `open_tree`, `move_mount`, `mount_setattr`, `fsopen` and friends.
//!
//! The descriptor-based calls need Linux 5.12 (`mount_setattr`, commit 2a1867219c7b); the older
//! path-based ones are not used, since a path can change between two calls.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags,
    fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, move_mount,
    open_tree, unmount,
};

use super::call::{Named, Result, checked};

/// The mount attributes of `mount_setattr(2)` and `fsmount(2)`, as the kernel spells them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MountAttr(u64);

impl MountAttr {
    pub const NONE: Self = Self(0);
    pub const RDONLY: Self = Self(libc::MOUNT_ATTR_RDONLY);
    pub const NOSUID: Self = Self(libc::MOUNT_ATTR_NOSUID);
    pub const NODEV: Self = Self(libc::MOUNT_ATTR_NODEV);
    pub const NOEXEC: Self = Self(libc::MOUNT_ATTR_NOEXEC);

    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// How far `mount_setattr` reaches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    ThisMount,
    /// `AT_RECURSIVE`: every mount below too, so that no submount keeps a right its parent lost.
    WholeTree,
}

/// A private copy of the mount tree at `source` (an `O_PATH` descriptor), attached nowhere yet.
///
/// Always recursive: in a less privileged mount namespace the submounts are locked together with
/// their parent, and a copy without them is EINVAL (mount_namespaces(7)).
pub fn open_tree_clone(source: BorrowedFd<'_>) -> Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH
        | OpenTreeFlags::AT_RECURSIVE;
    open_tree(source, c"", flags).named(|| format!("open_tree(fd {})", source.as_raw_fd()))
}

/// Attaches a detached mount on the directory or file that `target` names.
pub fn attach(tree: BorrowedFd<'_>, target: BorrowedFd<'_>) -> Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(tree, c"", target, c"", flags).named(|| "move_mount".to_owned())
}

/// Takes a mount, and what is mounted on it, out of this mount namespace (`MNT_DETACH`).
pub fn detach(mount: BorrowedFd<'_>) -> Result<()> {
    let path = path_of_descriptor(mount);
    unmount(path.as_str(), UnmountFlags::DETACH).named(|| format!("umount2({path}, MNT_DETACH)"))
}

/// Adds `set` to the attributes of a mount and cuts it off from mount propagation, so that nothing
/// mounted on the host later appears inside, nor the other way round.
pub fn set_attributes(mount: BorrowedFd<'_>, set: MountAttr, reach: Reach) -> Result<()> {
    let attr = libc::mount_attr {
        attr_set: set.0,
        attr_clr: 0,
        propagation: libc::MS_PRIVATE,
        userns_fd: 0,
    };
    let flags = libc::AT_EMPTY_PATH
        | match reach {
            Reach::ThisMount => 0,
            Reach::WholeTree => libc::AT_RECURSIVE,
        };
    // SAFETY: the path is a static C string, and the kernel reads exactly
    // `size_of::<mount_attr>()` bytes from a live structure of that type.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attr,
            size_of::<libc::mount_attr>(),
        )
    };
    checked(answer, || format!("mount_setattr(set {:#x})", set.0)).map(drop)
}

/// One option of a filesystem to be mounted.
pub enum FsOption<'a> {
    Flag(&'a str),
    Text(&'a str, &'a str),
}

/// Makes a filesystem of the given type and returns its mount, attached nowhere yet.
pub fn new_filesystem(
    fstype: &str,
    options: &[FsOption<'_>],
    attributes: MountAttr,
) -> Result<OwnedFd> {
    let context =
        fsopen(fstype, FsOpenFlags::FSOPEN_CLOEXEC).named(|| format!("fsopen(\"{fstype}\")"))?;
    let context = context.as_fd();
    for option in options {
        match option {
            FsOption::Flag(key) => {
                fsconfig_set_flag(context, *key).named(|| format!("fsconfig({fstype}, {key})"))?
            }
            FsOption::Text(key, value) => fsconfig_set_string(context, *key, *value)
                .named(|| format!("fsconfig({fstype}, {key}={value})"))?,
        }
    }
    fsconfig_create(context).named(|| format!("fsconfig({fstype}, create){}", said(context)))?;
    let attributes = MountAttrFlags::from_bits_retain(attributes.0 as u32);
    fsmount(context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
        .named(|| format!("fsmount({fstype})"))
}

/// What the filesystem says about a failed option: lines such as `e overlay: no lowerdir`.
fn said(context: BorrowedFd<'_>) -> String {
    let mut line = [0; 512];
    match rustix::io::read(context, &mut line) {
        Ok(length) if length > 2 => {
            let line = String::from_utf8_lossy(&line[2..length]);
            format!(" says `{}`", line.trim().escape_debug())
        }
        _ => String::new(),
    }
}

/// Makes the current directory the root of the mount namespace and lets go of the old root: after
/// this nothing of the host's tree can be named. The caller has chdir'ed into the new root.
///
/// `pivot_root(".", ".")` stacks the old root on the new one's top, from where it is detached
/// (pivot_root(2), NOTES).
pub fn pivot_into_current_directory() -> Result<()> {
    rustix::process::pivot_root(c".", c".").named(|| "pivot_root(\".\", \".\")".to_owned())?;
    unmount(c".", UnmountFlags::DETACH).named(|| "umount2(\".\", MNT_DETACH)".to_owned())?;
    chdir_to_root()
}

fn chdir_to_root() -> Result<()> {
    rustix::process::chdir(c"/").named(|| "chdir(\"/\")".to_owned())
}

/// The place in `/proc` through which a descriptor can be named where only a path is taken.
#[must_use]
pub fn path_of_descriptor(fd: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

/// Whether the kernel knows a filesystem type: asked by opening it, not by reading a list.
#[must_use]
pub fn knows_filesystem(fstype: &CStr) -> bool {
    fsopen(fstype, FsOpenFlags::FSOPEN_CLOEXEC).is_ok()
}
