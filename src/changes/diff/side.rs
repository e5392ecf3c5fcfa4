//! One side of a change: what a file holds, as far as it can be shown.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use sha2::{Digest, Sha256};

use crate::base::Result;
use crate::sys::facts::{Facts, Type};
use crate::sys::{entry, file};

/// A file larger than this is not compared line by line.
const LARGEST: u64 = 8 << 20;

/// git takes a file for binary that has a zero among its first bytes, this many of them.
pub(in crate::changes) const PROBED: usize = 8000;

pub(super) struct Side {
    mode: u32,
    content: Content,
}

enum Content {
    Nothing,
    Text(Vec<u8>),
    Binary {
        size: u64,
        digest: String,
    },
    /// So little of so much that reading it would take hours.
    Holes {
        size: u64,
    },
    /// Neither a file nor a link: what it is.
    Special(&'static str),
    /// Its mode keeps its owner from it.
    Closed,
}

impl Side {
    pub(super) fn nothing() -> Self {
        Self { mode: 0, content: Content::Nothing }
    }

    pub(super) fn read(directory: BorrowedFd<'_>, name: &OsStr, facts: &Facts) -> Result<Self> {
        let content = match facts.kind {
            Type::Symlink => {
                let target = entry::link_target_at(directory, name)?;
                Content::Text(target.as_os_str().as_bytes().to_vec())
            }
            Type::Regular if is_mostly_holes(facts) => Content::Holes { size: facts.size },
            Type::Regular => match entry::open_file_at(directory, name) {
                Ok(fd) => content_of(fd.as_fd(), facts.size)?,
                Err(e) if e.errno == crate::sys::Errno::EACCES => Content::Closed,
                Err(e) => return Err(e.into()),
            },
            Type::Directory => Content::Special("a directory"),
            Type::Fifo => Content::Special("a FIFO"),
            Type::Socket => Content::Special("a socket"),
            Type::CharacterDevice { .. } | Type::BlockDevice { .. } => Content::Special("a device"),
        };
        Ok(Self { mode: git_mode(facts), content })
    }

    pub(super) fn git_mode(&self) -> u32 {
        self.mode
    }

    /// Whether both hold the same bytes.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (&self.content, &other.content) {
            (Content::Text(one), Content::Text(other)) => one == other,
            (Content::Binary { digest: one, .. }, Content::Binary { digest: other, .. }) => {
                one == other
            }
            _ => false,
        }
    }

    /// What can be compared line by line.
    pub(super) fn text(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Nothing => Some(&[]),
            Content::Text(text) => Some(text),
            Content::Binary { .. }
            | Content::Holes { .. }
            | Content::Special(_)
            | Content::Closed => None,
        }
    }

    /// The text of a file that is one.
    pub(super) fn into_text(self) -> Option<Vec<u8>> {
        match self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    fn said(&self) -> Option<String> {
        match &self.content {
            Content::Nothing => None,
            Content::Text(text) => Some(format!("{} bytes of text", text.len())),
            Content::Binary { size, digest } => Some(format!("{size} bytes, sha256 {digest}")),
            Content::Holes { size } => Some(format!("{size} bytes, nearly all of them holes")),
            Content::Special(what) => Some((*what).to_owned()),
            Content::Closed => Some("a file that its mode keeps closed".to_owned()),
        }
    }
}

/// `binary: 12 bytes, sha256 …, was 14 bytes, sha256 …`.
pub(super) fn in_a_line(old: &Side, new: &Side) -> String {
    match (old.said(), new.said()) {
        (Some(old), Some(new)) => format!("{new}; was {old}"),
        (None, Some(new)) => format!("added: {new}"),
        (Some(old), None) => format!("deleted: {old}"),
        (None, None) => String::new(),
    }
}

/// git knows of a file only whether it may be executed, and of a link that it is one.
pub(super) fn git_mode(facts: &Facts) -> u32 {
    match facts.kind {
        Type::Symlink => 0o120_000,
        _ if facts.mode & 0o100 != 0 => 0o100_755,
        _ => 0o100_644,
    }
}

/// More than any file system compresses.
fn is_mostly_holes(facts: &Facts) -> bool {
    facts.size > LARGEST && facts.allocated < facts.size / 64
}

fn content_of(fd: BorrowedFd<'_>, size: u64) -> Result<Content> {
    if size <= LARGEST {
        let bytes = file::read_all(fd, LARGEST as usize)?;
        if is_text(&bytes) {
            return Ok(Content::Text(bytes));
        }
        let digest = hex(&Sha256::digest(&bytes));
        return Ok(Content::Binary { size, digest });
    }
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 17];
    loop {
        match file::read(fd, &mut buffer)? {
            0 => break,
            length => digest.update(&buffer[..length]),
        }
    }
    Ok(Content::Binary { size, digest: hex(&digest.finalize()) })
}

pub(in crate::changes) fn is_text(bytes: &[u8]) -> bool {
    !bytes.iter().take(PROBED).any(|byte| *byte == 0)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
