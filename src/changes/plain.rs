//! A layer made plain before a part of it is carried over: a directory that hides all that is below
//! it would go on to hide what was just put there, so what it hides is said name by name instead.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::base::{Context, Result};
use crate::sys::facts::Type;
use crate::sys::file::Inode;
use crate::sys::{Errno, entry, facts, file, process};

use super::layer::Layer;
use super::names::Names;

/// Means the same afterwards. Stopped halfway, it does, too. Gives the files that are not the
/// layer's alone: that have names outside of it as well, or another owner than its user.
pub(super) fn make_plain(layer: &Layer) -> Result<Vec<Vec<u8>>> {
    let upper = entry::open_directory_at(layer.upper.as_fd(), ".".as_ref())?;
    let lower = file::open_without_links(layer.lower.as_path())
        .and_then(|fd| entry::open_directory_at(fd.as_fd(), ".".as_ref()))
        .ok();
    let own = process::effective_uid();
    let mut plain =
        Plain { layer, own, open: Vec::new(), linked: HashMap::new(), given: Vec::new() };
    plain
        .run(upper, lower)
        .context(|| format!("cannot read what was written to `{}`", layer.lower))?;
    let elsewhere = |it: &Linked| (it.paths.len() as u64) < it.links;
    let linked = plain.linked.into_values().filter(elsewhere).flat_map(|it| it.paths);
    Ok(plain.given.into_iter().chain(linked).collect())
}

struct Plain<'a> {
    layer: &'a Layer,
    own: u32,
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

struct Level {
    upper: OwnedFd,
    lower: Option<OwnedFd>,
    directories: Vec<OsString>,
    path: Vec<u8>,
}

impl Plain<'_> {
    fn run(&mut self, upper: OwnedFd, lower: Option<OwnedFd>) -> Result<()> {
        self.enter(upper, lower, Vec::new())?;
        while let Some(level) = self.open.last_mut() {
            let Some(name) = level.directories.pop() else {
                self.open.pop();
                continue;
            };
            let upper = entry::open_directory_at(level.upper.as_fd(), &name)?;
            let lower = level
                .lower
                .as_ref()
                .and_then(|lower| entry::open_directory_at(lower.as_fd(), &name).ok());
            let path = joined(&level.path, &name);
            self.enter(upper, lower, path)?;
        }
        Ok(())
    }

    fn enter(&mut self, upper: OwnedFd, lower: Option<OwnedFd>, path: Vec<u8>) -> Result<()> {
        if self.layer.dialect.is_opaque(upper.as_fd())? {
            if let Some(lower) = &lower {
                self.spell_out(upper.as_fd(), lower.as_fd())?;
            }
            self.layer.dialect.unmark(upper.as_fd())?;
        }
        let mut directories = Vec::new();
        for name in Names::of(upper.as_fd())?.iter() {
            let Some(facts) = facts::facts_at(upper.as_fd(), name)? else { continue };
            if facts.is_directory() {
                directories.push(name.to_owned());
            } else if self.own != 0 && facts.uid != self.own && may_be_given(facts.kind) {
                self.given.push(joined(&path, name));
            } else if facts.kind == Type::Regular && facts.links > 1 {
                let new = || Linked { links: facts.links, paths: Vec::new() };
                let linked = self.linked.entry(facts.inode).or_insert_with(new);
                linked.paths.push(joined(&path, name));
            }
        }
        self.open.push(Level { upper, lower, directories, path });
        Ok(())
    }

    /// What is hidden is deleted by name; the directories that are there hide what is below them
    /// as this one did.
    fn spell_out(&self, upper: BorrowedFd<'_>, lower: BorrowedFd<'_>) -> Result<()> {
        for name in Names::of(lower)?.iter() {
            match entry::make_whiteout_at(upper, name) {
                Ok(()) => {}
                Err(e) if e.errno == Errno::EEXIST => self.hide_below(upper, name)?,
                Err(e) => return Err(e.into()),
            }
        }
        // On the disk before the mark goes.
        Ok(file::sync(upper)?)
    }

    fn hide_below(&self, upper: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
        if facts::facts_at(upper, name)?.is_some_and(|it| it.is_directory()) {
            let directory = entry::open_directory_at(upper, name)?;
            self.layer.dialect.mark(directory.as_fd())?;
        }
        Ok(())
    }
}

/// A whiteout belongs to nobody.
fn may_be_given(kind: Type) -> bool {
    matches!(kind, Type::Regular | Type::Symlink)
}

fn joined(directory: &[u8], name: &OsStr) -> Vec<u8> {
    match directory {
        [] => name.as_bytes().to_vec(),
        _ => [directory, name.as_bytes()].join(&b'/'),
    }
}

/// The file by which fuse-overlayfs marks a directory.
pub(super) fn remove_mark_file(directory: BorrowedFd<'_>, name: &str) -> Result<()> {
    match file::remove_file_at(directory, Path::new(name)) {
        Err(e) if e.errno != Errno::ENOENT => Err(e.into()),
        _ => Ok(()),
    }
}
