//! Which kept changes lie on which. What others lie on is not changed but by carrying it over to
//! the host: for them, that changes nothing.

use std::os::fd::AsFd;
use std::path::Path;

use super::changes::{ChangeStore, Kept};
use crate::base::wording::all_of;
use crate::base::{Context, Error, Result};
use crate::host::stack;
use crate::sys::{entry, file};

impl Kept {
    /// The name of what these changes lie on, as they say.
    pub fn below(&self) -> Result<Option<String>> {
        stack::neighbour_below(&self.layers())
            .context(|| format!("cannot tell what the changes `{}` lie on", self.name))
    }

    /// Before anything is written to them.
    pub fn lay_on(&self, below: &Self) -> Result<()> {
        let clause = || format!("cannot stack changes on `{}`", below.name);
        entry::make_directories(self.layers().as_path(), 0o700).context(clause)?;
        let base = file::open_path_for_reading(self.layers().as_path()).context(clause)?;
        let note = file::create_below(base.as_fd(), Path::new(stack::NOTE), 0o600);
        let note = note.context(clause)?;
        file::write_all(note.as_fd(), stack::note_of(&below.name).as_bytes()).context(clause)
    }
}

impl ChangeStore {
    /// What these changes lie on, from the top down, whole: a part that is gone, or was made anew
    /// since, is an error.
    pub fn all_below(&self, kept: &Kept) -> Result<Vec<Kept>> {
        let clause = || format!("cannot use the changes `{}`", kept.name);
        let mut all = Vec::new();
        let mut began = kept.record().map(|record| record.began).ok();
        for layers in stack::below(&kept.layers()).context(clause)? {
            let name = layers.as_path().parent().and_then(Path::file_name).unwrap_or_default();
            let below = self.one(&name.to_string_lossy()).context(clause)?;
            let before = below.record().context(clause)?.began;
            if began.is_some_and(|began| began < before) {
                return Err(Error::new(format!(
                    "the changes `{}`, which they lie over, are gone, and others have the name",
                    below.name
                )))
                .context(clause);
            }
            began = Some(before);
            all.push(below);
        }
        Ok(all)
    }

    /// One more may lie on these changes.
    pub fn expect_room_above(&self, kept: &Kept) -> Result<()> {
        if self.all_below(kept)?.len() < stack::HIGHEST {
            return Ok(());
        }
        Err(Error::new(format!("more than {} would lie below one another", stack::HIGHEST))
            .within(format!("cannot stack changes on `{}`", kept.name))
            .hint("`bryo changes` tells which lie on which; apply or discard some of them"))
    }

    /// On how many others they lie, as far as those are there.
    #[must_use]
    pub fn height(&self, kept: &Kept) -> usize {
        let below = |kept: &Kept| self.one(&kept.below().ok().flatten()?).ok();
        std::iter::successors(below(kept), below).take(stack::HIGHEST).count()
    }

    /// All that lie on these changes, directly or not, each before those that lie on it.
    pub fn all_above(&self, kept: &Kept) -> Result<Vec<Kept>> {
        let all = self.all()?;
        let mut above: Vec<Kept> = Vec::new();
        let mut next = vec![kept.name.clone()];
        while let Some(name) = next.pop() {
            // What does not say what it lies on lies on nothing that could be told.
            let is_next = |it: &&Kept| it.below().ok().flatten().as_ref() == Some(&name);
            for it in all.iter().filter(is_next) {
                if it.name != kept.name && !above.contains(it) {
                    next.insert(0, it.name.clone());
                    above.push(it.clone());
                }
            }
        }
        Ok(above)
    }

    /// Asked under its lock, before it is changed or goes.
    pub fn expect_nothing_above(&self, kept: &Kept) -> Result<()> {
        let above = self.all_above(kept)?;
        let names: Vec<&str> = above.iter().map(|it| it.name.as_str()).collect();
        let Some(top) = names.last() else { return Ok(()) };
        let (verb, first) = if names.len() == 1 { ("lies", "") } else { ("lie", " first") };
        Err(Error::new(format!("{} {verb} on them", all_of(&names)))
            .hint(format!("`bryo discard {top}`{first}, or `bryo apply {}`", kept.name)))
    }
}
