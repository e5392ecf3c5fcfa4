//! The way to a directory below a root, by descriptor and never through a link, however long.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::base::Result;
use crate::sys::entry;
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

    /// The directory at that path below the root.
    pub(super) fn to(&mut self, path: &[u8]) -> Result<BorrowedFd<'_>> {
        if self.path != path {
            self.last = open(self.root.as_fd(), path)?;
            self.path = path.to_vec();
        }
        Ok(self.last.as_fd())
    }
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
