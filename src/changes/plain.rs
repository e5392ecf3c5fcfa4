//! A layer made plain before a part of it is carried over: a directory that hides all that is below
//! it would go on to hide what was just put there, so what it hides is said name by name instead.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::base::{Context, Result, progress};
use crate::sys::facts::Type;
use crate::sys::file::Inode;
use crate::sys::{Errno, entry, facts, file, process};

use super::apply::way::{Way, joined};
use super::dialect::Dialect;
use super::layer::Layer;
use super::lower::Lower;
use super::names::Names;

/// Means the same afterwards. Stopped halfway, it does, too. Gives the files that are not the
/// layer's alone: that have names outside of it as well, or another owner than its user.
pub(super) fn make_plain(layer: &Layer) -> Result<Vec<Vec<u8>>> {
    let lower = file::open_without_links(layer.lower.as_path())
        .and_then(|fd| entry::open_directory_at(fd.as_fd(), ".".as_ref()))
        .ok();
    let lower = lower.map(|lower| Way::from(lower.as_fd())).transpose()?;
    let upper = Way::from(layer.upper.as_fd())?;
    let (own, linked) = (process::effective_uid(), HashMap::new());
    let mut plain = Plain { layer, own, upper, lower, open: Vec::new(), linked, given: Vec::new() };
    plain.run().context(|| format!("cannot read what was written to `{}`", layer.lower))?;
    let elsewhere = |it: &Linked| (it.paths.len() as u64) < it.links;
    let linked = plain.linked.into_values().filter(elsewhere).flat_map(|it| it.paths);
    Ok(plain.given.into_iter().chain(linked).collect())
}

struct Plain<'a> {
    layer: &'a Layer,
    own: u32,
    upper: Way,
    lower: Option<Way>,
    open: Vec<Level>,
    linked: HashMap<Inode, Linked>,
    /// Files that were given to another user.
    given: Vec<Vec<u8>>,
}

/// A file of several names.
struct Linked {
    links: u64,
    /// Those in the layer.
    paths: Vec<Vec<u8>>,
}

/// One directory on the way down; its descriptor may be closed meanwhile.
struct Level {
    directories: Vec<OsString>,
    path: Vec<u8>,
}

impl Plain<'_> {
    fn run(&mut self) -> Result<()> {
        self.enter(Vec::new())?;
        while let Some(level) = self.open.last_mut() {
            match level.directories.pop() {
                Some(name) => {
                    let path = joined(&level.path, &name);
                    self.enter(path)?;
                }
                None => _ = self.open.pop(),
            }
        }
        Ok(())
    }

    fn enter(&mut self, path: Vec<u8>) -> Result<()> {
        let Some(upper) = self.upper.find(&path)? else { return Ok(()) };
        let dialect = self.layer.dialect;
        // What is in one of another owner, which stays as it is, is not applied.
        if dialect.is_opaque(upper)? && file::may_make_names_in(upper).is_ok() {
            let hidden = hidden_at(self.layer, self.lower.as_mut(), &path)?;
            spell_out(dialect, upper, &hidden)?;
            dialect.unmark(upper)?;
        }
        let mut directories = Vec::new();
        for name in Names::of(upper)?.iter() {
            progress::step();
            let Some(facts) = facts::facts_at(upper, name)? else { continue };
            if facts.is_directory() {
                if facts.uid == self.own || entry::open_directory_at(upper, name).is_ok() {
                    directories.push(name.to_owned());
                }
            } else if self.own != 0 && facts.uid != self.own && may_be_given(facts.kind) {
                self.given.push(joined(&path, name));
            } else if facts.kind == Type::Regular && facts.links > 1 {
                let new = || Linked { links: facts.links, paths: Vec::new() };
                let linked = self.linked.entry(facts.inode).or_insert_with(new);
                linked.paths.push(joined(&path, name));
            }
        }
        self.open.push(Level { directories, path });
        Ok(())
    }
}

/// A whiteout belongs to nobody.
fn may_be_given(kind: Type) -> bool {
    matches!(kind, Type::Regular | Type::Symlink)
}

/// What is in the directory below. What is no directory, or cannot be entered, is not hidden but
/// replaced.
fn hidden_at(layer: &Layer, host: Option<&mut Way>, path: &[u8]) -> Result<Names> {
    if layer.below.is_empty() {
        let directory = host.and_then(|way| way.find(path).ok().flatten());
        return directory.map_or_else(|| Ok(Names::default()), Names::of);
    }
    let mut lower = Lower::of(layer)?;
    for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
        lower = match lower {
            Some(lower) => lower.directory(OsStr::from_bytes(name))?,
            None => break,
        };
    }
    lower.map_or_else(|| Ok(Names::default()), |lower| lower.names())
}

/// What is hidden is deleted by name; the directories that are there hide what is below them
/// as this one did.
fn spell_out(dialect: Dialect, upper: BorrowedFd<'_>, hidden: &Names) -> Result<()> {
    for name in hidden.iter() {
        match entry::make_whiteout_at(upper, name) {
            Ok(()) => {}
            Err(e) if e.errno == Errno::EEXIST => hide_below(dialect, upper, name)?,
            Err(e) => return Err(e.into()),
        }
    }
    // On the disk before the mark goes.
    Ok(file::sync(upper)?)
}

fn hide_below(dialect: Dialect, upper: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
    if facts::facts_at(upper, name)?.is_some_and(|it| it.is_directory()) {
        let directory = entry::open_directory_at(upper, name)?;
        dialect.mark(directory.as_fd())?;
    }
    Ok(())
}

/// The file by which fuse-overlayfs marks a directory.
pub(super) fn remove_mark_file(directory: BorrowedFd<'_>, name: &str) -> Result<()> {
    match file::remove_file_at(directory, Path::new(name)) {
        Err(e) if e.errno != Errno::ENOENT => Err(e.into()),
        _ => Ok(()),
    }
}
