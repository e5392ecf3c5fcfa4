//! One change: what a name was below, and what it is now.

use crate::sys::facts::Facts;

/// What became of a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    pub what: What,
    /// In the directory below; `None`: there was nothing.
    pub before: Option<Facts>,
    /// In the layer; `None`: it was deleted.
    pub after: Option<Facts>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    Added,
    /// With everything in it, if it was a directory.
    Deleted,
    /// Still of the same type.
    Modified(Aspects),
    /// By something of another type: a file by a directory, a directory by a link.
    Replaced,
}

/// In what a file differs from what it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Aspects {
    /// The bytes of a file, the target of a link, the numbers of a device.
    pub content: bool,
    pub mode: bool,
    pub owner: bool,
    /// The time of its last modification.
    pub time: bool,
    /// Extended attributes, access control lists among them.
    pub attributes: bool,
    /// More names of the layer are the same file: equal though it is, it is not the one below.
    pub names: bool,
}

impl Aspects {
    #[must_use]
    pub fn any(self) -> bool {
        self.content || self.mode || self.owner || self.time || self.attributes || self.names
    }
}
