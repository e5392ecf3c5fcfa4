//! The kernel's own overlayfs, mounted by init in its user namespace (Linux 5.11).
//!
//! Layers are given by descriptor, as `/proc/self/fd/N`: no path needs escaping, and none can
//! change under us. `userxattr` keeps the driver's notes in `user.overlay.*`, the only ones that
//! a user namespace may write.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::base::{Error, HostPath, Result};
use crate::sys::Errno;
use crate::sys::mount::{self, FsOption};

use super::below::Below;
use super::{Keeping, NO_PRIVILEGE, open_lower, unsynced, upper};

/// What fsconfig(2) takes as a string (`strndup_user` in fs/fsopen.c takes 256 with its end). Longer
/// lists are given one by one, which Linux 6.8 takes (`lowerdir+`).
const LONGEST_OPTION: usize = 255;

/// Where the uppers are, and whether they stay.
pub(super) struct Uppers<'fd> {
    pub(super) base: BorrowedFd<'fd>,
    pub(super) keeping: Keeping,
    /// What lies between an upper and its directory.
    pub(super) below: &'fd Below,
}

impl Uppers<'_> {
    pub(super) fn overlay(&self, lower: &HostPath, name: &str) -> Result<OwnedFd> {
        self.overlay_of(open_lower(lower)?.as_fd(), lower, name)
    }

    /// The same for a lower directory that is open already; `path` is what is noted of it.
    pub(super) fn overlay_of(
        &self,
        lower: BorrowedFd<'_>,
        path: &HostPath,
        name: &str,
    ) -> Result<OwnedFd> {
        let layer = upper::open(self.base, name, lower, path, self.keeping)?;
        if layer.is_new {
            upper::expect_attributes(layer.work.as_fd())?;
        }
        if self.keeping == Keeping::Kept {
            unsynced::forget_kernels_mark(layer.work.as_fd())?;
        }
        let mut lowers = self.below.over(path)?;
        lowers.push(lower);
        let lowers: Vec<String> = lowers.into_iter().map(mount::path_of_descriptor).collect();
        let [upper, work] =
            [layer.upper.as_fd(), layer.work.as_fd()].map(mount::path_of_descriptor);
        let joined = lowers.join(":");
        let mut options = match joined.len() {
            ..=LONGEST_OPTION => vec![FsOption::Text("lowerdir", &joined)],
            _ => lowers.iter().map(|lower| FsOption::Text("lowerdir+", lower)).collect(),
        };
        options.extend([
            FsOption::Text("upperdir", &upper),
            FsOption::Text("workdir", &work),
            FsOption::Flag("userxattr"),
            // No sync at each copy-up: what ends with the run need not survive a crash, and what is
            // kept is brought to the disk at the end.
            FsOption::Flag("volatile"),
        ]);
        mount::new_filesystem("overlay", &options, NO_PRIVILEGE).map_err(|e| {
            if joined.len() > LONGEST_OPTION && e.errno == Errno::EINVAL {
                return too_high(lowers.len());
            }
            Error::from(e)
                .within("the kernel's overlayfs refuses it")
                .hint("`--overlay-driver fuse` takes more kinds of directories")
        })
    }
}

fn too_high(count: usize) -> Error {
    Error::new(format!("this kernel takes no {count} layers below one another"))
        .hint("apply or discard some of them; `bryo changes` tells which lies on which")
}
