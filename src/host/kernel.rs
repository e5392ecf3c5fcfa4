//! Facts of the kernel and of this process that every run needs.

use crate::sys::{capability, file, process};

#[derive(Clone, PartialEq, Debug)]
pub struct Kernel {
    /// Bytes of memory in the machine; bounds what a tmpfs may take.
    pub memory: u64,
    /// Already set: then newuidmap, which is setuid, gains nothing and cannot help.
    pub no_new_privs: bool,
    /// tmpfs files may carry `user.*` attributes, so an overlay's upper layer may live there.
    pub tmpfs_has_user_xattrs: bool,
    pub effective_uid: u32,
}

impl Kernel {
    pub(super) fn read() -> Self {
        Self {
            memory: total_memory(),
            no_new_privs: capability::has_no_new_privs(),
            tmpfs_has_user_xattrs: file::tmpfs_has_user_xattrs(),
            effective_uid: process::effective_uid(),
        }
    }
}

fn total_memory() -> u64 {
    crate::sys::process::total_memory()
}
