//! A directory whose descriptor may be closed for a while: deep trees are walked with few of them.
//! It is opened again on the way back, from its own child, if it still is what it was.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::base::{Error, Result};
use crate::sys::file::Inode;
use crate::sys::{entry, facts};

/// How many directories are open at most, in all levels together.
const MOST: usize = 128;

/// How many levels keep their descriptors open, where each may have so many.
pub(super) fn open_levels(in_each: usize) -> usize {
    (MOST / in_each.max(1)).max(4)
}

pub(super) struct Held {
    inode: Inode,
    fd: Option<OwnedFd>,
}

impl Held {
    pub(super) fn new(fd: OwnedFd) -> Result<Self> {
        Ok(Self { inode: facts::facts(fd.as_fd())?.inode, fd: Some(fd) })
    }

    pub(super) fn get(&self) -> Result<BorrowedFd<'_>> {
        self.fd.as_ref().map(OwnedFd::as_fd).ok_or_else(|| Error::new("a directory was lost"))
    }

    pub(super) fn close(&mut self) {
        self.fd = None;
    }

    /// From one of its own children.
    pub(super) fn reopen(&mut self, child: &Self) -> Result<()> {
        if self.fd.is_some() {
            return Ok(());
        }
        let fd = entry::open_directory_at(child.get()?, "..".as_ref())?;
        if facts::facts(fd.as_fd())?.inode != self.inode {
            return Err(Error::new("a directory was moved while it was read"));
        }
        self.fd = Some(fd);
        Ok(())
    }
}
