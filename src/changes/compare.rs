//! Two inodes of the same type, compared: one from the directory below, one from the layer.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::base::Result;
use crate::sys::facts::{self, Facts, Type};
use crate::sys::{entry, file};

use super::change::Aspects;
use super::dialect::Dialect;
use crate::store::outsider;

/// One of the two.
#[derive(Clone, Copy)]
pub(super) struct Side<'a> {
    pub(super) directory: BorrowedFd<'a>,
    pub(super) name: &'a OsStr,
    pub(super) facts: &'a Facts,
}

impl Side<'_> {
    fn open(&self) -> Result<OwnedFd> {
        match self.facts.kind {
            Type::Directory => Ok(entry::open_directory_at(self.directory, self.name)?),
            _ => Ok(entry::open_file_at(self.directory, self.name)?),
        }
    }
}

/// In what they differ. A file that has both its size and its time has its content compared, for
/// a time can be set to anything; one whose time alone differs counts as changed unread.
pub(super) fn aspects(before: Side<'_>, after: Side<'_>) -> Result<Aspects> {
    let (was, is) = (before.facts, after.facts);
    let time = was.modified != is.modified;
    let (content, attributes) = match is.kind {
        Type::Regular => {
            let content = was.size != is.size || time || differ(before, after)?;
            (content, !content && attributes_differ(before, after)?)
        }
        Type::Directory => (false, attributes_differ(before, after)?),
        Type::Symlink => {
            let target = |side: Side<'_>| entry::link_target_at(side.directory, side.name);
            (target(before)? != target(after)?, false)
        }
        Type::Fifo | Type::Socket => (false, false),
        Type::CharacterDevice { .. } | Type::BlockDevice { .. } => (was.kind != is.kind, false),
    };
    Ok(Aspects {
        content,
        mode: was.mode != is.mode,
        owner: (was.uid, was.gid) != (is.uid, is.gid),
        // A directory's time tells of its entries, which are changes of their own.
        time: time && !matches!(is.kind, Type::Directory | Type::Symlink),
        attributes,
        names: is.kind == Type::Regular && is.links > was.links,
    })
}

fn differ(before: Side<'_>, after: Side<'_>) -> Result<bool> {
    if before.facts.inode == after.facts.inode {
        return Ok(false);
    }
    let (before, after) = (before.open()?, after.open()?);
    let (mut one, mut other) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let length = fill(before.as_fd(), &mut one)?;
        if length != fill(after.as_fd(), &mut other)? || one[..length] != other[..length] {
            return Ok(true);
        }
        if length < one.len() {
            return Ok(false);
        }
    }
}

fn fill(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file::read(fd, &mut buffer[filled..])? {
            0 => break,
            length => filled += length,
        }
    }
    Ok(filled)
}

fn attributes_differ(before: Side<'_>, after: Side<'_>) -> Result<bool> {
    Ok(attributes(before)? != attributes(after)?)
}

/// Names and values.
pub(super) type Attributes = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// In order, without the notes of a driver.
pub(super) fn attributes(side: Side<'_>) -> Result<Attributes> {
    // What may not be opened could not have been changed by this user.
    let Ok(fd) = side.open() else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for name in facts::attribute_names(fd.as_fd())? {
        let (Ok(text), bytes) = (name.to_str(), name.to_bytes()) else { continue };
        if !Dialect::is_note(bytes) {
            all.push((bytes.to_vec(), outsider::attribute(fd.as_fd(), text)?));
        }
    }
    all.sort();
    Ok(all)
}
