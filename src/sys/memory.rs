//! Memory that a process shares with the children it forks, whatever else they copy.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use super::call::{CallError, Errno, Result};

/// One number, written by a child and read by its parent without a system call.
#[derive(Debug)]
pub struct SharedNumber(NonNull<AtomicU64>);

impl SharedNumber {
    /// Zero at first.
    pub fn new() -> Result<Self> {
        let (access, kind) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping where the kernel likes; nothing is replaced.
        let page = unsafe {
            libc::mmap(std::ptr::null_mut(), size_of::<AtomicU64>(), access, kind, -1, 0)
        };
        let failed = || CallError { call: "mmap(MAP_SHARED)".to_owned(), errno: Errno::last() };
        if page == libc::MAP_FAILED {
            return Err(failed());
        }
        NonNull::new(page.cast()).map(Self).ok_or_else(failed)
    }

    #[must_use]
    pub fn get(&self) -> u64 {
        self.number().load(Ordering::Acquire)
    }

    pub fn set(&self, number: u64) {
        self.number().store(number, Ordering::Release);
    }

    fn number(&self) -> &AtomicU64 {
        // SAFETY: the page is mapped, zeroed and aligned as long as `self` lives, in this process
        // and in each that was forked from it.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for SharedNumber {
    fn drop(&mut self) {
        // SAFETY: the mapping that `new` made; no reference to it outlives `self`. Failing leaves a
        // page mapped, which nobody would notice.
        unsafe { libc::munmap(self.0.as_ptr().cast(), size_of::<AtomicU64>()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::clone::{Memory, spawn_until_exec};
    use crate::sys::process::wait_for_end;

    #[test]
    fn what_a_child_writes_its_parent_reads() {
        for (memory, number) in [(Memory::Copied, 1 << 40), (Memory::Borrowed, 7)] {
            let shared = SharedNumber::new().unwrap();
            let mut body = || {
                shared.set(number);
                0
            };
            let pid = spawn_until_exec(memory, &mut body).unwrap();
            wait_for_end(pid).unwrap();
            assert_eq!(shared.get(), number);
        }
    }
}
