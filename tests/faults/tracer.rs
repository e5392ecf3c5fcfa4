//! The tracer: runs bryo under ptrace(2), tells one process of it from the other, and at one system
//! call of one of them does a deed: the call fails without being made, or a process gets a signal.
//! The only unsafe file of the tests. It never follows a program that the caller starts by
//! posix_spawn (newuidmap and newgidmap, which lose their setuid bit under a tracer), nor anything
//! behind an exec.

#![allow(unsafe_code)]

use std::collections::{HashMap, HashSet};
use std::ffi::c_void;
use std::os::fd::AsFd;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};

use rustix::process::pidfd_send_signal;

use crate::process::{Processes, is_traced, kill_all, lives, open};
use crate::story::{Call, Deed, Fault, Role, Step, Story};
use crate::support::Deadline;

/// The children of the traced program that are traced too: those that go on as bryo.
const CALLERS_CHILDREN: i32 = libc::PTRACE_O_TRACEFORK;
const INITS_CHILDREN: i32 =
    libc::PTRACE_O_TRACEFORK | libc::PTRACE_O_TRACEVFORK | libc::PTRACE_O_TRACECLONE;
const ALWAYS: i32 =
    libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_TRACEEXEC | libc::PTRACE_O_EXITKILL;

/// The mark of a run: all its processes inherit it, and nothing else has it. A limit on a kind of
/// scheduling that nobody here uses (getrlimit(2), RLIMIT_RTTIME).
pub(crate) type Mark = u64;

/// Where the program's streams are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Streams {
    Plain,
    /// Its stdin is a terminal, to be its controlling one.
    Terminal,
}

/// Runs the command to its end, all of it within the limit.
pub(crate) fn run(
    mut command: Command,
    streams: Streams,
    mark: Mark,
    fault: Option<&Fault>,
    deadline: Deadline,
) -> (Story, Child) {
    use std::os::unix::process::CommandExt;
    // SAFETY: between fork and exec only system calls are made, no memory is allocated.
    unsafe {
        command.pre_exec(move || {
            let limit = libc::rlimit { rlim_cur: mark, rlim_max: mark };
            checked(libc::setrlimit(libc::RLIMIT_RTTIME, &raw const limit).into())?;
            checked(libc::setsid().into())?;
            if streams == Streams::Terminal {
                checked(libc::ioctl(0, libc::TIOCSCTTY, 0).into())?;
            }
            // One that must never be seen inside.
            checked(libc::dup2(0, 9).into())?;
            checked(libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0)).map(drop)
        });
    }
    let child = command.spawn().unwrap();
    let mut trace = Trace {
        root: child.id().cast_signed(),
        fault,
        progress: if fault.is_some() { Progress::Waiting } else { Progress::Enumerating },
        met: false,
        tracees: HashMap::new(),
        processes: Arc::default(),
        met_before: HashSet::new(),
        helpers: 0,
        programs: 0,
        steps: Vec::new(),
        status: -1,
    };
    let hung = trace.follow(deadline);
    (Story { steps: trace.steps, met: trace.met, status: trace.status, hung }, child)
}

/// Has this called when the program of the tests ends.
pub(crate) fn at_exit(call: extern "C" fn()) {
    // SAFETY: a function that lives as long as the program, and touches only what does too.
    unsafe { libc::atexit(call) };
}

fn checked(answer: i64) -> std::io::Result<i64> {
    if answer < 0 { Err(std::io::Error::last_os_error()) } else { Ok(answer) }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Enumerating,
    /// For the fault's call.
    Waiting,
    /// The call was skipped and is about to answer.
    Failing,
    Done,
}

struct Tracee {
    role: Role,
    counts: HashMap<i64, u32>,
    runtime: Runtime,
}

/// What the Rust runtime does before `main`, and before the body of a thread, is not bryo's: it
/// ends behind the signal stack and the two handlers that use it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Runtime {
    Starting,
    HasStack,
    Begun,
}

struct Trace<'a> {
    root: i32,
    fault: Option<&'a Fault>,
    progress: Progress,
    met: bool,
    tracees: HashMap<i32, Tracee>,
    processes: Processes,
    /// Every process that has a role.
    met_before: HashSet<i32>,
    helpers: u32,
    programs: u32,
    steps: Vec<Step>,
    status: i32,
}

