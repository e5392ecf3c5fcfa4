//! The second lock on nested user namespaces, behind the filter of system calls: this user
//! namespace may hold none.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use crate::sys::{Errno, Result, file};

/// In init: writes to the sysctl of its own user namespace, by a /proc that nothing covers yet.
///
/// Whose limit it is follows from who opens it, and only CAP_SYS_RESOURCE in that namespace may
/// write it (kernel/ucount.c, `set_lookup` and `set_permissions`).
pub(in crate::sandbox) fn close_user_namespaces(proc: BorrowedFd<'_>) -> Result<()> {
    match file::open_below_for_writing(proc, Path::new("sys/user/max_user_namespaces")) {
        Ok(limit) => file::write_all(limit.as_fd(), b"0"),
        // A kernel that was built without sysctls.
        Err(e) if e.errno == Errno::ENOENT => Ok(()),
        Err(e) => Err(e),
    }
}
