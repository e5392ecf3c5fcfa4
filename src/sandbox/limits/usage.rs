//! What a sandbox has used, from whoever counted it best. What nobody counted is not known, and
//! never zero.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::base::size::Size;
use crate::sys::usage::ResourceUsage;

use super::group::Group;
use super::watchdog::Peaks;

#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Usage {
    /// The most bytes of memory at once.
    memory_peak: Option<u64>,
    memory_of: Option<MemoryOf>,
    user_seconds: Option<f64>,
    system_seconds: Option<f64>,
    wall_seconds: f64,
    /// The most processes and threads at once, and how many there have been.
    processes_peak: Option<u64>,
    processes_started: Option<u64>,
    read_bytes: Option<u64>,
    written_bytes: Option<u64>,
}

/// Whose memory was counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum MemoryOf {
    /// The whole sandbox, by the kernel.
    Cgroup,
    /// The whole sandbox, at the moments when the caller looked.
    Looks,
    /// The one process that had most of it.
    LargestProcess,
}

impl Usage {
    pub(super) fn of(
        group: Option<&Group>,
        looks: Option<Peaks>,
        counted: Option<ResourceUsage>,
        started: Option<u64>,
        wall: Duration,
    ) -> Self {
        let looks = looks.filter(|peaks| peaks.processes > 0);
        let (memory_peak, memory_of) = memory(group, looks, counted);
        let seconds = |key: &str, counted: Option<Duration>| {
            let microseconds = group.and_then(|group| group.number_in("cpu.stat", key));
            microseconds.map(Duration::from_micros).or(counted).map(|time| time.as_secs_f64())
        };
        // Init is one of them.
        let peak = group.and_then(|group| group.number("pids.peak")).map(|peak| peak.max(2) - 1);
        Self {
            memory_peak,
            memory_of,
            user_seconds: seconds("user_usec", counted.map(|it| it.user)),
            system_seconds: seconds("system_usec", counted.map(|it| it.system)),
            wall_seconds: wall.as_secs_f64(),
            processes_peak: peak.or(looks.map(|peaks| peaks.processes)),
            processes_started: started,
            read_bytes: counted.map(|it| it.read),
            written_bytes: counted.map(|it| it.written),
        }
    }
}

fn memory(
    group: Option<&Group>,
    looks: Option<Peaks>,
    counted: Option<ResourceUsage>,
) -> (Option<u64>, Option<MemoryOf>) {
    if let Some(peak) = group.and_then(|group| group.number("memory.peak")) {
        return (Some(peak), Some(MemoryOf::Cgroup));
    }
    // Both may be too low, so the higher one is the better: a short run is hardly seen.
    let largest = counted.map(|it| (it.largest, MemoryOf::LargestProcess));
    let seen = looks.filter(|it| it.memory > 0).map(|it| (it.memory, MemoryOf::Looks));
    let best = seen.into_iter().chain(largest).max_by_key(|(bytes, _)| *bytes);
    (best.map(|it| it.0), best.map(|it| it.1))
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = |bytes: Option<u64>| known(bytes.map(|bytes| Size(bytes).rounded()));
        let seconds = |time: Option<f64>| known(time.map(|time| format!("{time:.3}s")));
        let number = |number: Option<u64>| known(number.map(|it| it.to_string()));
        write!(f, "memory {}", size(self.memory_peak))?;
        f.write_str(match self.memory_of {
            Some(MemoryOf::Looks) => " (seen)",
            Some(MemoryOf::LargestProcess) => " (largest process)",
            Some(MemoryOf::Cgroup) | None => "",
        })?;
        let (user, system) = (self.user_seconds, self.system_seconds);
        write!(f, ", user {}, system {}", seconds(user), seconds(system))?;
        write!(f, ", wall {}", seconds(Some(self.wall_seconds)))?;
        let (peak, started) = (number(self.processes_peak), number(self.processes_started));
        write!(f, ", processes {peak} at once, {started} started")?;
        write!(f, ", read {}, written {}", size(self.read_bytes), size(self.written_bytes))
    }
}

fn known(text: Option<String>) -> String {
    text.unwrap_or_else(|| "unknown".to_owned())
}
