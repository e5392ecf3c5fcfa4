//! The walk: a layer and what is below it, side by side, name by name. The cost follows what
//! is in the layer, not the tree below.
//!
//! Deep trees are walked with few descriptors: those far up are closed, and opened again on the
//! way back from their own children, if they still are what they were.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::base::{Context, Result, Text, progress};
use crate::sys::facts::{self, Facts};
use crate::sys::{Errno, entry, process};

use super::change::{Change, What};
use super::compare::{Side, aspects};
use super::dialect::{Dialect, Says};
use super::held::{Held, open_levels};
use super::layer::{Layer, Owners};
use super::lower::Lower;
use super::names::Names;

/// Where a change is.
#[derive(Clone, Copy)]
pub struct Spot<'a> {
    /// Relative to the directory that the layer lies over.
    pub path: &'a Path,
    pub name: &'a OsStr,
    /// The directory of the layer that holds the name.
    pub upper: BorrowedFd<'a>,
    /// The one below that holds it, or the lowest, where there is one.
    pub lower: Option<BorrowedFd<'a>>,
    /// All of those below, as one.
    pub(super) merged: Option<&'a Lower>,
}

impl Spot<'_> {
    /// What lies below the name, as it will be found when all that the layer is stacked on was
    /// applied.
    pub(super) fn settled(&self, before: Option<Facts>) -> Result<Option<Facts>> {
        match self.merged {
            Some(lower) if lower.parts() > 1 => match lower.find(self.name)? {
                Some(found) => lower.lowest_same(self.name, &found).map(Some),
                None => Ok(None),
            },
            _ => Ok(before),
        }
    }
}

/// Shows every change of the layer, each directory before what is in it, names in their order.
pub fn walk(layer: &Layer, see: &mut dyn FnMut(&Change, &Spot<'_>) -> Result<()>) -> Result<()> {
    progress::stage("reading");
    let lower = Lower::of(layer).context(|| format!("cannot open `{}`", layer.lower))?;
    let upper = entry::open_directory_at(layer.upper.as_fd(), ".".as_ref())?;
    let Layer { dialect, owners, .. } = *layer;
    let open_levels = open_levels(layer.below.len() + 2);
    let (own, path, levels) = (process::effective_uid(), Vec::new(), Vec::new());
    let mut walk = Walk { dialect, owners, path, levels, open_levels, own, see };
    let result = walk.enter(upper, lower).and_then(|()| walk.run());
    let path = Text::from(OsStr::from_bytes(&walk.path));
    result.context(|| {
        format!("cannot read what was written to `{}`", layer.lower.join(path.as_os_str()))
    })
}

struct Walk<'a> {
    dialect: Dialect,
    owners: Owners,
    /// Of the name that is looked at, below the top.
    path: Vec<u8>,
    levels: Vec<Level>,
    open_levels: usize,
    own: u32,
    see: &'a mut dyn FnMut(&Change, &Spot<'_>) -> Result<()>,
}

/// One directory on the way down.
struct Level {
    upper: Held,
    lower: Option<Lower>,
    names: Names,
    next: usize,
    /// Nothing of the directory below shows through, nor through any directory in this one.
    is_opaque: bool,
    /// How long the path to it is.
    path_length: usize,
}

