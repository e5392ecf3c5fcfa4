//! What is in a file, read once: its data, and where it has holes, a map of them (GNU.sparse, 1.0).

use std::os::fd::BorrowedFd;

use tar_core::SparseEntry;

use crate::base::{Error, Result};
use crate::sys::extent;
use crate::sys::facts::Facts;

use super::tar::Tar;

/// More stretches than that are told as one that holds the holes between them: a map stays small.
const MOST_STRETCHES: usize = 8000;
/// A hole must be worth its map.
const LEAST_HOLES: u64 = 4096;
/// With more data the holes are written out: the numbers of a map go up to 8 GiB.
const MOST_DATA: u64 = 7 << 30;

pub(super) struct Content<'fd> {
    fd: Option<BorrowedFd<'fd>>,
    size: u64,
    /// Where data begins and ends.
    stretches: Vec<(u64, u64)>,
}

impl<'fd> Content<'fd> {
    pub(super) fn none() -> Self {
        Self { fd: None, size: 0, stretches: Vec::new() }
    }

    pub(super) fn of(fd: BorrowedFd<'fd>, facts: &Facts) -> Result<Self> {
        let size = facts.size;
        let whole = vec![(0, size)];
        let stretches = match facts.allocated < size {
            true => stretches(fd, size)?,
            false => whole,
        };
        let data = stretches.iter().map(|(begin, end)| end - begin).sum::<u64>();
        let is_worth_it = size - data >= LEAST_HOLES && data <= MOST_DATA;
        let stretches = if is_worth_it { stretches } else { vec![(0, size)] };
        Ok(Self { fd: Some(fd), size, stretches })
    }

    /// How many bytes of it are in the tar.
    pub(super) fn stored(&self) -> u64 {
        self.stretches.iter().map(|(begin, end)| end - begin).sum()
    }

    /// The map and the whole size, if it has holes.
    pub(super) fn map(&self) -> Option<(Vec<SparseEntry>, u64)> {
        if self.stored() == self.size {
            return None;
        }
        let mut map: Vec<SparseEntry> = self
            .stretches
            .iter()
            .map(|(begin, end)| SparseEntry { offset: *begin, length: end - begin })
            .collect();
        if self.stretches.last().is_none_or(|(_, end)| *end < self.size) {
            // So does GNU tar say where a file ends that ends with a hole.
            map.push(SparseEntry { offset: self.size, length: 0 });
        }
        Some((map, self.size))
    }

    pub(super) fn write(&self, tar: &mut Tar<'_>) -> Result<()> {
        let Some(fd) = self.fd else { return Ok(()) };
        let mut room = vec![0; usize::try_from(self.stored().min(1 << 17)).unwrap_or(1 << 17)];
        for (begin, end) in &self.stretches {
            let mut at = *begin;
            while at < *end {
                let length = room.len().min(usize::try_from(end - at).unwrap_or(usize::MAX));
                let read = extent::read_at(fd, &mut room[..length], at)?;
                if read == 0 {
                    return Err(Error::new("the file became shorter while it was read"));
                }
                tar.content(&room[..read])?;
                at += read as u64;
            }
        }
        tar.end_content()
    }
}

fn stretches(fd: BorrowedFd<'_>, size: u64) -> Result<Vec<(u64, u64)>> {
    let (mut all, mut at) = (Vec::new(), 0);
    while let Some((begin, end)) = extent::next(fd, at, size)? {
        if all.len() == MOST_STRETCHES {
            all.push((begin, size));
            break;
        }
        all.push((begin, end));
        at = end;
    }
    Ok(all)
}
