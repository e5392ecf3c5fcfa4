//! Facts of the kernel and of this process that every run needs.

use std::path::Path;

use crate::base::idrange::{IdMap, IdMapLine};
use crate::base::syscall::Abi;
use crate::sys::{capability, file, landlock, process, seccomp};

#[derive(Clone, PartialEq, Debug)]
pub struct Kernel {
    /// Bytes of memory in the machine; bounds what a tmpfs may take.
    pub memory: u64,
    /// Already set: then newuidmap, which is setuid, gains nothing and cannot help.
    pub no_new_privs: bool,
    /// tmpfs files may carry `user.*` attributes, so an overlay's upper layer may live there.
    pub tmpfs_has_user_xattrs: bool,
    pub effective_uid: u32,
    /// Whether every id here is the same id of the machine: not so in a user namespace that
    /// somebody else made. Looked at only for uid 0, to which alone it matters.
    pub maps_every_id: bool,
    /// The ABI of Landlock, 0 where there is none.
    pub landlock: u32,
    /// How its programs make system calls, where those can be filtered; else why not.
    pub seccomp: Result<Abi, &'static str>,
    /// Major and minor number of the release.
    pub release: (u32, u32),
}

impl Kernel {
    pub(super) fn read() -> Self {
        Self {
            memory: total_memory(),
            no_new_privs: capability::has_no_new_privs(),
            tmpfs_has_user_xattrs: file::tmpfs_has_user_xattrs(),
            effective_uid: process::effective_uid(),
            maps_every_id: process::effective_uid() != 0 || maps_every_id(),
            landlock: landlock::abi().unwrap_or(0),
            seccomp: filterable_abi(),
            release: process::kernel_release(),
        }
    }
}

fn filterable_abi() -> Result<Abi, &'static str> {
    let abi = Abi::of_this_machine().ok_or("bryo has no table of this machine's system calls")?;
    match seccomp::is_available() {
        true => Ok(abi),
        false => Err("the kernel was built without filters of system calls"),
    }
}

fn total_memory() -> u64 {
    crate::sys::process::total_memory()
}

/// Whether uid 0 here is uid 0 of the machine: the first user namespace maps all ids to themselves
/// (user_namespaces(7), "/proc/pid/uid_map").
fn maps_every_id() -> bool {
    let Ok(content) = file::read_path(Path::new("/proc/self/uid_map"), 1 << 16) else {
        return true;
    };
    let all = IdMapLine { inside: 0, outside: 0, count: u32::MAX };
    IdMap::from_kernel(&String::from_utf8_lossy(&content)).is_none_or(|map| map.0 == [all])
}
