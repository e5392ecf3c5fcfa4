//! A change of the sandbox that a change outside has overtaken.

use crate::base::HostPath;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    pub path: HostPath,
    pub why: String,
}

/// The first of what there may be a million of, and how many there are.
#[derive(Clone, Debug)]
pub struct Few<T> {
    pub first: Vec<T>,
    pub count: u64,
}

impl<T> Few<T> {
    /// More than anybody reads.
    const HELD: usize = 100;

    pub fn push(&mut self, one: T) {
        self.count += 1;
        if self.first.len() < Self::HELD {
            self.first.push(one);
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { first: Vec::new(), count: 0 }
    }
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

/// What is tried of what was overtaken, before it is a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overtaken {
    Nothing,
    /// Both changes of a text are made.
    Merged,
}

pub(super) const JUST_NOW: &str = "it was changed while you were asked";
pub(super) const CHANGED: &str = "it was changed outside since the sandbox began";
pub(super) const APPEARED: &str = "it was made outside since the sandbox began";
pub(super) const CHANGED_WITHIN: &str =
    "something in it was changed outside since the sandbox began";
pub(super) const ORIGIN_GONE: &str =
    "it, or what it was made from, was removed outside since the sandbox began";
pub(super) const GONE: &str = "it was removed outside since the sandbox began";
