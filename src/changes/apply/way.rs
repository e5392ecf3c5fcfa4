//! The way to a directory below a root, by descriptor and never through a link, however long.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::base::Result;
use crate::sys::file::{self, Links};
use crate::sys::{Errno, entry};

/// No longer than PATH_MAX in one call (path_resolution(7)).
const LONGEST: usize = 4000;
/// How many directories on the way are kept open at most.
const KEPT_OPEN: usize = 64;
/// How many bytes of path lie between two of them at least.
const STRIDE: usize = 512;

/// Steps come directory by directory: the last one is kept open, and some on the way to it, so that
/// a deep tree is not walked from its root for each of its levels.
pub(in crate::changes) struct Way {
    root: OwnedFd,
    path: Vec<u8>,
    last: OwnedFd,
    /// Directories on the way, by how much of the path leads to them.
    kept: Vec<(usize, OwnedFd)>,
}

impl Way {
    pub(in crate::changes) fn from(root: BorrowedFd<'_>) -> Result<Self> {
        let again = || entry::open_directory_at(root, ".".as_ref());
        Ok(Self { root: again()?, path: Vec::new(), last: again()?, kept: Vec::new() })
    }

    pub(in crate::changes) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// The directory at that path below the root; `None`: it is not there.
    pub(in crate::changes) fn find(&mut self, path: &[u8]) -> Result<Option<BorrowedFd<'_>>> {
        if self.path != path {
            let known = &self.path;
            self.kept.retain(|(length, _)| leads_to(known.get(..*length), path));
            match self.open(path) {
                Ok(directory) => self.last = directory,
                Err(e) if e.errno().is_some_and(is_missing) => {
                    self.forget();
                    return Ok(None);
                }
                Err(e) => {
                    self.forget();
                    return Err(e);
                }
            }
            self.path = path.to_vec();
        }
        Ok(Some(self.last.as_fd()))
    }

    fn open(&mut self, path: &[u8]) -> Result<OwnedFd> {
        let stride = STRIDE.max(path.len() / KEPT_OPEN).min(LONGEST);
        let mut done = self.kept.last().map_or(0, |(length, _)| *length);
        loop {
            let from = self.kept.last().map_or(self.root.as_fd(), |(_, fd)| fd.as_fd());
            let (piece, rest) =
                split(path[done..].strip_prefix(b"/").unwrap_or(&path[done..]), stride);
            let opened = open_piece(from, piece)?;
            if rest.is_empty() {
                return Ok(opened);
            }
            done = path.len() - rest.len() - 1;
            if self.kept.len() >= KEPT_OPEN {
                self.kept.pop();
            }
            self.kept.push((done, opened));
        }
    }

    fn forget(&mut self) {
        self.kept.clear();
        self.path.clear();
        if let Ok(root) = open_piece(self.root.as_fd(), &[]) {
            self.last = root;
        }
    }
}

/// Whether a part of one path is the beginning of another.
fn leads_to(part: Option<&[u8]>, path: &[u8]) -> bool {
    part.and_then(|part| path.strip_prefix(part))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// A link in its place (ELOOP) is an error, not an absence.
fn is_missing(errno: Errno) -> bool {
    matches!(errno, Errno::ENOENT | Errno::ENOTDIR)
}

fn open_piece(from: BorrowedFd<'_>, piece: &[u8]) -> Result<OwnedFd> {
    if piece.is_empty() {
        return Ok(entry::open_directory_at(from, ".".as_ref())?);
    }
    let below = file::open_below(from, Path::new(OsStr::from_bytes(piece)), Links::Refuse)?;
    Ok(entry::open_directory_at(below.as_fd(), ".".as_ref())?)
}

/// As many whole names as that many bytes hold, but one at least, and the rest.
fn split(path: &[u8], length: usize) -> (&[u8], &[u8]) {
    if path.len() <= length {
        return (path, &[]);
    }
    let before = path[..length].iter().rposition(|byte| *byte == b'/');
    let end = before.or_else(|| path.iter().position(|byte| *byte == b'/'));
    match end {
        Some(end) => (&path[..end], &path[end + 1..]),
        None => (path, &[]),
    }
}

/// The directory and the name of a path.
pub(in crate::changes) fn parent_and_name(path: &[u8]) -> (&[u8], &OsStr) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], OsStr::from_bytes(&path[slash + 1..])),
        None => (&[], OsStr::from_bytes(path)),
    }
}

/// The path of a name in a directory.
pub(in crate::changes) fn joined(directory: &[u8], name: &OsStr) -> Vec<u8> {
    match directory {
        [] => name.as_bytes().to_vec(),
        _ => [directory, name.as_bytes()].join(&b'/'),
    }
}
