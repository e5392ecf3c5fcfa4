//! The caller's eye on a sandbox that no cgroup bounds: it looks from time to time at all of its
//! processes, through the /proc that they have themselves. Kills nothing, tells what is too much.
//!
//! It looks so rarely that it costs less than a thousandth of a processor, ten times that near the
//! limit. Between two looks a sandbox can use more than its limit, and memory that no process has
//! mapped (a memfd, a socket's queue) is not seen: this is no wall.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::plan;
use crate::sys::file;

use super::{Excess, Resource};

/// The first looks come quickly: what goes wrong often does so at once.
const FIRST: Duration = Duration::from_millis(20);
const USUAL: Duration = Duration::from_millis(250);
const NEAR: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(10);
/// The part of the time that may go into looking.
const COST: u32 = 2000;
const COST_NEAR: u32 = 100;

#[derive(Debug)]
pub(super) struct Watchdog {
    memory: Option<u64>,
    pids: Option<u64>,
    proc: Option<OwnedFd>,
    next: Instant,
    pause: Duration,
    peaks: Peaks,
    excess: Option<Excess>,
}

/// The most that was seen at one look.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Peaks {
    pub(super) memory: u64,
    pub(super) processes: u64,
}

impl Watchdog {
    pub(super) fn new(limits: &plan::Limits) -> Option<Self> {
        limits.watched.anything().then(|| Self {
            memory: limits.memory.filter(|_| limits.watched.memory).map(|size| size.0),
            pids: limits.watched.pids.then_some(u64::from(limits.pids)),
            proc: None,
            next: Instant::now(),
            pause: FIRST,
            peaks: Peaks::default(),
            excess: None,
        })
    }

    pub(super) fn begin(&mut self, proc: OwnedFd) {
        self.proc = Some(proc);
        self.next = Instant::now() + FIRST;
    }

    pub(super) fn until_next(&self) -> Option<Duration> {
        self.proc.as_ref()?;
        self.excess.is_none().then(|| self.next.saturating_duration_since(Instant::now()))
    }

    pub(super) fn excess(&self) -> Option<Excess> {
        self.excess
    }

    pub(super) fn peaks(&self) -> Peaks {
        self.peaks
    }

    /// Looks if it is time; true once, when there is too much.
    pub(super) fn finds_excess(&mut self) -> bool {
        let now = Instant::now();
        if self.proc.is_none() || self.excess.is_some() || now < self.next {
            return false;
        }
        self.excess = self.look();
        let cost = now.elapsed();
        self.pause = self.next_pause(cost);
        self.next = Instant::now() + self.pause;
        self.excess.is_some()
    }

    fn look(&mut self) -> Option<Excess> {
        let seen = self.count(rough_of)?;
        self.peaks.processes = self.peaks.processes.max(seen.processes);
        if let Some(limit) = self.pids.filter(|limit| seen.processes > *limit) {
            return Some(Excess { of: Resource::Processes, peak: seen.processes, limit });
        }
        let mut memory = seen.memory;
        let limit = self.memory;
        if limit.is_some_and(|limit| memory > limit) {
            // What processes share was counted for each of them; to know better costs more.
            memory = self.count(exact_of)?.memory;
        }
        self.peaks.memory = self.peaks.memory.max(memory);
        let limit = limit.filter(|limit| memory > *limit)?;
        Some(Excess { of: Resource::Memory, peak: memory, limit })
    }

    fn next_pause(&self, cost: Duration) -> Duration {
        let near = |seen: u64, limit: Option<u64>| limit.is_some_and(|it| seen > it / 4 * 3);
        let is_near = near(self.peaks.memory, self.memory) || near(self.peaks.processes, self.pids);
        let (least, part) = match is_near {
            true => (NEAR, COST_NEAR),
            false => ((self.pause * 2).min(USUAL), COST),
        };
        least.max(cost.saturating_mul(part)).min(LONGEST)
    }

    /// Sums over all processes but init.
    fn count(&self, of: fn(&OwnedFd, &str) -> Option<Peaks>) -> Option<Peaks> {
        let proc = self.proc.as_ref()?;
        let mut sum = Peaks::default();
        for name in file::names_in(proc.as_fd()).ok()? {
            let Some(name) = name.to_str().filter(|name| *name != "1" && is_number(name)) else {
                continue;
            };
            // One that has ended since uses nothing.
            let one = of(proc, name).unwrap_or_default();
            sum.memory += one.memory;
            sum.processes += one.processes;
        }
        Some(sum)
    }
}

fn is_number(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_digit())
}

/// Private and shared memory of its own making, and what of that is in swap; not the files it maps,
/// which the kernel can drop (proc_pid_status(5)).
fn rough_of(proc: &OwnedFd, pid: &str) -> Option<Peaks> {
    let status = read(proc, &format!("{pid}/status"))?;
    let memory = kilobytes(&status, &["RssAnon", "RssShmem", "VmSwap"]);
    Some(Peaks { memory, processes: value(&status, "Threads").unwrap_or(1) })
}

/// The same, each page divided by the number of those who map it (proc_pid_smaps(5)). Where that
/// may not be read, the rough number stands.
fn exact_of(proc: &OwnedFd, pid: &str) -> Option<Peaks> {
    match read(proc, &format!("{pid}/smaps_rollup")) {
        Some(rollup) if rollup.contains("Pss_Anon:") => {
            let memory = kilobytes(&rollup, &["Pss_Anon", "Pss_Shmem", "SwapPss"]);
            Some(Peaks { memory, processes: 0 })
        }
        _ => rough_of(proc, pid),
    }
}

fn read(proc: &OwnedFd, path: &str) -> Option<String> {
    let file = file::open_below_for_reading(proc.as_fd(), Path::new(path)).ok()?;
    String::from_utf8(file::read_all(file.as_fd(), 1 << 14).ok()?).ok()
}

fn kilobytes(text: &str, keys: &[&str]) -> u64 {
    keys.iter().filter_map(|key| value(text, key)).sum::<u64>() * 1024
}

/// The number on the line `Key:  123 kB`.
fn value(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}
