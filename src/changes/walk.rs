//! The walk: a layer and the directory below it, side by side, name by name. The cost follows what
//! is in the layer, not the tree below.
//!
//! Deep trees are walked with few descriptors: those far up are closed, and opened again on the
//! way back from their own children, if they still are what they were.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::base::{Context, Error, Result, Text, progress};
use crate::sys::facts::{self, Facts};
use crate::sys::file::{self, Inode};
use crate::sys::{CallError, entry};

use super::change::{Change, What};
use super::compare::{Side, aspects};
use super::dialect::{Dialect, Says};
use super::layer::{Layer, Owners};
use super::names::Names;

/// How many levels keep their descriptors open.
const OPEN_LEVELS: usize = 64;

/// Where a change is.
#[derive(Clone, Copy, Debug)]
pub struct Spot<'a> {
    /// Relative to the directory that the layer lies over.
    pub path: &'a Path,
    pub name: &'a OsStr,
    /// The directory of the layer that holds the name.
    pub upper: BorrowedFd<'a>,
    /// The one below, where there is one.
    pub lower: Option<BorrowedFd<'a>>,
}

/// Shows every change of the layer, each directory before what is in it, names in their order.
pub fn walk(layer: &Layer, see: &mut dyn FnMut(&Change, &Spot<'_>) -> Result<()>) -> Result<()> {
    progress::stage("reading");
    let lower = file::open_without_links(layer.lower.as_path())
        .and_then(|fd| entry::open_directory_at(fd.as_fd(), ".".as_ref()));
    let lower = match lower {
        Ok(fd) => Some(fd),
        Err(e) if facts::is_gone(e.errno) => None,
        Err(e) => return Err(Error::from(e).within(format!("cannot open `{}`", layer.lower))),
    };
    let upper = entry::open_directory_at(layer.upper.as_fd(), ".".as_ref())?;
    let Layer { dialect, owners, .. } = *layer;
    let mut walk = Walk { dialect, owners, path: Vec::new(), levels: Vec::new(), see };
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
    see: &'a mut dyn FnMut(&Change, &Spot<'_>) -> Result<()>,
}

/// One directory on the way down.
struct Level {
    upper: Kept,
    lower: Option<Kept>,
    names: Names,
    next: usize,
    /// Nothing of the directory below shows through, nor through any directory in this one.
    is_opaque: bool,
    /// How long the path to it is.
    path_length: usize,
}

/// A directory whose descriptor may be closed for a while.
struct Kept {
    inode: Inode,
    fd: Option<OwnedFd>,
}

impl Kept {
    fn new(fd: OwnedFd) -> Result<Self> {
        Ok(Self { inode: facts::facts(fd.as_fd())?.inode, fd: Some(fd) })
    }

    fn get(&self) -> Result<BorrowedFd<'_>> {
        self.fd.as_ref().map(OwnedFd::as_fd).ok_or_else(|| Error::new("a directory was lost"))
    }

    /// From one of its own children.
    fn reopen(&mut self, child: &Kept) -> Result<()> {
        if self.fd.is_some() {
            return Ok(());
        }
        let fd = entry::open_directory_at(child.get()?, "..".as_ref())?;
        if facts::facts(fd.as_fd())?.inode != self.inode {
            return Err(Error::new("a directory was moved while it was read"));
        }
        self.fd = Some(fd);
        Ok(())
    }
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

    fn enter(&mut self, upper: OwnedFd, lower: Option<OwnedFd>) -> Result<()> {
        let is_opaque = lower.is_some()
            && (self.levels.last().is_some_and(|above| above.is_opaque)
                || self.dialect.is_opaque(upper.as_fd())?);
        let hidden = lower.as_ref().filter(|_| is_opaque).map(OwnedFd::as_fd);
        let names = self.names_of(upper.as_fd(), hidden)?;
        self.levels.push(Level {
            upper: Kept::new(upper)?,
            lower: lower.map(Kept::new).transpose()?,
            names,
            next: 0,
            is_opaque,
            path_length: self.path.len(),
        });
        self.close_far_level();
        Ok(())
    }

    fn close_far_level(&mut self) {
        let Some(far) = self.levels.len().checked_sub(OPEN_LEVELS + 1) else { return };
        // Where the way below ends here, no child could open it again.
        let goes_on_below = self.levels[far + 1].lower.is_some();
        let level = &mut self.levels[far];
        level.upper.fd = None;
        if let (true, Some(lower)) = (goes_on_below, &mut level.lower) {
            lower.fd = None;
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
    fn names_of(&self, upper: BorrowedFd<'_>, hidden: Option<BorrowedFd<'_>>) -> Result<Names> {
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
            for name in Names::of(hidden)?.iter().filter(|name| !raw.contains(name)) {
                names.push(name.as_bytes());
            }
        }
        names.sort();
        Ok(names)
    }

    fn look_at(&mut self, name: &OsStr) -> Result<()> {
        let Some(level) = self.levels.last() else { return Ok(()) };
        let upper = level.upper.get()?;
        let lower = level.lower.as_ref().map(Kept::get).transpose()?;
        let after = facts::facts_at(upper, name)?.filter(|it| !self.dialect.is_whiteout(it));
        let before = lower.map(|lower| facts::facts_at(lower, name)).transpose()?.flatten();
        let spot = Spot { path: Path::new(OsStr::from_bytes(&self.path)), name, upper, lower };
        if let Some(change) = change(before, after, &spot, self.owners)? {
            (self.see)(&change, &spot)?;
        }
        if !after.is_some_and(|it| it.is_directory()) {
            return Ok(());
        }
        let upper = entry::open_directory_at(upper, name)?;
        let lower = match (lower, before) {
            (Some(lower), Some(before)) if before.is_directory() => open_lower(lower, name)?,
            _ => None,
        };
        self.enter(upper, lower)
    }
}

/// A directory of the host that went away just now is one that is not there.
fn open_lower(directory: BorrowedFd<'_>, name: &OsStr) -> Result<Option<OwnedFd>> {
    match entry::open_directory_at(directory, name) {
        Ok(fd) => Ok(Some(fd)),
        Err(CallError { errno, .. }) if facts::is_gone(errno) => Ok(None),
        Err(e) => Err(e.into()),
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
