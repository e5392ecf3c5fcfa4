//! A word: one thing that can be asked, with the one definition from which its flag, its policy
//! key, its help line and its completion come.

use std::ffi::OsStr;

use super::{Origin, Spec};

/// What a word takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Takes {
    /// Nothing: `--root`; in a policy `root = true`.
    Nothing,
    /// One value: `--hostname NAME`; in a policy `hostname = "NAME"`. The last one wins.
    One(&'static str),
    /// A value each time: `--ro PATH --ro PATH`; in a policy a list, or one value.
    Each(&'static str),
    /// A value only behind `=`, or the given one: `--net`, `--net=host`; in a policy a string, or
    /// `true` for the given one.
    Maybe { value: &'static str, given: &'static str },
}

/// Under which heading of the help a word stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Group {
    Identity,
    View,
    Network,
    Confinement,
    Limits,
    Process,
}

impl Group {
    pub const ALL: [Self; 6] =
        [Self::Identity, Self::View, Self::Network, Self::Confinement, Self::Limits, Self::Process];

    #[must_use]
    pub fn heading(self) -> &'static str {
        match self {
            Self::Identity => "Identity",
            Self::View => "View",
            Self::Network => "Network",
            Self::Confinement => "Confinement",
            Self::Limits => "Limits",
            Self::Process => "Process",
        }
    }
}

/// What a word may do in a policy that was found in the working directory, which is untrusted
/// even after it was allowed: it may take away, never give.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InProjectPolicy {
    /// Whatever its value, it only takes away.
    Allowed,
    /// Only with this value.
    AllowedAs(&'static str),
    /// Only for paths within the working directory, which the command could see anyway.
    AllowedWithinProject,
    Refused,
}

#[derive(Clone, Copy)]
pub struct Word {
    pub name: &'static str,
    pub short: Option<char>,
    pub takes: Takes,
    pub group: Group,
    pub help: &'static str,
    pub in_project_policy: InProjectPolicy,
    /// Writes one value into the spec, or says what is wrong with it.
    pub set: fn(&mut Spec, &OsStr, Origin) -> Result<(), String>,
}

impl std::fmt::Debug for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Word({})", self.name)
    }
}
