//! A change of the sandbox that a change outside has overtaken.

use serde::Serialize;

use crate::base::HostPath;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Conflict {
    pub path: HostPath,
    pub why: &'static str,
}

/// What is done about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConflict {
    /// Nothing is applied at all.
    Stop,
    /// All but these is applied.
    Skip,
    /// The sandbox wins.
    Force,
}

pub(super) const CHANGED: &str = "it was changed outside since the sandbox began";
pub(super) const APPEARED: &str = "it was made outside since the sandbox began";
pub(super) const CHANGED_WITHIN: &str =
    "something in it was changed outside since the sandbox began";
pub(super) const GONE: &str = "it was removed outside since the sandbox began";
