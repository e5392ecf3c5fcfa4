//! New processes: `clone3(2)` with namespaces and a pidfd, and the plain fork.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use super::call::{Errno, Result, checked};
use super::process;

/// The namespaces a child is to have of its own, as `clone3(2)` names them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CloneFlags(u64);

impl CloneFlags {
    pub const NONE: Self = Self(0);
    pub const NEWUSER: Self = Self(libc::CLONE_NEWUSER as u64);
    pub const NEWNS: Self = Self(libc::CLONE_NEWNS as u64);
    pub const NEWPID: Self = Self(libc::CLONE_NEWPID as u64);
    pub const NEWUTS: Self = Self(libc::CLONE_NEWUTS as u64);
    pub const NEWIPC: Self = Self(libc::CLONE_NEWIPC as u64);
    pub const NEWNET: Self = Self(libc::CLONE_NEWNET as u64);
    pub const NEWCGROUP: Self = Self(libc::CLONE_NEWCGROUP as u64);
    pub const NEWTIME: Self = Self(libc::CLONE_NEWTIME as u64);

    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn bits(self) -> u64 {
        self.0
    }
}

/// A child that this process made: its pid, and the pidfd that cannot come to mean another one.
#[derive(Debug)]
pub struct Child {
    pub pid: i32,
    pub pidfd: OwnedFd,
}

impl Child {
    /// Kills it and waits until it is gone. Its failures leave nothing more to try.
    pub fn end(&self) {
        self.kill();
        let _ = process::wait_for_end(self.pid);
    }

    /// Kills it, if it is not dead already, which is what is wanted too.
    pub fn kill(&self) {
        // Not yet waited for, the number is still the child's own,
        // for the filters of old containers that know no pidfd.
        if process::signal_pidfd(self.pidfd.as_fd(), libc::SIGKILL).is_err() {
            let _ = process::kill(self.pid, libc::SIGKILL);
        }
    }

    /// Has it go on if it was stopped since the last look; says nothing of one that has ended.
    pub fn go_on_if_stopped(&self) -> Result<()> {
        // SAFETY: an all-zero siginfo_t is valid.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let (fd, options) = (self.pidfd.as_raw_fd(), libc::WSTOPPED | libc::WNOHANG);
        // SAFETY: waitid writes one siginfo_t, which is alive.
        let answer = unsafe { libc::waitid(libc::P_PIDFD, fd as u32, &raw mut info, options) };
        match checked(answer.into(), || "waitid(P_PIDFD)".to_owned()) {
            // SAFETY: waitid has filled it, or left its number 0 if there is no news.
            Ok(_) if unsafe { info.si_pid() } == 0 => Ok(()),
            Ok(_) => process::kill(self.pid, libc::SIGCONT),
            Err(e) if matches!(e.errno, Errno::ECHILD | Errno::EINTR) => Ok(()),
            Err(e) => Err(e),
        }
    }
}

/// Which of the two processes returned from the call.
#[derive(Debug)]
pub enum Fork {
    Parent(Child),
    Child,
}

/// Forks into new namespaces. The process must have a single thread: the child runs ordinary Rust
/// code, and a lock that another thread held would stay locked in it for ever.
pub fn clone3(flags: CloneFlags) -> Result<Fork> {
    clone3_into(flags, None)
}

/// `CLONE_INTO_CGROUP` of linux/sched.h; libc's constant is too narrow for it.
const INTO_CGROUP: u64 = 1 << 33;

