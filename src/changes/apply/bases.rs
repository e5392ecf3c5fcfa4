//! Bases: what text files held below when a sandbox that modified them ended, for a three-way merge
//! if they are changed outside later. Each is kept under the digest of its content, and is of no use
//! if it is not what that says.

use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::base::{HostPath, Result};
use crate::changes::change::{Change, What};
use crate::changes::diff::{PROBED, is_text};
use crate::changes::walk::Spot;
use crate::sys::facts::{self, Type};
use crate::sys::{Errno, entry, file};

/// None is kept of a larger file.
pub(super) const LARGEST: u64 = 1 << 20;
/// None is kept beyond these, together.
const MOST_BYTES: u64 = 64 << 20;
const MOST_FILES: u64 = 4096;

/// Which one, and the mode of the file that it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Base {
    pub(super) digest: [u8; 32],
    pub(super) mode: u32,
}

impl Base {
    fn name(&self) -> OsString {
        hex(&self.digest).into()
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The place they are kept in, which is made with the first.
pub(super) struct Bases<'a> {
    path: &'a HostPath,
    directory: Option<OwnedFd>,
    files: u64,
    bytes: u64,
}

impl<'a> Bases<'a> {
    pub(super) fn open(path: &'a HostPath) -> Result<Self> {
        let mut bases = Self { path, directory: None, files: 0, bytes: 0 };
        match file::open_path_for_reading(path.as_path()) {
            Ok(directory) => {
                for name in file::names_in(directory.as_fd())? {
                    let facts = facts::facts_at(directory.as_fd(), &name)?;
                    bases.count(facts.map_or(0, |it| it.size));
                }
                bases.directory = Some(directory);
            }
            Err(e) if e.errno == Errno::ENOENT => {}
            Err(e) => return Err(e.into()),
        }
        Ok(bases)
    }

    fn count(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }

    /// What is below a text file that was modified, if it is no more than is kept. That it cannot
    /// be kept is no reason for a try to fail.
    pub(super) fn keep(&mut self, change: &Change, spot: &Spot<'_>) -> Option<Base> {
        let (What::Modified(_), Some(before), Some(after), Some(lower)) =
            (change.what, &change.before, &change.after, spot.lower)
        else {
            return None;
        };
        let is_kept = before.kind == Type::Regular
            && before.size.max(after.size) <= LARGEST
            && self.files < MOST_FILES
            && self.bytes + before.size <= MOST_BYTES;
        if !is_kept {
            return None;
        }
        let source = entry::open_file_at(lower, spot.name).ok()?;
        let content = file::read_all(source.as_fd(), LARGEST as usize).ok()?;
        let is_as_it_was = facts::facts(source.as_fd()).is_ok_and(|now| now == *before);
        if !is_as_it_was || !is_text(&content) || !begins_as_text(spot) {
            return None;
        }
        let base = Base { digest: Sha256::digest(&content).into(), mode: before.mode };
        self.put(&base, &source).ok()?;
        Some(base)
    }

    /// Blocks are shared where the filesystem can.
    fn put(&mut self, base: &Base, source: &OwnedFd) -> Result<()> {
        let directory = match self.directory.take() {
            Some(directory) => directory,
            None => {
                entry::make_directories(self.path.as_path(), 0o700)?;
                file::open_path_for_reading(self.path.as_path())?
            }
        };
        let directory: &OwnedFd = self.directory.insert(directory);
        let directory = directory.as_fd();
        let name = base.name();
        if facts::facts_at(directory, &name)?.is_some() {
            return Ok(());
        }
        let part = Path::new("part");
        let _ = file::remove_file_at(directory, part);
        let copy = file::create_below(directory, part, 0o600)?;
        entry::copy_content(source.as_fd(), copy.as_fd())?;
        file::rename_at(directory, part, Path::new(&name))?;
        let size = facts::facts(copy.as_fd())?.size;
        self.count(size);
        Ok(())
    }

    /// `None`: it is not there, or not what it was.
    pub(super) fn read(&self, base: &Base) -> Option<Vec<u8>> {
        let directory = self.directory.as_ref()?;
        let fd = entry::open_file_at(directory.as_fd(), &base.name()).ok()?;
        let content = file::read_all(fd.as_fd(), LARGEST as usize).ok()?;
        let digest: [u8; 32] = Sha256::digest(&content).into();
        (digest == base.digest).then_some(content)
    }
}

fn begins_as_text(spot: &Spot<'_>) -> bool {
    let mut begin = vec![0; PROBED];
    entry::open_file_at(spot.upper, spot.name)
        .and_then(|fd| file::read(fd.as_fd(), &mut begin))
        .is_ok_and(|length| is_text(&begin[..length]))
}
