//! The layers behind the namespaces, decided.

use serde::Serialize;

use crate::base::HostPath;
use crate::plan::filter::Filter;
use crate::spec::{Door, IntegrityMode};

#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Confinement {
    pub no_new_privs: bool,
    pub seccomp: Seccomp,
    /// What that means for each system call; `None` where every call may be made.
    pub filter: Option<Filter>,
    /// What is open that is closed otherwise, each once.
    pub doors: Vec<Door>,
    pub integrity: IntegrityMode,
    /// Where it is written what was enforced.
    pub report: Option<HostPath>,
}

impl Confinement {
    #[must_use]
    pub fn opens(&self, door: Door) -> bool {
        self.doors.contains(&door)
    }
}

/// The filter of system calls.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seccomp {
    /// bryo's own, with the doors that are open.
    Default,
    None,
    File {
        path: HostPath,
    },
}
