//! A directory on the way of a walk: where it is, and what the names in it mean. Looks at nothing.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use crate::sys::inode::Stamp;

/// A directory that is open.
pub(super) struct Directory {
    pub(super) fd: OwnedFd,
    pub(super) level: Rc<Level>,
    pub(super) stamp: Stamp,
    pub(super) kind: Kind,
    /// It, or one above it, may bear another name than before the run.
    pub(super) may_have_moved: bool,
}

/// A name and all above it.
pub(super) struct Level {
    pub(super) above: Option<Rc<Level>>,
    pub(super) name: OsString,
    pub(super) depth: usize,
}

/// For whom the names in a directory mean something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Ordinary,
    /// All in it is obeyed by this program.
    Obeyed(&'static str),
    /// Names mean nothing here, but for repositories.
    Packages,
    /// In a repository itself.
    Repository,
}

impl Level {
    pub(super) fn name(&self) -> &OsStr {
        Path::new(&self.name).file_name().unwrap_or_default()
    }

    pub(super) fn path(&self) -> PathBuf {
        let mut names = vec![&self.name];
        let mut level = &self.above;
        while let Some(above) = level {
            names.push(&above.name);
            level = &above.above;
        }
        names.into_iter().rev().collect()
    }
}

/// Whether a relative path goes further up than so many levels.
pub(super) fn climbs_above(path: &Path, mut depth: usize) -> bool {
    for part in path.components() {
        match part {
            Component::ParentDir if depth == 0 => return true,
            Component::ParentDir => depth -= 1,
            Component::Normal(_) => depth += 1,
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    false
}

/// The names that make a directory a repository for git (setup.c, is_git_directory()).
#[derive(Default)]
pub(super) struct Layout {
    head: bool,
    objects: bool,
    refs: bool,
    common: bool,
}

impl Layout {
    pub(super) fn note(&mut self, name: &OsStr) {
        match name.as_bytes() {
            b"HEAD" => self.head = true,
            b"objects" => self.objects = true,
            b"refs" => self.refs = true,
            b"commondir" => self.common = true,
            _ => {}
        }
    }

    pub(super) fn is_repository(&self) -> bool {
        self.head && (self.common || self.objects && self.refs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_link_leaves_where_it_climbs_too_high() {
        let climbs = |path: &str, depth| climbs_above(Path::new(path), depth);
        assert!(!climbs("a/../b", 0) && !climbs("../../a", 2) && !climbs("../x/../../y", 2));
        assert!(climbs("..", 0) && climbs("a/../../b", 0) && climbs("../../../a", 2));
    }
}