impl Walk<'_> {
    fn run(&mut self) -> Result<()> {
        while let Some(level) = self.levels.last_mut() {
            self.path.truncate(level.path_length);
            match level.names.get(level.next).map(OsStr::to_owned) {
                Some(name) => {
                    progress::step();
                    level.next += 1;
                    if !self.path.is_empty() {
                        self.path.push(b'/');
                    }
                    self.path.extend_from_slice(name.as_bytes());
                    self.look_at(&name)?;
                }
                None => self.leave()?,
            }
        }
        Ok(())
    }

    fn enter(&mut self, upper: OwnedFd, lower: Option<Lower>) -> Result<()> {
        let is_opaque = lower.is_some()
            && (self.levels.last().is_some_and(|above| above.is_opaque)
                || self.dialect.is_opaque(upper.as_fd())?);
        let hidden = lower.as_ref().filter(|_| is_opaque);
        let names = self.names_of(upper.as_fd(), hidden)?;
        self.levels.push(Level {
            upper: Held::new(upper)?,
            lower,
            names,
            next: 0,
            is_opaque,
            path_length: self.path.len(),
        });
        self.close_far_level();
        Ok(())
    }

    fn close_far_level(&mut self) {
        let Some(far) = self.levels.len().checked_sub(self.open_levels + 1) else { return };
        let (above, next) = self.levels.split_at_mut(far + 1);
        let (level, next) = (&mut above[far], &next[0]);
        level.upper.close();
        // Where the way below ends here, no child could open it again.
        if let (Some(lower), Some(next)) = (&mut level.lower, &next.lower) {
            lower.close(next);
        }
    }

    fn leave(&mut self) -> Result<()> {
        let Some(left) = self.levels.pop() else { return Ok(()) };
        let Some(above) = self.levels.last_mut() else { return Ok(()) };
        above.upper.reopen(&left.upper)?;
        match (&mut above.lower, &left.lower) {
            (Some(above), Some(left)) => above.reopen(left),
            (Some(_), None) | (None, _) => Ok(()),
        }
    }

    /// What the directory of the layer speaks of: its own names, those that a note deletes, and all
    /// that are in the directory that it hides.
    fn names_of(&self, upper: BorrowedFd<'_>, hidden: Option<&Lower>) -> Result<Names> {
        let raw = Names::of(upper)?;
        if self.dialect == Dialect::Kernel && hidden.is_none() {
            return Ok(raw);
        }
        let mut names = Names::default();
        for name in raw.iter() {
            match self.dialect.read_name(name) {
                Says::Present => names.push(name.as_bytes()),
                Says::DeletedOther(other) if !raw.contains(&other) => {
                    names.push(other.as_bytes());
                }
                Says::DeletedOther(_) | Says::Note => {}
            }
        }
        if let Some(hidden) = hidden {
            for name in hidden.names()?.iter().filter(|name| !raw.contains(name)) {
                names.push(name.as_bytes());
            }
        }
        names.sort();
        Ok(names)
    }

    fn look_at(&mut self, name: &OsStr) -> Result<()> {
        let Some(level) = self.levels.last() else { return Ok(()) };
        let upper = level.upper.get()?;
        let after = facts::facts_at(upper, name)?.filter(|it| !self.dialect.is_whiteout(it));
        let merged = level.lower.as_ref();
        let found = merged.map(|lower| lower.find(name)).transpose()?.flatten();
        let lower = merged.map(|lower| lower.holder(found.as_ref())).transpose()?;
        let before = found.map(|it| it.facts);
        let path = Path::new(OsStr::from_bytes(&self.path));
        let spot = Spot { path, name, upper, lower, merged };
        if let Some(change) = change(before, after, &spot, self.owners)? {
            (self.see)(&change, &spot)?;
        }
        let Some(after) = after.filter(Facts::is_directory) else { return Ok(()) };
        let upper = match entry::open_directory_at(upper, name) {
            // A subordinate id has closed it: what is in it is nobody's to see, nor to apply.
            Err(e) if e.errno == Errno::EACCES && after.uid != self.own => return Ok(()),
            result => result?,
        };
        let lower = match (merged, found) {
            (Some(lower), Some(found)) if found.facts.is_directory() => {
                lower.enter(name, &found)?
            }
            _ => None,
        };
        self.enter(upper, lower)
    }
}

/// What became of a name, if anything.
fn change(
    before: Option<Facts>,
    after: Option<Facts>,
    spot: &Spot<'_>,
    owners: Owners,
) -> Result<Option<Change>> {
    let what = match (&before, &after, spot.lower) {
        (None, None, _) => return Ok(None),
        (None, Some(_), _) | (Some(_), Some(_), None) => What::Added,
        (Some(_), None, _) => What::Deleted,
        (Some(was), Some(is), Some(lower)) => {
            if std::mem::discriminant(&was.kind) == std::mem::discriminant(&is.kind) {
                let side = |directory, facts| Side { directory, name: spot.name, facts };
                let mut aspects = aspects(side(lower, was), side(spot.upper, is))?;
                aspects.owner &= owners == Owners::Theirs;
                if !aspects.any() {
                    return Ok(None);
                }
                What::Modified(aspects)
            } else {
                What::Replaced
            }
        }
    };
    Ok(Some(Change { what, before, after }))
}