/// The same, with the child born into a cgroup (`CLONE_INTO_CGROUP`, Linux 5.7): a directory of
/// cgroup v2.
pub fn clone3_into(flags: CloneFlags, cgroup: Option<BorrowedFd<'_>>) -> Result<Fork> {
    let mut pidfd: RawFd = -1;
    // SAFETY: an all-zero clone_args is the documented "nothing asked" value.
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = flags.bits() | libc::CLONE_PIDFD as u64;
    args.pidfd = &raw mut pidfd as u64;
    args.exit_signal = libc::SIGCHLD as u64;
    if let Some(directory) = cgroup {
        args.flags |= INTO_CGROUP;
        args.cgroup = directory.as_raw_fd() as u64;
    }
    // SAFETY: without CLONE_VM the child has a copy of this address space and stack, as after
    // fork(2); `args` and `pidfd` outlive the call; the process has one thread (see above).
    let answer =
        unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<libc::clone_args>()) };
    let answer = match answer {
        -1 if Errno::last() == Errno::ENOSYS && cgroup.is_none() => {
            clone_as_before(args.flags, &raw mut pidfd)
        }
        answer => answer,
    };
    let pid = checked(answer, || format!("clone3({:#x})", args.flags & !libc::CLONE_PIDFD as u64))?;
    if pid == 0 {
        return Ok(Fork::Child);
    }
    // SAFETY: the kernel has just put a new descriptor here, which nobody else owns.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Fork::Parent(Child { pid: pid as i32, pidfd }))
}

/// By clone(2), where a filter of system calls, bryo's own or docker's, leaves clone3 out because
/// its flags lie behind a pointer.
fn clone_as_before(flags: u64, pidfd: *mut RawFd) -> libc::c_long {
    let flags = flags | libc::SIGCHLD as u64;
    let none = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: as in `clone3` above; with CLONE_PIDFD the kernel writes the descriptor where the
    // third argument leads on every architecture, and without a stack the child uses a copy of ours.
    unsafe { libc::syscall(libc::SYS_clone, flags, none, pidfd, none, none) }
}

/// Forks within the same namespaces.
pub fn fork() -> Result<Fork> {
    clone3(CloneFlags::NONE)
}

/// What a child that soon becomes another program works on meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Memory {
    /// This process's own, as vfork(2): it saves the copy of the page tables and every fault after
    /// it, about 0.3 ms in a virtual machine.
    Borrowed,
    /// A copy. A child that enters a new time namespace cannot share memory with its parent before
    /// Linux 6.3 (commit 2b5f9dad32ed).
    Copied,
}

/// Starts a child that soon becomes another program, and returns when it has (or has exited). The
/// body execs, or returns the status to exit with.
pub fn spawn_until_exec(memory: Memory, body: &mut dyn FnMut() -> u8) -> Result<i32> {
    match memory {
        Memory::Borrowed => spawn_borrowing(body),
        Memory::Copied => spawn_copying(body),
    }
}

fn spawn_copying(body: &mut dyn FnMut() -> u8) -> Result<i32> {
    // It closes at exec, and that is how the parent hears of it.
    let (hears, closes_at_exec) = super::socket::pipe()?;
    match fork()? {
        Fork::Child => {
            drop(hears);
            super::process::exit_now(body())
        }
        Fork::Parent(child) => {
            drop(closes_at_exec);
            super::file::read(hears.as_fd(), &mut [0])?;
            Ok(child.pid)
        }
    }
}

fn spawn_borrowing(mut body: &mut dyn FnMut() -> u8) -> Result<i32> {
    extern "C" fn start(argument: *mut libc::c_void) -> libc::c_int {
        let body = argument.cast::<&mut dyn FnMut() -> u8>();
        // SAFETY: `argument` is the address of `body` below, alive because the parent's thread is
        // suspended in clone until this child execs or exits; nobody else uses it meanwhile.
        unsafe { (*body)() }.into()
    }
    const STACK_SIZE: usize = 512 << 10;
    let mut stack = vec![0u128; STACK_SIZE / size_of::<u128>()];
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: the stack is a live allocation, aligned to 16 bytes, used from its upper end by the
    // child alone. The child shares this memory while our only thread waits (CLONE_VFORK), so
    // there is never more than one at work on it; what it leaves allocated is lost, not torn. What
    // `start` returns, clone(2)'s wrapper hands to _exit.
    let pid = unsafe {
        let top = stack.as_mut_ptr().add(stack.len()).cast::<libc::c_void>();
        libc::clone(start, top, flags, (&raw mut body).cast())
    };
    checked(pid.into(), || "clone(CLONE_VM | CLONE_VFORK)".to_owned()).map(|pid| pid as i32)
}