impl Trace<'_> {
    /// Until nobody is left of the run; who lived at the time limit.
    fn follow(&mut self, deadline: Deadline) -> Option<String> {
        let processes = self.processes.clone();
        let (ended, end) = channel::<()>();
        let watchdog = std::thread::spawn(move || {
            while let Some(left) = deadline.left() {
                if end.recv_timeout(left) == Err(RecvTimeoutError::Disconnected) {
                    return None;
                }
            }
            Some(kill_all(&processes))
        });
        while let Some((pid, status)) = wait_for_any() {
            if libc::WIFSTOPPED(status) {
                self.stopped(pid, libc::WSTOPSIG(status), status >> 16);
                continue;
            }
            self.tracees.remove(&pid);
            if pid == self.root {
                self.status = match libc::WIFEXITED(status) {
                    true => libc::WEXITSTATUS(status),
                    false => 128 + libc::WTERMSIG(status),
                };
            }
        }
        drop(ended);
        watchdog.join().unwrap()
    }

    fn stopped(&mut self, pid: i32, signal: i32, event: i32) {
        if !self.tracees.contains_key(&pid) {
            // Both begin with a stop that is the tracer's alone: exec's, or the new child's.
            self.adopt(pid);
            return self.resume(pid, 0);
        }
        match (signal, event) {
            (_, libc::PTRACE_EVENT_EXEC) => self.let_go(pid, 0),
            (_, event) if event != 0 => self.resume(pid, 0),
            (signal, _) if signal == libc::SIGTRAP | 0x80 => self.at_call(pid),
            // A traced process would not stay stopped, and a traced init not die of its own fault
            // (`force_sig_info_to_task`).
            (libc::SIGSTOP | libc::SIGSEGV | libc::SIGBUS | libc::SIGILL | libc::SIGABRT, _) => {
                self.let_go(pid, signal)
            }
            (signal, _) => self.resume(pid, signal),
        }
    }

    fn adopt(&mut self, pid: i32) {
        let role = self.role_of(pid);
        let children = if role == Role::Caller { CALLERS_CHILDREN } else { INITS_CHILDREN };
        ptrace(libc::PTRACE_SETOPTIONS, pid, 0, (ALWAYS | children) as usize);
        let runtime = match role {
            Role::Caller | Role::Thread => Runtime::Starting,
            _ => Runtime::Begun,
        };
        self.tracees.insert(pid, Tracee { role, counts: HashMap::new(), runtime });
        self.met_before.insert(pid);
        // A thread has none.
        if let Some(pidfd) = open(pid).filter(|_| role != Role::Thread) {
            self.processes.lock().unwrap().push((role, pidfd));
        }
    }

    /// By its place in the family, and by whether it is in a pid namespace of its own.
    fn role_of(&mut self, pid: i32) -> Role {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default().split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        let is = |name: &str, wanted: i32| field(name).first() == Some(&wanted.to_string());
        if pid == self.root {
            Role::Caller
        } else if !is("Tgid:", pid) {
            Role::Thread
        } else if !is("PPid:", self.root) {
            Role::Payload
        } else if field("NSpid:").len() > 1 {
            Role::Init
        } else {
            self.helpers += 1;
            Role::Helper(self.helpers)
        }
    }

    fn at_call(&mut self, pid: i32) {
        match SyscallStop::of(pid) {
            SyscallStop::Entry { number, first } => self.entered(pid, number, first),
            SyscallStop::Exit if self.progress == Progress::Failing => self.answer(pid),
            SyscallStop::Exit => {}
        }
        self.resume(pid, 0);
    }

    fn entered(&mut self, pid: i32, number: i64, first: u64) {
        let Some(tracee) = self.tracees.get_mut(&pid) else { return };
        if !tracee.has_begun(number, first) {
            return;
        }
        let nth = tracee.counts.entry(number).or_default();
        *nth += 1;
        let call = Call { role: tracee.role, number, nth: *nth };
        match self.fault {
            None => {
                self.meet_programs(call.role);
                let processes = self.processes.lock().unwrap();
                // Between its vfork and its exec the caller waits for a program as the kernel has
                // it, and nobody could wake a stopped one.
                let is_free = |role| call.role == Role::Caller || !matches!(role, Role::Program(_));
                let alive = processes.iter().filter(|it| is_free(it.0) && lives(&it.1));
                let alive = alive.map(|it| it.0).collect();
                self.steps.push(Step { call, alive });
            }
            Some(fault) if self.progress == Progress::Waiting && fault.at == call => {
                self.act(pid, fault.deed);
            }
            Some(_) => {}
        }
    }

    /// Children of the caller that were never seen by a tracer. While it stands still, it makes no
    /// others and reaps none.
    fn meet_programs(&mut self, who_stands: Role) {
        if who_stands != Role::Caller {
            return;
        }
        let list = format!("/proc/{0}/task/{0}/children", self.root);
        let list = std::fs::read_to_string(list).unwrap_or_default();
        for pid in list.split_whitespace().filter_map(|pid| pid.parse().ok()) {
            if !is_traced(pid)
                && self.met_before.insert(pid)
                && let Some(pidfd) = open(pid)
            {
                self.programs += 1;
                self.processes.lock().unwrap().push((Role::Program(self.programs), pidfd));
            }
        }
    }

    fn act(&mut self, pid: i32, deed: Deed) {
        match deed {
            Deed::Fail(_) => {
                // No call has this number: the kernel makes none. But a close that fails has
                // closed (close(2)).
                if self.fault.is_some_and(|fault| fault.at.number != libc::SYS_close) {
                    poke(pid, libc::ORIG_RAX, -1);
                }
                self.progress = Progress::Failing;
            }
            Deed::Signal(victim, signal) => {
                self.meet_programs(Role::Caller);
                let processes = self.processes.lock().unwrap();
                let pidfd = processes.iter().find(|it| it.0 == victim).map(|it| it.1.as_fd());
                self.met = pidfd.is_some_and(|it| pidfd_send_signal(it, signal).is_ok());
                self.progress = Progress::Done;
            }
        }
    }

    fn answer(&mut self, pid: i32) {
        let (Some(tracee), Some(fault)) = (self.tracees.get(&pid), self.fault) else { return };
        if let (true, Deed::Fail(errno)) = (tracee.role == fault.at.role, fault.deed) {
            poke(pid, libc::RAX, -i64::from(errno));
            self.met = true;
            self.progress = Progress::Done;
        }
    }

    fn resume(&self, pid: i32, signal: i32) {
        let Some(tracee) = self.tracees.get(&pid) else { return };
        let is_at_fault = self.fault.is_some_and(|fault| fault.at.role == tracee.role);
        let request = match self.progress {
            Progress::Enumerating => libc::PTRACE_SYSCALL,
            Progress::Waiting | Progress::Failing if is_at_fault => libc::PTRACE_SYSCALL,
            _ => libc::PTRACE_CONT,
        };
        ptrace(request, pid, 0, signal as usize);
    }

    fn let_go(&mut self, pid: i32, signal: i32) {
        self.tracees.remove(&pid);
        ptrace(libc::PTRACE_DETACH, pid, 0, signal as usize);
    }
}

