//! The way to a directory below a root, by descriptor and never through a link, however long.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::base::Result;
use crate::sys::{Errno, entry};
use crate::sys::file::{self, Links};

/// No longer than PATH_MAX in one call (path_resolution(7)).
const PIECE: usize = 4000;

/// Steps come directory by directory: the last one is kept open.
pub(super) struct Way {
    root: OwnedFd,
    path: Vec<u8>,
    last: OwnedFd,
}

impl Way {
    pub(super) fn from(root: BorrowedFd<'_>) -> Result<Self> {
        let again = || entry::open_directory_at(root, ".".as_ref());
        Ok(Self { root: again()?, path: Vec::new(), last: again()? })
    }

    /// The directory at that path below the root; `None`: it is not there.
    pub(super) fn find(&mut self, path: &[u8]) -> Result<Option<BorrowedFd<'_>>> {
        if self.path != path {
            match open(self.root.as_fd(), path) {
                Ok(directory) => self.last = directory,
                Err(e) if e.errno().is_some_and(is_missing) => return Ok(None),
                Err(e) => return Err(e),
            }
            self.path = path.to_vec();
        }
        Ok(Some(self.last.as_fd()))
    }
}

/// A link in its place (ELOOP) is an error, not an absence.
fn is_missing(errno: Errno) -> bool {
    matches!(errno, Errno::ENOENT | Errno::ENOTDIR)
}

fn open(root: BorrowedFd<'_>, path: &[u8]) -> Result<OwnedFd> {
    let mut at = entry::open_directory_at(root, ".".as_ref())?;
    let mut rest = path;
    while !rest.is_empty() {
        let (piece, after) = split(rest);
        let below =
            file::open_below(at.as_fd(), Path::new(OsStr::from_bytes(piece)), Links::Refuse)?;
        at = entry::open_directory_at(below.as_fd(), ".".as_ref())?;
        rest = after;
    }
    Ok(at)
}

/// As many whole names as one call takes, and the rest.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    if path.len() <= PIECE {
        return (path, &[]);
    }
    let end = path[..PIECE].iter().rposition(|byte| *byte == b'/').unwrap_or(PIECE);
    (&path[..end], &path[end + 1..])
}

/// The directory and the name of a path.
pub(super) fn parent_and_name(path: &[u8]) -> (&[u8], &OsStr) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], OsStr::from_bytes(&path[slash + 1..])),
        None => (&[], OsStr::from_bytes(path)),
    }
}
