//! One directory as it is below a layer: that of the host, and over it those of the layers that the
//! layer is stacked on. What each of them deletes or hides is left out here, in user space: nothing
//! is mounted, and nothing is followed.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use crate::base::Result;
use crate::sys::facts::{self, Facts};
use crate::sys::{CallError, entry, file};

use super::change::Aspects;
use super::compare::{Side, aspects};
use super::dialect::{Dialect, Says};
use super::held::Held;
use super::layer::Layer;
use super::names::Names;

/// Names in it are looked for from the first part to the last.
pub(super) struct Lower {
    /// At least one.
    parts: Vec<Part>,
}

/// The directory in one of those that lie below.
struct Part {
    /// Its number in the stack, counted from the top.
    rank: usize,
    /// `None`: the host's, where every name is what it is.
    dialect: Option<Dialect>,
    directory: Held,
}

/// What one part says of a name.
enum Look {
    Is(Facts),
    Deleted,
    Silent,
}

/// A name that is there.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) facts: Facts,
    pub(super) is_of_host: bool,
    part: usize,
}

impl Lower {
    /// What a layer lies over; `None`: nothing is there.
    pub(super) fn of(layer: &Layer) -> Result<Option<Self>> {
        let mut merging = Merging::default();
        for (rank, sheet) in layer.below.iter().enumerate() {
            let directory = entry::open_directory_at(sheet.upper.as_fd(), ".".as_ref())?;
            merging.add(rank, Some(sheet.dialect), directory)?;
        }
        let host = file::open_without_links(layer.lower.as_path())
            .and_then(|fd| entry::open_directory_at(fd.as_fd(), ".".as_ref()));
        if let Some(host) = there(host)? {
            merging.add(layer.below.len(), None, host)?;
        }
        Ok(merging.done())
    }

    /// How many directories it is made of.
    pub(super) fn parts(&self) -> usize {
        self.parts.len()
    }

    pub(super) fn find(&self, name: &OsStr) -> Result<Option<Found>> {
        for (part, it) in self.parts.iter().enumerate() {
            match it.look(name)? {
                Look::Is(facts) => {
                    let is_of_host = it.dialect.is_none();
                    return Ok(Some(Found { facts, is_of_host, part }));
                }
                Look::Deleted => return Ok(None),
                Look::Silent => {}
            }
        }
        Ok(None)
    }

    /// What is known of a file that was found, by the lowest that is no other than it: a layer may
    /// hold an unchanged copy, which stays there when the layer is applied.
    pub(super) fn lowest_same(&self, name: &OsStr, found: &Found) -> Result<Facts> {
        let (mut holder, mut same) = (self.holder(Some(found))?, found.facts);
        for part in &self.parts[found.part + 1..] {
            let facts = match part.look(name)? {
                Look::Silent => continue,
                Look::Is(facts) if facts.kind == same.kind && !facts.is_directory() => facts,
                Look::Is(_) | Look::Deleted => break,
            };
            let directory = part.directory.get()?;
            let was = Side { directory, name, facts: &facts };
            let differs = aspects(was, Side { directory: holder, name, facts: &same })?;
            // Whose it is may be the driver's to show.
            if (Aspects { owner: false, ..differs }).any() {
                break;
            }
            (holder, same) = (directory, facts);
        }
        Ok(same)
    }

    /// The directory that holds the name that was found; the lowest, if none was.
    pub(super) fn holder(&self, found: Option<&Found>) -> Result<BorrowedFd<'_>> {
        let part = found.map_or(self.parts.len() - 1, |it| it.part);
        self.parts[part].directory.get()
    }

    /// The directory of a name that was found to be one; `None`: it went away just now.
    pub(super) fn enter(&self, name: &OsStr, found: &Found) -> Result<Option<Self>> {
        let mut merging = Merging::default();
        for part in &self.parts[found.part..] {
            let directory = part.directory.get()?;
            // Where it deletes the name, or has something else there, nothing further down shows.
            if part.dialect.is_some() {
                match part.look(name)? {
                    Look::Is(facts) if facts.is_directory() => {}
                    Look::Is(_) | Look::Deleted => break,
                    Look::Silent => continue,
                }
            }
            let Some(directory) = there(entry::open_directory_at(directory, name))? else { break };
            merging.add(part.rank, part.dialect, directory)?;
        }
        Ok(merging.done())
    }

    /// The directory of a name, if it is one.
    pub(super) fn directory(&self, name: &OsStr) -> Result<Option<Self>> {
        match self.find(name)? {
            Some(found) if found.facts.is_directory() => self.enter(name, &found),
            _ => Ok(None),
        }
    }

    /// All names that are there, sorted.
    pub(super) fn names(&self) -> Result<Names> {
        if let [Part { dialect: None, directory, .. }] = self.parts.as_slice() {
            return Names::of(directory.get()?);
        }
        let mut all = Names::default();
        for part in &self.parts {
            file::each_name_in(part.directory.get()?, |name| all.push(name))?;
        }
        all.sort();
        all.leave_out_repeated();
        let mut there = Names::default();
        for name in all.iter() {
            if self.find(name)?.is_some() {
                there.push(name.as_bytes());
            }
        }
        there.sort();
        Ok(there)
    }

    /// Closes those that can be opened again from the directory next on the way.
    pub(super) fn close(&mut self, next: &Self) {
        for part in &mut self.parts {
            if next.parts.iter().any(|below| below.rank == part.rank) {
                part.directory.close();
            }
        }
    }

    pub(super) fn reopen(&mut self, left: &Self) -> Result<()> {
        for part in &mut self.parts {
            if let Some(below) = left.parts.iter().find(|below| below.rank == part.rank) {
                part.directory.reopen(&below.directory)?;
            }
        }
        Ok(())
    }
}

impl Part {
    fn look(&self, name: &OsStr) -> Result<Look> {
        let directory = self.directory.get()?;
        let Some(dialect) = self.dialect else {
            return Ok(facts::facts_at(directory, name)?.map_or(Look::Silent, Look::Is));
        };
        if dialect.read_name(name) != Says::Present {
            return Ok(Look::Silent);
        }
        Ok(match facts::facts_at(directory, name)? {
            Some(facts) if dialect.is_whiteout(&facts) => Look::Deleted,
            Some(facts) => Look::Is(facts),
            None if dialect.has_note_of_deletion(directory, name)? => Look::Deleted,
            None => Look::Silent,
        })
    }
}

/// The parts of one directory, from the top down.
#[derive(Default)]
struct Merging {
    parts: Vec<Part>,
    /// The last one hides what is below it.
    is_opaque: bool,
}

impl Merging {
    fn add(&mut self, rank: usize, dialect: Option<Dialect>, directory: OwnedFd) -> Result<()> {
        if self.is_opaque {
            return Ok(());
        }
        if let Some(dialect) = dialect {
            self.is_opaque = dialect.is_opaque(directory.as_fd())?;
        }
        self.parts.push(Part { rank, dialect, directory: Held::new(directory)? });
        Ok(())
    }

    fn done(self) -> Option<Lower> {
        (!self.parts.is_empty()).then_some(Lower { parts: self.parts })
    }
}

/// A directory that went away just now is one that is not there.
fn there(opened: std::result::Result<OwnedFd, CallError>) -> Result<Option<OwnedFd>> {
    match opened {
        Ok(fd) => Ok(Some(fd)),
        Err(CallError { errno, .. }) if facts::is_gone(errno) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

#[cfg(test)]
mod tests;