impl Tracee {
    fn has_begun(&mut self, number: i64, first: u64) -> bool {
        self.runtime = match (self.runtime, number) {
            (Runtime::Starting, libc::SYS_sigaltstack) if first != 0 => Runtime::HasStack,
            (Runtime::HasStack, libc::SYS_gettid | libc::SYS_rt_sigaction) => Runtime::HasStack,
            (Runtime::HasStack, _) => Runtime::Begun,
            (runtime, _) => runtime,
        };
        self.runtime == Runtime::Begun
    }
}

enum SyscallStop {
    Entry { number: i64, first: u64 },
    Exit,
}

impl SyscallStop {
    fn of(pid: i32) -> Self {
        // SAFETY: an all-zero structure of numbers is valid.
        let mut info: libc::ptrace_syscall_info = unsafe { std::mem::zeroed() };
        let address = (&raw mut info).cast::<c_void>();
        let request = libc::PTRACE_GET_SYSCALL_INFO;
        ptrace(request, pid, size_of_val(&info), address as usize);
        if info.op != libc::PTRACE_SYSCALL_INFO_ENTRY {
            return Self::Exit;
        }
        // SAFETY: the kernel has filled this member, as `op` says.
        let entry = unsafe { info.u.entry };
        Self::Entry { number: entry.nr.cast_signed(), first: entry.args[0] }
    }
}

/// A request for a process that was killed meanwhile fails, and needs nothing.
fn ptrace(request: libc::c_uint, pid: i32, address: usize, data: usize) {
    // SAFETY: the requests made here take numbers, but for PTRACE_GET_SYSCALL_INFO, whose data
    // is the address of a structure of the size given, alive during the call.
    unsafe { libc::ptrace(request, pid, address, data) };
}

/// Sets a register of a stopped process, by its index in `struct user`.
fn poke(pid: i32, register: i32, value: i64) {
    ptrace(libc::PTRACE_POKEUSER, pid, register as usize * 8, value.cast_unsigned() as usize);
}

/// The next of this thread's children and tracees that has stopped or ended.
fn wait_for_any() -> Option<(i32, i32)> {
    let mut status = 0;
    loop {
        // SAFETY: waitpid writes one int, which is alive.
        let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | libc::__WNOTHREAD) };
        match checked(pid.into()) {
            Ok(_) => return Some((pid, status)),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}
