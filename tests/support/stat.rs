//! What /proc/PID/stat says of a process (proc_pid_stat(5)).

use std::fmt::Display;

/// `PF_EXITING` (include/linux/sched.h): it runs no program any more, and never will.
const EXITING: u64 = 4;

/// Behind the name, which may itself hold spaces and brackets: state, parent, group, session, …
pub(crate) fn fields(pid: impl Display) -> Vec<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    behind_name.split_whitespace().map(str::to_owned).collect()
}

/// A zombie that nobody has reaped yet is not.
pub(crate) fn is_alive(pid: impl Display) -> bool {
    fields(pid).first().is_some_and(|state| state != "Z" && state != "X")
}

/// What it had is being taken down by the kernel.
pub(crate) fn is_exiting(pid: impl Display) -> bool {
    let flags = fields(pid).get(6).and_then(|flags| flags.parse::<u64>().ok());
    flags.is_some_and(|flags| flags & EXITING != 0)
}
