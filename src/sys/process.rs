//! Processes: identity, exec, waiting, killing, descriptors.

use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use super::call::{Errno, Named, Result, checked};

/// How a child ended, or what it does meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    Exited(i32),
    Killed(i32),
    Stopped(i32),
    Continued,
}

#[must_use]
pub fn own_pid() -> i32 {
    rustix::process::getpid().as_raw_nonzero().get()
}

/// The processor time that this process has taken so far.
#[must_use]
pub fn time_worked() -> std::time::Duration {
    use rustix::time::{ClockId, clock_gettime};
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let part = |it: i64| u64::try_from(it).unwrap_or(0);
    std::time::Duration::from_secs(part(time.tv_sec))
        + std::time::Duration::from_nanos(part(time.tv_nsec))
}

#[must_use]
pub fn uid() -> u32 {
    rustix::process::getuid().as_raw()
}

#[must_use]
pub fn effective_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[must_use]
pub fn gid() -> u32 {
    rustix::process::getgid().as_raw()
}

pub fn groups() -> Result<Vec<u32>> {
    let groups = rustix::process::getgroups().named(|| "getgroups".to_owned())?;
    Ok(groups.into_iter().map(|g| g.as_raw()).collect())
}

pub fn set_groups(groups: &[u32]) -> Result<()> {
    // SAFETY: the kernel reads `len` group ids from the slice. The raw call, not glibc's: that one
    // would signal the other threads, and there are none.
    let answer = unsafe { libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) };
    checked(answer, || format!("setgroups({groups:?})")).map(drop)
}

pub fn set_gid(gid: u32) -> Result<()> {
    // SAFETY: three numbers, no memory.
    let answer = unsafe { libc::syscall(libc::SYS_setresgid, gid, gid, gid) };
    checked(answer, || format!("setresgid({gid})")).map(drop)
}

pub fn set_uid(uid: u32) -> Result<()> {
    // SAFETY: three numbers, no memory.
    let answer = unsafe { libc::syscall(libc::SYS_setresuid, uid, uid, uid) };
    checked(answer, || format!("setresuid({uid})")).map(drop)
}

/// Strings as execve(2) wants them: an array of pointers, the last of them null.
#[derive(Debug)]
pub struct Strings {
    pointers: Vec<*const libc::c_char>,
    _owned: Vec<CString>,
}

impl Strings {
    #[must_use]
    pub fn new(strings: Vec<CString>) -> Self {
        let pointers = strings.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect();
        Self { pointers, _owned: strings }
    }
}

/// Replaces this process. Returns only the reason why it could not. Allocates nothing.
pub fn execve(path: &CStr, argv: &Strings, environment: &Strings) -> Errno {
    // SAFETY: both arrays end in a null pointer, and own the strings that they lead to.
    unsafe { libc::execve(path.as_ptr(), argv.pointers.as_ptr(), environment.pointers.as_ptr()) };
    Errno::last()
}

/// Ends this process at once, without running destructors or flushing what a parent buffered.
pub fn exit_now(status: u8) -> ! {
    // SAFETY: _exit does not return and touches no memory.
    unsafe { libc::_exit(status.into()) }
}

/// Whom to wait for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whom {
    Any,
    Pid(i32),
}

/// Collects one change of a child that is already there; `None` when there is none to collect.
pub fn collect_change(whom: Whom) -> Result<Option<(i32, Change)>> {
    wait(whom, libc::WNOHANG | libc::WUNTRACED | libc::WCONTINUED)
}

/// Waits until a child has ended. Nobody but us waits for it, so one that was stopped goes on.
pub fn wait_for_end(pid: i32) -> Result<Change> {
    loop {
        match wait(Whom::Pid(pid), libc::WUNTRACED)? {
            Some((_, Change::Stopped(_))) => kill(pid, libc::SIGCONT)?,
            Some((_, Change::Continued)) | None => {}
            Some((_, change)) => return Ok(change),
        }
    }
}

fn wait(whom: Whom, options: i32) -> Result<Option<(i32, Change)>> {
    let target = match whom {
        Whom::Any => -1,
        Whom::Pid(pid) => pid,
    };
    let mut status = 0;
    loop {
        // SAFETY: waitpid writes one int, which is alive.
        let pid = unsafe { libc::waitpid(target, &raw mut status, options) };
        match checked(pid.into(), || format!("waitpid({target})")) {
            Ok(0) => return Ok(None),
            Ok(pid) => return Ok(Some((pid as i32, change_of(status)))),
            Err(e) if e.errno == Errno::EINTR => {}
            Err(e) if e.errno == Errno::ECHILD && whom == Whom::Any => return Ok(None),
            Err(e) => return Err(e),
        }
    }
}

pub(super) fn change_of(status: i32) -> Change {
    if libc::WIFEXITED(status) {
        Change::Exited(libc::WEXITSTATUS(status))
    } else if libc::WIFSTOPPED(status) {
        Change::Stopped(libc::WSTOPSIG(status))
    } else if libc::WIFCONTINUED(status) {
        Change::Continued
    } else {
        Change::Killed(libc::WTERMSIG(status))
    }
}

