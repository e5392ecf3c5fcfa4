//! Where a value came from, so that every message can point at it.

use std::fmt;

/// The name under which a policy is found in the working directory.
pub const PROJECT_POLICY: &str = "bryo.toml";

/// The place in which a value was written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Origin {
    /// A flag of the command line: its word.
    Flag(&'static str),
    /// The verb itself.
    Verb(&'static str),
    /// A key of a policy file.
    Policy { file: String, line: usize, key: &'static str },
    /// A key of the policy found in the working directory, which is not trusted.
    Project { line: usize, key: &'static str },
    /// A key of a profile shipped with bryo.
    Profile { name: String, key: &'static str },
}

impl Origin {
    /// The word itself, as flag or key.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Flag(word) | Self::Verb(word) => word,
            Self::Policy { key, .. } | Self::Project { key, .. } | Self::Profile { key, .. } => key,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(word) => write!(f, "--{word}"),
            Self::Verb(verb) => write!(f, "bryo {verb}"),
            Self::Policy { file, line, key } => write!(f, "{file}:{line}: {key}"),
            Self::Project { line, key } => write!(f, "{PROJECT_POLICY}:{line}: {key}"),
            Self::Profile { name, key } => write!(f, "profile `{name}`: {key}"),
        }
    }
}

/// A value and its origin.
#[derive(Clone, PartialEq, Debug)]
pub struct Sourced<T> {
    pub value: T,
    pub origin: Origin,
}
