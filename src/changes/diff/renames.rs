//! Files that are under another name now: a deleted and an added one with the same bytes.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};

use sha2::{Digest, Sha256};

use crate::base::{HostPath, Result};
use crate::changes::change::What;
use crate::changes::layer::Layer;
use crate::sys::facts::{Facts, Type};
use crate::sys::{entry, file};

use super::Shown;

/// More of them are shown as deleted and added: what is held in memory has a bound.
const MOST: usize = 10_000;

#[derive(Default)]
pub(super) struct Renames {
    /// From the new path to the old one.
    sources: HashMap<HostPath, HostPath>,
    old: std::collections::HashSet<HostPath>,
}

impl Renames {
    pub(super) fn find(layers: &[Layer], shown: &Shown<'_>) -> Result<Self> {
        let mut gone: HashMap<u64, Vec<(HostPath, [u8; 32])>> = HashMap::new();
        let mut count = 0;
        shown.each(layers, &mut |change, spot, path| {
            if let (What::Deleted, Some(before), Some(lower)) =
                (change.what, &change.before, spot.lower)
                && may_be_renamed(before)
                && count < MOST
                && let Some(digest) = digest(lower, spot.name)?
            {
                count += 1;
                gone.entry(before.size).or_default().push((path.clone(), digest));
            }
            Ok(())
        })?;
        let mut renames = Self::default();
        if gone.is_empty() {
            return Ok(renames);
        }
        shown.each(layers, &mut |change, spot, path| {
            if let (What::Added, Some(after)) = (change.what, &change.after)
                && may_be_renamed(after)
                && let Some(candidates) = gone.get_mut(&after.size)
                && let Some(digest) = digest(spot.upper, spot.name)?
                && let Some(at) = candidates.iter().position(|(_, other)| *other == digest)
            {
                let (source, _) = candidates.remove(at);
                renames.old.insert(source.clone());
                renames.sources.insert(path.clone(), source);
            }
            Ok(())
        })?;
        Ok(renames)
    }

    pub(super) fn is_source(&self, path: &HostPath) -> bool {
        self.old.contains(path)
    }

    pub(super) fn source_of(&self, path: &HostPath) -> Option<HostPath> {
        self.sources.get(path).cloned()
    }
}

/// An empty file is like any other empty file, and a large one is not worth reading twice.
fn may_be_renamed(facts: &Facts) -> bool {
    facts.kind == Type::Regular && (1..64 << 20).contains(&facts.size)
}

fn digest(directory: BorrowedFd<'_>, name: &OsStr) -> Result<Option<[u8; 32]>> {
    let Ok(fd) = entry::open_file_at(directory, name) else { return Ok(None) };
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file::read(fd.as_fd(), &mut buffer)? {
            0 => return Ok(Some(digest.finalize().into())),
            length => digest.update(&buffer[..length]),
        }
    }
}