/// Sends a signal to the very process that a pidfd holds.
pub fn signal_pidfd(pidfd: BorrowedFd<'_>, signal: i32) -> Result<()> {
    // SAFETY: a descriptor, a number, and no siginfo.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
    checked(answer, || format!("pidfd_send_signal({signal})")).map(drop)
}

/// Sends a signal to a process, or with a negative number to a process group.
pub fn kill(target: i32, signal: i32) -> Result<()> {
    // SAFETY: two numbers.
    let answer = unsafe { libc::kill(target, signal) };
    checked(answer.into(), || format!("kill({target}, {signal})")).map(drop)
}

pub fn set_session() -> Result<()> {
    rustix::process::setsid().map(drop).named(|| "setsid".to_owned())
}

/// Makes a child the leader of a process group of its own.
pub fn set_process_group(pid: i32) -> Result<()> {
    // SAFETY: two numbers.
    let answer = unsafe { libc::setpgid(pid, pid) };
    checked(answer.into(), || format!("setpgid({pid})")).map(drop)
}

#[must_use]
pub fn own_process_group() -> i32 {
    rustix::process::getpgrp().as_raw_nonzero().get()
}

/// Standard input, output and error.
#[must_use]
pub fn standard_streams() -> [BorrowedFd<'static>; 3] {
    // SAFETY: std opens /dev/null for those that are closed when the program begins; nothing in
    // this house closes one before the process is about to end, only puts another in its place.
    unsafe { [BorrowedFd::borrow_raw(0), BorrowedFd::borrow_raw(1), BorrowedFd::borrow_raw(2)] }
}

/// Marks every descriptor from `first` on to be closed at exec (`close_range(2)`, Linux 5.11).
pub fn close_on_exec_from(first: RawFd) -> Result<()> {
    close_range(first, RawFd::MAX, libc::CLOSE_RANGE_CLOEXEC as i32)
}

/// Closes every descriptor from `first` to `last`.
pub fn close_descriptors(first: RawFd, last: RawFd) -> Result<()> {
    close_range(first, last, 0)
}

/// Closes every descriptor but these.
pub fn close_all_but(kept: &[BorrowedFd<'_>]) -> Result<()> {
    let mut kept: Vec<RawFd> = kept.iter().map(AsRawFd::as_raw_fd).collect();
    kept.sort_unstable();
    let mut next = 0;
    for fd in kept {
        close_range(next, fd - 1, 0)?;
        next = fd + 1;
    }
    close_range(next, RawFd::MAX, 0)
}

/// Closes descriptors that were inherited under known numbers, and that nothing here owns.
pub fn close_numbers(numbers: &[RawFd]) {
    for number in numbers {
        let _ = close_range(*number, *number, 0);
    }
}

fn close_range(first: RawFd, last: RawFd, flags: i32) -> Result<()> {
    if first > last {
        return Ok(());
    }
    // SAFETY: closing here is closing by number; callers use it where nothing above `first` is
    // owned any more (just after the clone) or only with CLOEXEC, which closes nothing now.
    let answer = unsafe { libc::syscall(libc::SYS_close_range, first as u32, last as u32, flags) };
    checked(answer, || format!("close_range({first}, {last})")).map(drop)
}

/// Whether a number is open and not closed at exec.
#[must_use]
pub fn stays_at_exec(fd: RawFd) -> bool {
    // SAFETY: F_GETFD only asks about a number.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
    flags >= 0 && flags & libc::FD_CLOEXEC == 0
}

/// Lets a descriptor through exec.
pub fn keep_across_exec(fd: RawFd) -> Result<()> {
    // SAFETY: F_SETFD changes one flag of a descriptor number.
    let answer = unsafe { libc::fcntl(fd, libc::F_SETFD, 0) };
    checked(answer.into(), || format!("fcntl({fd}, F_SETFD)")).map(drop)
}

/// Puts a copy of `from` at the descriptor number `to`, open across exec.
pub fn duplicate_to(from: BorrowedFd<'_>, to: RawFd) -> Result<()> {
    // SAFETY: dup2 on numbers; `to` is one of 0, 1, 2 or a number set aside for this, whose former
    // meaning ends here.
    let answer = unsafe { libc::dup2(from.as_raw_fd(), to) };
    checked(answer.into(), || format!("dup2({}, {to})", from.as_raw_fd())).map(drop)
}

/// A descriptor of our own, closed at exec, of what was inherited under a known number.
pub fn duplicate_number(fd: RawFd) -> Result<OwnedFd> {
    // SAFETY: F_DUPFD_CLOEXEC on a number: an error if it is not open.
    let answer = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 3) };
    let copy = checked(answer.into(), || format!("dup({fd})"))?;
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(copy as i32) })
}

