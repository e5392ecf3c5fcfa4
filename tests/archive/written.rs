//! Tars written entry by entry, as nobody would who means well.

use tar_core::builder::EntryBuilder;
use tar_core::{EntryType, HEADER_SIZE};

pub(super) struct Entry(EntryBuilder, Vec<u8>);

pub(super) fn entry(kind: EntryType, path: impl AsRef<[u8]>) -> Entry {
    let mut it = EntryBuilder::new_ustar();
    it.path(path).mode(0o644).unwrap().mtime(1_000_000_000).unwrap().entry_type(kind);
    Entry(it, Vec::new())
}

pub(super) fn file(path: impl AsRef<[u8]>, content: &str) -> Entry {
    let mut entry = entry(EntryType::Regular, path);
    entry.0.size(content.len() as u64).unwrap();
    entry.1 = content.as_bytes().to_vec();
    entry
}

pub(super) fn directory(path: impl AsRef<[u8]>) -> Entry {
    entry(EntryType::Directory, path).mode(0o755)
}

pub(super) fn symlink(path: impl AsRef<[u8]>, target: &str) -> Entry {
    entry(EntryType::Symlink, path).target(target)
}

pub(super) fn link(path: impl AsRef<[u8]>, target: &str) -> Entry {
    entry(EntryType::Link, path).target(target)
}

impl Entry {
    pub(super) fn mode(mut self, mode: u32) -> Self {
        self.0.mode(mode).unwrap();
        self
    }

    pub(super) fn target(mut self, target: &str) -> Self {
        self.0.link_name(target);
        self
    }

    pub(super) fn said(mut self, key: &str, value: impl AsRef<[u8]>) -> Self {
        self.0.add_pax(key, value);
        self
    }

    /// A size that is not that of its content.
    pub(super) fn size(mut self, size: u64) -> Self {
        self.0.size(size).unwrap();
        self
    }

    pub(super) fn bytes(&mut self) -> Vec<u8> {
        let mut bytes = self.0.finish_bytes();
        bytes.extend_from_slice(&self.1);
        bytes.resize(bytes.len().next_multiple_of(HEADER_SIZE), 0);
        bytes
    }
}

pub(super) fn tar(entries: impl IntoIterator<Item = Entry>) -> Vec<u8> {
    let mut bytes: Vec<u8> = entries.into_iter().flat_map(|mut it| it.bytes()).collect();
    bytes.resize(bytes.len() + 2 * HEADER_SIZE, 0);
    bytes
}
