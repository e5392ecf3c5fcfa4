//! Files put together out of the host's and the layer's, where no part of the real tree sees them:
//! beside what an apply replaces, from where a step puts them into place.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use crate::base::{Context, HostPath, Result};
use crate::changes::change::Change;
use crate::changes::walk::Spot;
use crate::sys::{entry, facts, file};

use super::merging::Merged;
use super::place::{composed_beside, composed_name};
use super::step::Mark;
use super::transfer::mirror_attributes;

/// One that is whole and on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Composed {
    pub(super) file: u64,
    /// The file of the host that it is to replace.
    pub(super) old: Mark,
    /// The layer's.
    pub(super) theirs: Mark,
    pub(super) new: Mark,
    pub(super) rest: Rest,
}

impl Composed {
    /// Whether both files are those that it was put together of.
    pub(super) fn fits(&self, change: &Change) -> bool {
        let (Some(before), Some(after)) = (&change.before, &change.after) else { return false };
        self.old.fits(before) && self.theirs.fits(after)
    }
}

/// What becomes of the layer's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// It stays, for a part of it is left.
    Stays,
    /// All of it is in the file that was put together.
    IsDone,
}

/// Where they are made.
pub struct Composer {
    path: HostPath,
    directory: Option<OwnedFd>,
    next: u64,
}

impl Composer {
    /// `kept` is where the apply will put what it replaces.
    #[must_use]
    pub fn new(kept: &HostPath) -> Self {
        Self { path: composed_beside(kept), directory: None, next: 0 }
    }

    /// What was merged, with the attributes that both sides have.
    pub(super) fn merged(
        &mut self,
        merged: &Merged,
        change: &Change,
        spot: &Spot<'_>,
        rest: Rest,
    ) -> Result<Option<Composed>> {
        let (Some(before), Some(after), Some(lower)) = (&change.before, &change.after, spot.lower)
        else {
            return Ok(None);
        };
        let (old, theirs) = (Mark::of(before), Mark::of(after));
        let (file, new) = self.make(&merged.content, merged.mode, (lower, spot.name))?;
        Ok(Some(Composed { file, old, theirs, new, rest }))
    }

    /// A new one, whose attributes are those of a file that is there.
    pub(super) fn make(
        &mut self,
        content: &[u8],
        mode: u32,
        like: (BorrowedFd<'_>, &OsStr),
    ) -> Result<(u64, Mark)> {
        let clause = || format!("cannot put a file together in `{}`", self.path);
        let directory = match self.directory.take() {
            Some(directory) => directory,
            None => {
                entry::make_directories(self.path.as_path(), 0o700).context(clause)?;
                file::open_path_for_reading(self.path.as_path()).context(clause)?
            }
        };
        let like = entry::open_file_at(like.0, like.1)?;
        let new = write(directory.as_fd(), self.next, content, mode, like.as_fd());
        self.directory = Some(directory);
        let file = self.next;
        self.next += 1;
        Ok((file, new.context(clause)?))
    }
}

fn write(
    directory: BorrowedFd<'_>,
    number: u64,
    content: &[u8],
    mode: u32,
    like: BorrowedFd<'_>,
) -> Result<Mark> {
    let fd = file::create_below(directory, Path::new(&composed_name(number)), 0o600)?;
    file::write_all(fd.as_fd(), content)?;
    mirror_attributes(like, fd.as_fd())?;
    entry::change_mode(fd.as_fd(), mode & 0o1777)?;
    file::sync(fd.as_fd())?;
    Ok(Mark::of(&facts::facts(fd.as_fd())?))
}
