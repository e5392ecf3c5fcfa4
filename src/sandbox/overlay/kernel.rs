//! The kernel's own overlayfs, mounted by init in its user namespace (Linux 5.11).
//!
//! Layers are given by descriptor, as `/proc/self/fd/N`: no path needs escaping, and none can
//! change under us. `userxattr` keeps the driver's notes in `user.overlay.*`, the only ones that
//! a user namespace may write.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::base::{Error, HostPath, Result};
use crate::sys::mount::{self, FsOption};

use super::{Keeping, NO_PRIVILEGE, open_lower, unsynced, upper};

/// Where the uppers are, and whether they stay.
pub(super) struct Uppers<'fd> {
    pub(super) base: BorrowedFd<'fd>,
    pub(super) keeping: Keeping,
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
        if self.keeping == Keeping::Kept {
            unsynced::forget_kernels_mark(layer.work.as_fd())?;
        }
        let [lower, upper, work] =
            [lower, layer.upper.as_fd(), layer.work.as_fd()].map(mount::path_of_descriptor);
        let options = [
            FsOption::Text("lowerdir", &lower),
            FsOption::Text("upperdir", &upper),
            FsOption::Text("workdir", &work),
            FsOption::Flag("userxattr"),
            // No sync at each copy-up: what ends with the run need not survive a crash, and what is
            // kept is brought to the disk at the end.
            FsOption::Flag("volatile"),
        ];
        mount::new_filesystem("overlay", &options, NO_PRIVILEGE).map_err(|e| {
            Error::from(e)
                .within("the kernel's overlayfs refuses it")
                .hint("`--overlay-driver fuse` takes more kinds of directories")
        })
    }
}
