//! Init's half of the limits: it waits to be put into its cgroup, makes that the root of all that
//! the payload sees of cgroups, and lets the caller look at its processes.

use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::{Context, Error, Result};
use crate::plan::{GroupMaker, Plan};
use crate::sandbox::wire::{Order, Report, Wire};
use crate::sys::clone::CloneFlags;
use crate::sys::poll::{Watch, wait_for};
use crate::sys::{file, namespace, process, signal};

/// What init tells the caller's half.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::sandbox) enum Said {
    /// The view is built; its /proc comes with this, for the caller to look at.
    Processes,
    /// Ready but for its cgroup.
    AwaitsGroup,
    /// So many processes and threads there have been by the end.
    HaveRun(u64),
}

/// systemd answers in milliseconds; one that hangs is not waited for for ever. The caller gives up
/// first, and says why.
const PATIENCE: Duration = Duration::from_secs(20);

/// The view is built, and /proc is the sandbox's own.
pub(in crate::sandbox) fn enter(plan: &Plan, wire: &Wire) -> Result<()> {
    if plan.limits.watched.anything() {
        let proc = file::open_path_for_reading(Path::new("/proc"))
            .context(|| "cannot have the limits watched".to_owned())?;
        wire.send_with(&Report::OfLimits(Said::Processes), Some(proc.as_fd()))?;
    }
    let Some(group) = &plan.limits.group else { return Ok(()) };
    if matches!(group.made, GroupMaker::Systemd { .. }) {
        wire.send(&Report::OfLimits(Said::AwaitsGroup))?;
        await_group(wire)?;
    }
    Ok(namespace::unshare(CloneFlags::NEWCGROUP)?)
}

fn await_group(wire: &Wire) -> Result<()> {
    loop {
        let mut watch = [Watch::reading(wire.as_fd())];
        wait_for(&mut watch, Some(PATIENCE))?;
        if !watch[0].readable {
            return Err(Error::new("the cgroup was not ready in time"));
        }
        match wire.receive()?.map(|received| received.message) {
            Some(Order::InGroup) => return Ok(()),
            Some(Order::Signal(signal::SIGCONT | signal::SIGTSTP) | Order::Continue(_)) => {}
            // There is no command yet to send it to: the sandbox itself ends of it.
            Some(Order::Signal(signal)) => {
                let _ = wire.send(&Report::Killed(signal));
                process::exit_now(0)
            }
            Some(other) => return Err(Error::new(format!("{other:?} came before the cgroup"))),
            None => process::exit_now(125),
        }
    }
}

/// At the end: how many processes and threads there have been since the payload, itself included,
/// as the last number tells that the kernel gave out in this pid namespace (proc_loadavg(5)).
pub(in crate::sandbox) fn tell_started(plan: &Plan, payload: i32, wire: &Wire) -> Result<()> {
    if !plan.limits.stats {
        return Ok(());
    }
    let content = file::read_path(Path::new("/proc/loadavg"), 256).unwrap_or_default();
    let text = String::from_utf8_lossy(&content);
    let last = text.split_ascii_whitespace().next_back().and_then(|word| word.parse::<i64>().ok());
    // Less than the payload's: the numbers have begun again.
    match last.and_then(|last| u64::try_from(last - i64::from(payload) + 1).ok()) {
        Some(number) => wire.send(&Report::OfLimits(Said::HaveRun(number))),
        None => Ok(()),
    }
}
