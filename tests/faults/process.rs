//! Processes of a run, held by pidfd: whether they live, what they do, and the end of all of them.

use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::calls;
use crate::story::Role;

pub(crate) type Processes = Arc<Mutex<Vec<(Role, OwnedFd)>>>;

/// A child of bryo's own is, from its first moment.
pub(crate) fn is_traced(pid: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    !status.contains("\nTracerPid:\t0\n")
}

pub(crate) fn open(pid: i32) -> Option<OwnedFd> {
    Pid::from_raw(pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok())
}

pub(crate) fn lives(pidfd: &OwnedFd) -> bool {
    let mut watch = [PollFd::new(pidfd, PollFlags::IN)];
    poll(&mut watch, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) == Ok(0)
}

pub(crate) fn kill_all(processes: &Processes) -> String {
    let processes = processes.lock().unwrap();
    let alive: Vec<_> = processes.iter().filter(|it| lives(&it.1)).collect();
    let said = alive.iter().map(|it| format!("{} {}", it.0, state(&it.1))).collect::<Vec<_>>();
    for (_, pidfd) in &alive {
        let _ = pidfd_send_signal(pidfd, Signal::KILL);
    }
    said.join(", ")
}

/// What a process does, for whoever reads of a hang: its state, and the call that it is in.
fn state(pidfd: &OwnedFd) -> String {
    let read = |path: String| fs::read_to_string(path).unwrap_or_default();
    let info = read(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd()));
    let pid = info.lines().find_map(|line| line.strip_prefix("Pid:")).unwrap_or_default().trim();
    let status = read(format!("/proc/{pid}/status"));
    let state = status.lines().find_map(|line| line.strip_prefix("State:")).unwrap_or_default();
    let call = read(format!("/proc/{pid}/syscall"));
    let number = call.split(' ').next().and_then(|word| word.parse().ok());
    format!("{} in {}", state.trim(), number.map_or_else(|| "?".to_owned(), calls::name))
}
