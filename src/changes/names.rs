//! The names of one directory, sorted, in one piece of memory: a directory may hold a million.

use std::ffi::{OsStr, OsString};
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use crate::base::Result;
use crate::sys::file;

#[derive(Debug, Default)]
pub(super) struct Names {
    bytes: Vec<u8>,
    /// Where each begins and ends in `bytes`, in the order of the names.
    spans: Vec<(u32, u32)>,
}

impl Names {
    pub(super) fn of(directory: BorrowedFd<'_>) -> Result<Self> {
        let mut names = Self::default();
        file::each_name_in(directory, |name| names.push(name))?;
        names.sort();
        Ok(names)
    }

    pub(super) fn push(&mut self, name: &[u8]) {
        let begin = self.bytes.len() as u32;
        self.bytes.extend_from_slice(name);
        self.spans.push((begin, self.bytes.len() as u32));
    }

    pub(super) fn sort(&mut self) {
        let Self { bytes, spans } = self;
        let name = |(begin, end): (u32, u32)| &bytes[begin as usize..end as usize];
        spans.sort_unstable_by(|a, b| name(*a).cmp(name(*b)));
    }

    /// Of sorted names.
    pub(super) fn leave_out_repeated(&mut self) {
        let Self { bytes, spans } = self;
        let name = |(begin, end): (u32, u32)| &bytes[begin as usize..end as usize];
        spans.dedup_by(|a, b| name(*a) == name(*b));
    }

    pub(super) fn get(&self, index: usize) -> Option<&OsStr> {
        let (begin, end) = *self.spans.get(index)?;
        Some(OsStr::from_bytes(&self.bytes[begin as usize..end as usize]))
    }

    /// The last one, which goes.
    pub(super) fn pop(&mut self) -> Option<OsString> {
        let (begin, end) = self.spans.pop()?;
        Some(OsString::from_vec(self.bytes[begin as usize..end as usize].to_vec()))
    }

    pub(super) fn contains(&self, name: &OsStr) -> bool {
        let at = |(begin, end): (u32, u32)| &self.bytes[begin as usize..end as usize];
        self.spans.binary_search_by(|span| at(*span).cmp(name.as_bytes())).is_ok()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &OsStr> {
        (0..self.spans.len()).filter_map(|index| self.get(index))
    }
}