/// A second descriptor of the same open file, closed at exec.
pub fn duplicate(fd: BorrowedFd<'_>) -> Result<OwnedFd> {
    rustix::io::fcntl_dupfd_cloexec(fd, 3).named(|| format!("dup({})", fd.as_raw_fd()))
}

/// Overwrites this process's arguments and environment where the kernel shows them, in
/// /proc/PID/cmdline and /proc/PID/environ, and names it `name`.
///
/// For pid 1 of a sandbox, which is a copy of the caller: what the caller was given is none of the
/// payload's business. The Rust-side copies are unreadable with [`super::capability::set_undumpable`].
pub fn wipe_arguments_and_environment(name: &CStr) {
    // SAFETY: `environ` is only read here, in a process with one thread; the strings it points to
    // are the process's own stack area, contiguous and writable (execve(2)); what std reads from
    // it later is an empty environment, since the pointer array is cut to nothing first.
    unsafe {
        let mut slot = environ;
        let mut first: *mut libc::c_char = std::ptr::null_mut();
        let mut end: *mut libc::c_char = std::ptr::null_mut();
        while !slot.is_null() && !(*slot).is_null() {
            let string = *slot;
            if first.is_null() {
                first = string;
                end = string;
            }
            // Only the block that execve laid out: a setenv would have put strings elsewhere.
            if string == end {
                end = string.add(libc::strlen(string) + 1);
            }
            slot = slot.add(1);
        }
        if !first.is_null() {
            std::ptr::write_bytes(first, 0, end.offset_from(first) as usize);
            *environ = std::ptr::null_mut();
            wipe_arguments_before(first);
        }
        libc::prctl(libc::PR_SET_NAME, name.as_ptr());
    }
}

unsafe extern "C" {
    static mut environ: *mut *mut libc::c_char;
}

/// The arguments lie right before the environment, one string after the other.
///
/// # Safety
/// `environment` is the address of the first environment string as execve laid it out.
unsafe fn wipe_arguments_before(environment: *mut libc::c_char) {
    let length: usize =
        std::env::args_os().map(|argument| argument.as_encoded_bytes().len() + 1).sum();
    // SAFETY: execve puts the argument strings, each with its NUL, directly below the environment
    // strings in the same writable mapping; `length` is the sum of exactly those.
    unsafe { std::ptr::write_bytes(environment.sub(length), 0, length) };
}

/// The limits of getrlimit(2) that are used here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resource {
    OpenFiles,
    CoreSize,
}

impl Resource {
    fn kernel(self) -> nix::sys::resource::Resource {
        match self {
            Self::OpenFiles => nix::sys::resource::Resource::RLIMIT_NOFILE,
            Self::CoreSize => nix::sys::resource::Resource::RLIMIT_CORE,
        }
    }
}

/// Raises the soft limit of a resource to its hard limit.
pub fn raise_to_hard_limit(resource: Resource) -> Result<()> {
    let resource = resource.kernel();
    let hard =
        nix::sys::resource::getrlimit(resource).named(|| format!("getrlimit({resource:?})"))?.1;
    nix::sys::resource::setrlimit(resource, hard, hard).named(|| format!("setrlimit({resource:?})"))
}

/// Whether this process has one thread, as the clone needs it.
#[must_use]
pub fn is_single_threaded() -> bool {
    std::fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() == 1)
}

/// The first two numbers of the kernel's release, 0 where there is none (uname(2)).
#[must_use]
pub fn kernel_release() -> (u32, u32) {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy();
    let mut numbers =
        release.split(|c: char| !c.is_ascii_digit()).map(|it| it.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// Bytes of memory in the machine (sysinfo(2)).
#[must_use]
pub fn total_memory() -> u64 {
    let info = rustix::system::sysinfo();
    #[allow(clippy::unnecessary_cast, clippy::useless_conversion)]
    (info.totalram as u64).saturating_mul(u64::from(info.mem_unit))
}

/// Gives memory that is no longer used back to the kernel: free pages of the heap, and the part of
/// the stack below here. A thousand sandboxes each keep two copies of what is left.
pub fn give_back_unused_memory() {
    const PAGE: usize = 4096;
    /// Left to the functions called from here.
    const KEPT: usize = 2 * PAGE;
    /// The kernel keeps this much below a stack unmapped (stack_guard_gap), so nothing else of
    /// this process can lie there.
    const REACH: usize = 1 << 20;
    let here = 0u8;
    let end = ((&raw const here as usize) - KEPT) & !(PAGE - 1);
    let begin = end - (REACH - KEPT - 2 * PAGE);
    // SAFETY: the range lies below this frame, where a growing stack holds nothing that is alive
    // (the red zone and this call's own frames are above `end`); pages that are not mapped make
    // the kernel answer ENOMEM after the others are done, and nothing else. malloc_trim touches
    // only what is free. Called on the main thread, whose stack it is.
    unsafe {
        libc::madvise(begin as *mut libc::c_void, end - begin, libc::MADV_DONTNEED);
        #[cfg(target_env = "gnu")]
        libc::malloc_trim(0);
    }
}
