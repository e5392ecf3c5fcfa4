//! Bounds on what a sandbox may use, decided, and who holds them.

use serde::Serialize;

use crate::base::HostPath;
use crate::base::size::Size;
use crate::spec::{Cpus, IoBound, Rlimit, Weight};

#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Limits {
    /// Bytes that /tmp, /dev/shm and a private home may take together.
    pub tmpfs: Size,
    pub memory: Option<Size>,
    pub cpus: Option<Cpus>,
    pub cpu_weight: Option<Weight>,
    /// Processes and threads together, without bryo's own init.
    pub pids: u32,
    pub io_weight: Option<Weight>,
    pub io_max: Vec<DiskBounds>,
    /// Of the payload and each of its children.
    pub rlimits: Vec<Rlimit>,
    /// Who bounds the sandbox as a whole; `None`: nobody has to, or nobody can.
    pub group: Option<Group>,
    /// What the caller looks after itself.
    pub watched: Watched,
    /// Whether it is told at the end what was used.
    pub stats: bool,
}

/// The bounds of the traffic with one disk.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct DiskBounds {
    /// `major:minor`
    pub disk: String,
    pub bounds: Vec<(IoBound, u64)>,
}

/// A cgroup for the sandbox alone.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Group {
    pub made: GroupMaker,
    /// What it is bounded or measured by.
    pub controllers: Vec<String>,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupMaker {
    /// bryo, in a cgroup of the user's own.
    Bryo { parent: HostPath, caller: CallerPlace },
    /// The user's systemd, which is asked for a scope.
    Systemd { socket: HostPath, mount: HostPath },
}

/// Where the caller is while the sandbox runs: a cgroup with processes in it hands no controller
/// to its children.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallerPlace {
    Stays,
    /// In a cgroup of its own below the parent, in which nobody else is.
    MovesAside,
}

/// The limits for which the caller looks at the sandbox's processes from time to time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Watched {
    pub memory: bool,
    pub pids: bool,
}

impl Watched {
    #[must_use]
    pub fn anything(self) -> bool {
        self.memory || self.pids
    }
}
