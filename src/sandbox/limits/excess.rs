//! Too much of something: why a sandbox was killed.

use crate::base::Error;
use crate::base::size::Size;

/// What it had, and what it was allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Excess {
    pub(in crate::sandbox) of: Resource,
    pub peak: u64,
    pub limit: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::sandbox) enum Resource {
    Memory,
    Processes,
}

impl Excess {
    /// As the user is told of it.
    #[must_use]
    pub fn told(self) -> Error {
        let Self { of, peak, limit } = self;
        let (why, flag) = match of {
            Resource::Memory => {
                let (peak, limit) = (Size(peak).rounded(), Size(limit).rounded());
                (format!("it used {peak} of memory, and its limit is {limit}"), "--memory SIZE")
            }
            Resource::Processes => (
                format!("it had {peak} processes and threads, and its limit is {limit}"),
                "--pids N",
            ),
        };
        Error::new(why)
            .within("the command was killed")
            .hint(format!("`{flag}` sets the limit; `--stats` tells what a run uses"))
    }
}
