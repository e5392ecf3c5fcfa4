//! What the kernel offers beyond what bryo itself uses: called by probes, to see whether it is
//! closed. Each asks, and lets go at once of what it gets.

use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use super::call::{CallError, Errno, Result, checked};

/// Takes what a call has opened, so that it is closed.
fn opened(answer: libc::c_long, call: &str) -> Result<()> {
    let fd = checked(answer, || call.to_owned())?;
    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
    drop(unsafe { OwnedFd::from_raw_fd(fd as RawFd) });
    Ok(())
}

/// `io_uring_setup(2)`.
pub fn io_uring() -> Result<()> {
    let mut parameters = [0u64; 15]; // struct io_uring_params is 120 bytes
    // SAFETY: the kernel reads and writes one whole io_uring_params there.
    let answer = unsafe { libc::syscall(libc::SYS_io_uring_setup, 4u32, parameters.as_mut_ptr()) };
    opened(answer, "io_uring_setup")
}

/// `socket(2)` of a family by number.
pub fn socket_of_family(family: i32) -> Result<()> {
    // SAFETY: three numbers, no memory.
    let answer = unsafe { libc::socket(family, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) };
    opened(answer.into(), &format!("socket({family})"))
}

/// The number of this process's session keyring (`keyctl(2)`); none is made.
pub fn session_keyring() -> Result<i64> {
    const GET_KEYRING_ID: u64 = 0;
    const SESSION: i64 = -3;
    // SAFETY: numbers only; this operation takes no pointer.
    let answer = unsafe { libc::syscall(libc::SYS_keyctl, GET_KEYRING_ID, SESSION, 0u64) };
    checked(answer, || "keyctl(KEYCTL_GET_KEYRING_ID)".to_owned())
}

/// Attaches to a process as a debugger does, and leaves it again.
pub fn trace(pid: i32) -> Result<()> {
    let none = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: with these requests the two pointers are numbers to the kernel: both zero.
    let answer = unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid, none, none) };
    checked(answer, || format!("ptrace(PTRACE_SEIZE, {pid})"))?;
    // The end of this process would do the same: no answer is waited for.
    // SAFETY: as above.
    unsafe { libc::ptrace(libc::PTRACE_DETACH, pid, none, none) };
    Ok(())
}

/// Pushes a letter into the input of stdin. ENOTTY is an answer of its driver: no filter was asked,
/// or let it through.
pub fn push_terminal_input() -> Result<()> {
    let letter = b' ';
    // SAFETY: TIOCSTI reads one byte at this address.
    let answer = unsafe { libc::ioctl(0, libc::TIOCSTI, &raw const letter) };
    match checked(answer.into(), || "ioctl(TIOCSTI)".to_owned()) {
        Err(e) if e.errno == Errno(libc::ENOTTY) => Ok(()),
        result => result.map(drop),
    }
}

/// The pid of this process, asked for by the 32-bit entry.
#[cfg(target_arch = "x86_64")]
pub fn pid_by_32_bits() -> Result<i32> {
    const GETPID: i64 = 20;
    let answer: i64;
    // SAFETY: getpid takes no argument and touches no memory; the entry keeps every register but
    // rax and r8 to r11, which are named.
    unsafe {
        std::arch::asm!(
            "int 0x80",
            inlateout("rax") GETPID => answer,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
            options(nostack)
        );
    }
    match answer as i32 {
        pid if pid > 0 => Ok(pid),
        errno => Err(CallError { call: "getpid of i386".to_owned(), errno: Errno(-errno) }),
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub fn pid_by_32_bits() -> Result<i32> {
    Err(CallError { call: "getpid of i386".to_owned(), errno: Errno::ENOSYS })
}
