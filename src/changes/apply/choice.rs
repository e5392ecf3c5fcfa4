//! What somebody who was asked has said of each change.

use std::collections::HashMap;

use crate::base::HostPath;

use super::composing::Composed;

/// Of one change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// As it is.
    Yes,
    No,
    /// What was put together of the part that is wanted.
    Part(Composed),
}

/// Of all.
#[derive(Debug)]
pub struct Choices {
    said: HashMap<HostPath, Choice>,
    /// Of what nobody was asked about.
    others: Choice,
}

impl Default for Choices {
    fn default() -> Self {
        Self { said: HashMap::new(), others: Choice::No }
    }
}

impl Choices {
    pub(super) fn say(&mut self, path: HostPath, choice: Choice) {
        self.said.insert(path, choice);
    }

    /// From now on nobody is asked.
    pub(super) fn take_all_others(&mut self) {
        self.others = Choice::Yes;
    }

    pub(super) fn of(&self, path: &HostPath) -> Choice {
        self.said.get(path).copied().unwrap_or(self.others)
    }
}
