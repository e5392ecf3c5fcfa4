//! The layers behind the namespaces, decided.

use serde::Serialize;

use crate::base::{BoxPath, HostPath};
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
    pub landlock: Landlock,
    pub integrity: IntegrityMode,
    /// What git obeys as soon as it is there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub awaited: Vec<HostPath>,
    /// Where it is written what was enforced.
    pub report: Option<HostPath>,
}

impl Confinement {
    #[must_use]
    pub fn opens(&self, door: Door) -> bool {
        self.doors.contains(&door)
    }
}

/// What Landlock holds, behind the view and beside the filter (landlock(7)).
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Landlock {
    /// The kernel's; 0 where it has none.
    pub abi: u32,
    pub files: Files,
    /// Signals and abstract sockets reach nothing outside of the sandbox, by ABI 6.
    pub scopes: bool,
    /// TCP is refused on every port, by ABI 4.
    pub tcp_closed: bool,
}

/// What stands between the command and a file outside of the view that it was given as one of its
/// streams: `/proc/self/fd/0` opens it anew, and may open it for writing.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Files {
    /// Whatever is not below one of these places is closed.
    Rules(Vec<FileRule>),
    /// Such a stream is relayed by a pipe.
    Relay,
}

/// All below a place of the view, itself included.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct FileRule {
    pub at: BoxPath,
    pub access: FileAccess,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileAccess {
    /// The names in directories, nothing else.
    List,
    /// Reading and executing.
    Read,
    /// Whatever can be done to files and directories.
    Write,
    /// Devices: reading, writing and their own commands.
    Device,
    /// Reading, and writing to files that are there already.
    Proc,
}

impl FileAccess {
    /// Whether a rule of this access grants all that another does.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        self == other || self == Self::Write || other == Self::List
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
