//! What a child has used, as the kernel counts it when the child is waited for (`wait4(2)`).

use std::mem::MaybeUninit;
use std::time::Duration;

use super::call::{CallError, Errno, Result, checked};
use super::process::{Change, change_of};

/// What `getrusage(2)` tells of a child and of all that it has waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ResourceUsage {
    pub user: Duration,
    pub system: Duration,
    /// Bytes that the largest single process had in memory at once.
    pub largest: u64,
    /// Bytes from and to disks.
    pub read: u64,
    pub written: u64,
}

/// Waits until a child has ended, and tells what it used.
pub fn wait_for_end(pid: i32) -> Result<(Change, ResourceUsage)> {
    loop {
        let mut status = 0;
        let mut usage = MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: wait4 writes one int and one structure, both alive.
        let answer = unsafe { libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr()) };
        match checked(answer.into(), || format!("wait4({pid})")) {
            // SAFETY: all-zero is a valid rusage, and the kernel has filled it.
            Ok(_) => return Ok((change_of(status), unsafe { usage.assume_init() }.into())),
            Err(CallError { errno: Errno::EINTR, .. }) => {}
            Err(e) => return Err(e),
        }
    }
}

impl From<libc::rusage> for ResourceUsage {
    fn from(usage: libc::rusage) -> Self {
        /// In which ru_inblock and ru_oublock count (kernel/sys.c, `task_io_get_inblock`).
        const BLOCK: u64 = 512;
        let number = |value: i64| u64::try_from(value).unwrap_or(0);
        let time = |time: libc::timeval| {
            Duration::from_secs(number(time.tv_sec)) + Duration::from_micros(number(time.tv_usec))
        };
        Self {
            user: time(usage.ru_utime),
            system: time(usage.ru_stime),
            largest: number(usage.ru_maxrss) * 1024,
            read: number(usage.ru_inblock) * BLOCK,
            written: number(usage.ru_oublock) * BLOCK,
        }
    }
}
