//! One step of an apply, as it is decided and written down.

use crate::sys::clock::Moment;
use crate::sys::facts::{Facts, Type};
use crate::sys::file::Inode;

/// What is done to one name of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) act: Act,
    /// By its number among the layers of the place.
    pub(super) layer: usize,
    /// Relative to the directory that the layer lies over.
    pub(super) path: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// The layer's file takes the place of the host's.
    Replace { old: Mark, new: Mark },
    /// The layer's file is new.
    Add { new: Mark },
    /// The host's goes, a directory with all that is in it.
    Remove { old: Mark },
    /// A file put together of both sides takes the place of the host's: that of this number among
    /// those that the apply has put together. What the layer holds stays.
    Compose { file: u64, old: Mark, new: Mark },
    /// What the layer holds of a name is in the host's file already, and goes to be kept.
    Consume { new: Mark },
    /// A directory is new.
    MakeDirectory { look: Look },
    /// A directory looks otherwise.
    SetDirectory { before: Look, after: Look },
}

impl Act {
    /// For people; `None`: it goes with the step before it.
    pub(super) fn verb(self) -> Option<&'static str> {
        match self {
            Self::Replace { .. } => Some("replace"),
            Self::Add { .. } => Some("add"),
            Self::Remove { .. } => Some("remove"),
            Self::Compose { .. } => Some("merge"),
            Self::Consume { .. } => None,
            Self::MakeDirectory { .. } => Some("make"),
            Self::SetDirectory { .. } => Some("set"),
        }
    }

    /// What it takes away from the host.
    pub(super) fn old(&self) -> Option<&Mark> {
        match self {
            Self::Replace { old, .. } | Self::Remove { old } | Self::Compose { old, .. } => {
                Some(old)
            }
            _ => None,
        }
    }
}

/// By what a file is known again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) inode: Inode,
    /// Not of a directory, whose size is its own affair.
    pub(super) size: Option<u64>,
    pub(super) modified: Moment,
}

/// Mode and time of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) mode: u32,
    pub(super) modified: Moment,
}

impl Mark {
    pub(super) fn of(facts: &Facts) -> Self {
        Self { inode: facts.inode, size: size(facts), modified: facts.modified }
    }

    /// Whether it is that file or a copy of it, whose inode is another one.
    pub(super) fn is_of(&self, facts: &Facts) -> bool {
        facts.modified == self.modified && size(facts) == self.size
    }

    /// Whether it is the same inode with the same content. The time of a directory changes with what
    /// is in it. A new directory may bear the number of a file that was just removed.
    pub(super) fn fits(&self, facts: &Facts) -> bool {
        self.inode == facts.inode
            && self.size == size(facts)
            && (facts.is_directory() || self.modified == facts.modified)
    }
}

fn size(facts: &Facts) -> Option<u64> {
    (facts.kind != Type::Directory).then_some(facts.size)
}

impl Look {
    pub(super) fn of(facts: &Facts) -> Self {
        Self { mode: facts.mode, modified: facts.modified }
    }
}
