//! Signals: blocked, and read as data from a `signalfd(2)`.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::call::{Errno, Result, checked};

pub const SIGHUP: i32 = libc::SIGHUP;
pub const SIGINT: i32 = libc::SIGINT;
pub const SIGQUIT: i32 = libc::SIGQUIT;
pub const SIGKILL: i32 = libc::SIGKILL;
pub const SIGUSR1: i32 = libc::SIGUSR1;
pub const SIGUSR2: i32 = libc::SIGUSR2;
pub const SIGTERM: i32 = libc::SIGTERM;
pub const SIGCHLD: i32 = libc::SIGCHLD;
pub const SIGCONT: i32 = libc::SIGCONT;
pub const SIGSTOP: i32 = libc::SIGSTOP;
pub const SIGTSTP: i32 = libc::SIGTSTP;
pub const SIGTTIN: i32 = libc::SIGTTIN;
pub const SIGTTOU: i32 = libc::SIGTTOU;
pub const SIGWINCH: i32 = libc::SIGWINCH;
pub const SIGIO: i32 = libc::SIGIO;
pub const SIGPIPE: i32 = libc::SIGPIPE;
pub const SIGALRM: i32 = libc::SIGALRM;

/// Those by which somebody ends a program.
pub const ENDING: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

fn set_of(signals: &[i32]) -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigemptyset initialises the whole set before anything reads it; sigaddset takes
    // constants of this module.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            libc::sigaddset(set.as_mut_ptr(), *signal);
        }
        set.assume_init()
    }
}

fn set_mask(how: i32, set: &libc::sigset_t) -> Result<()> {
    // SAFETY: one live set is read; the old mask is not asked for.
    let answer = unsafe { libc::sigprocmask(how, set, std::ptr::null_mut()) };
    checked(answer.into(), || "sigprocmask".to_owned()).map(drop)
}

/// A descriptor from which blocked signals are read.
#[derive(Debug)]
pub struct SignalQueue(OwnedFd);

impl SignalQueue {
    /// Blocks the signals and opens their queue. A process made by fork inherits both, and reads
    /// its own signals from it.
    pub fn open(signals: &[i32]) -> Result<Self> {
        let set = set_of(signals);
        set_mask(libc::SIG_BLOCK, &set)?;
        // SAFETY: one live set is read; -1 asks for a new descriptor.
        let fd =
            unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        let fd = checked(fd.into(), || "signalfd".to_owned())?;
        // SAFETY: the kernel has just made this descriptor for us.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd as i32) }))
    }

    /// The next signal that has arrived, if any.
    pub fn next(&self) -> Result<Option<i32>> {
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::uninit();
        // SAFETY: the kernel writes whole structures of this size, or nothing.
        let answer = unsafe {
            libc::read(
                self.0.as_raw_fd(),
                info.as_mut_ptr().cast(),
                size_of::<libc::signalfd_siginfo>(),
            )
        };
        match checked(answer as libc::c_long, || "read(signalfd)".to_owned()) {
            // SAFETY: a successful read filled the structure.
            Ok(_) => Ok(Some(unsafe { info.assume_init() }.ssi_signo as i32)),
            Err(e) if e.errno == Errno::EAGAIN || e.errno == Errno::EINTR => Ok(None),
            Err(e) => Err(e),
        }
    }
}

impl AsFd for SignalQueue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Unblocks every signal: a program expects to start so, whatever bryo blocked or inherited.
pub fn unblock_all() -> Result<()> {
    set_mask(libc::SIG_SETMASK, &set_of(&[]))
}

/// Blocks every signal that can be blocked.
pub fn block_all() -> Result<()> {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigfillset initialises the whole set before it is read.
    let set = unsafe {
        libc::sigfillset(set.as_mut_ptr());
        set.assume_init()
    };
    set_mask(libc::SIG_SETMASK, &set)
}

/// Gives a signal its default action.
pub fn set_default(signal: i32) -> Result<()> {
    // SAFETY: SIG_DFL is no function of ours, so nothing can be called at a bad moment.
    let before = unsafe { libc::signal(signal, libc::SIG_DFL) };
    if before == libc::SIG_ERR {
        return checked(-1, || format!("signal({signal}, SIG_DFL)")).map(drop);
    }
    Ok(())
}

/// Ignores a signal.
pub fn ignore(signal: i32) -> Result<()> {
    // SAFETY: SIG_IGN is no function of ours, so nothing can be called at a bad moment.
    let before = unsafe { libc::signal(signal, libc::SIG_IGN) };
    if before == libc::SIG_ERR {
        return checked(-1, || format!("signal({signal}, SIG_IGN)")).map(drop);
    }
    Ok(())
}

/// Whose processes a stop is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stopping {
    ThisProcess,
    /// The whole process group, as the terminal does it at `^Z`.
    ItsGroup,
}

/// Stops this process by a signal that it blocks, and returns when it goes on; whether it was
/// stopped at all: SIGTSTP, SIGTTIN and SIGTTOU do not stop a process group that nobody would
/// continue (an orphaned one, setpgid(2)). The SIGCONT that continued it is taken: who queues
/// signals hears of each continuation once.
pub fn stop(signal: i32, whom: Stopping) -> Result<bool> {
    let target = match whom {
        Stopping::ThisProcess => super::process::own_pid(),
        Stopping::ItsGroup => 0,
    };
    super::process::kill(target, signal)?;
    let set = set_of(&[signal]);
    set_mask(libc::SIG_UNBLOCK, &set)?;
    set_mask(libc::SIG_BLOCK, &set)?;
    take_pending(SIGCONT)
}

/// Continues this process after a time, even when it is stopped; until it is dropped.
#[derive(Debug)]
pub struct WakeUp(libc::timer_t);

impl WakeUp {
    pub fn after(time: std::time::Duration) -> Result<Self> {
        // SAFETY: an all-zero sigevent is valid; the two fields that SIGEV_SIGNAL reads are set.
        let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
        event.sigev_notify = libc::SIGEV_SIGNAL;
        event.sigev_signo = SIGCONT;
        let mut timer: libc::timer_t = std::ptr::null_mut();
        // SAFETY: one live event is read and one live timer id is written.
        let answer =
            unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer) };
        checked(answer.into(), || "timer_create".to_owned())?;
        let timer = Self(timer);
        let when = libc::itimerspec {
            it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: libc::timespec {
                tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
                // One nanosecond at least: zero would disarm it.
                tv_nsec: i64::from(time.subsec_nanos()).max(1),
            },
        };
        // SAFETY: the timer was just made, one live specification is read, none is asked back.
        let answer =
            unsafe { libc::timer_settime(timer.0, 0, &raw const when, std::ptr::null_mut()) };
        checked(answer.into(), || "timer_settime".to_owned())?;
        Ok(timer)
    }
}

impl Drop for WakeUp {
    fn drop(&mut self) {
        // SAFETY: the id is that of a timer of this process, deleted once, here.
        unsafe { libc::timer_delete(self.0) };
    }
}

/// Whether it was pending; it is not any more.
fn take_pending(signal: i32) -> Result<bool> {
    let set = set_of(&[signal]);
    let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: one live set and one live time are read; who sent it is not asked for.
    let answer =
        unsafe { libc::sigtimedwait(&raw const set, std::ptr::null_mut(), &raw const at_once) };
    match checked(answer.into(), || "sigtimedwait".to_owned()) {
        Ok(_) => Ok(true),
        Err(e) if e.errno == Errno::EAGAIN => Ok(false),
        Err(e) => Err(e),
    }
}
