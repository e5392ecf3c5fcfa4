//! Which faults make sense at a call, and which of them a sample takes.

use std::collections::HashMap;
use std::fmt;

use rustix::process::Signal;

use crate::calls;
use crate::kind::{Kind, Store};
use crate::story::{Call, Deed, Fault, Role, Step};

/// How many faults of one sort (same process, same system call, same deed) a sample takes, spread
/// evenly over the launch.
const SAMPLE: usize = 3;
const FEW: usize = 2;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Extent {
    /// Of each sort the first and the last that fails.
    Few,
    Sample,
    Complete,
}

/// Everything that is to be done to a launch that made these calls.
pub(crate) fn all(steps: &[Step], kind: &Kind, extent: Extent) -> Vec<Fault> {
    let mut faults: Vec<_> = steps.iter().flat_map(|step| at(step, kind)).collect();
    match extent {
        Extent::Few => {
            faults.retain(|fault| matches!(fault.deed, Deed::Fail(_)));
            sampled(faults, FEW)
        }
        Extent::Sample => sampled(faults, SAMPLE),
        Extent::Complete => faults,
    }
}

fn at(step: &Step, kind: &Kind) -> Vec<Fault> {
    let name = calls::name(step.call.number);
    let mut deeds: Vec<_> = errnos(&name, kind).into_iter().map(Deed::Fail).collect();
    deeds.extend(step.alive.iter().map(|role| Deed::Signal(*role, Signal::KILL)));
    let helpers =
        step.alive.iter().filter(|role| matches!(role, Role::Helper(_) | Role::Program(_)));
    deeds.extend(helpers.map(|role| Deed::Signal(*role, Signal::STOP)));
    deeds.into_iter().map(|deed| Fault { at: step.call, deed }).collect()
}

fn errnos(name: &str, kind: &Kind) -> Vec<i32> {
    if calls::CANNOT_FAIL.contains(&name) {
        return Vec::new();
    }
    // It answers EBADF, or what the disk said to the last write (close(2)).
    if name == "close" {
        return vec![libc::EINTR];
    }
    let mut errnos = Vec::new();
    // It fills a few bytes from what the kernel has.
    if name != "getrandom" {
        errnos.push(libc::ENOMEM);
    }
    // The kernel refuses nobody his own memory.
    if !calls::MEMORY.contains(&name) {
        errnos.push(libc::EPERM);
    }
    if calls::INTERRUPTIBLE.contains(&name) {
        errnos.push(libc::EINTR);
    }
    if calls::MAY_BE_MISSING.contains(&name) {
        errnos.push(libc::ENOSYS);
    }
    if kind.store == Store::OnDisk && calls::WRITING.contains(&name) {
        errnos.push(libc::ENOSPC);
    }
    errnos
}

/// Of each sort the first, the last, and some between.
fn sampled(faults: Vec<Fault>, sample: usize) -> Vec<Fault> {
    let sort = |fault: &Fault| match fault.deed {
        Deed::Fail(errno) => (fault.at.role, fault.at.number, errno, None),
        // Of kills, few calls by their name are of interest, but all of the launch.
        Deed::Signal(victim, signal) => (fault.at.role, 0, signal.as_raw(), Some(victim)),
    };
    let mut sorts: HashMap<_, usize> = HashMap::new();
    for fault in &faults {
        *sorts.entry(sort(fault)).or_default() += 1;
    }
    let mut seen: HashMap<_, usize> = HashMap::new();
    let is_taken = |fault: &Fault| {
        let (count, index) = (sorts[&sort(fault)], seen.entry(sort(fault)).or_default());
        let most = if matches!(fault.deed, Deed::Fail(_)) { sample } else { sample * 8 };
        *index += 1;
        if most >= count {
            return true;
        }
        // Evenly spread marks from the first to the last: taken are those that one falls on.
        let mark = |index: usize| index * (most - 1) / (count - 1);
        *index == 1 || mark(*index - 1) != mark(*index - 2)
    };
    let mut is_taken = is_taken;
    faults.into_iter().filter(|fault| is_taken(fault)).collect()
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.role, calls::name(self.number), self.nth)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.deed {
            Deed::Fail(errno) => write!(f, "{}: {}", self.at, calls::errno_name(errno)),
            Deed::Signal(victim, signal) if signal == Signal::STOP => {
                write!(f, "{}: SIGSTOP to {victim}", self.at)
            }
            Deed::Signal(victim, _) => write!(f, "{}: SIGKILL to {victim}", self.at),
        }
    }
}
