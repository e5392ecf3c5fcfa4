//! What a descriptor is that somebody else opened and handed over (`fstat(2)`, `F_GETFL`).

use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::fs::{self, FileType, OFlags};

use super::call::{Named, Result};
use super::file::{self, Inode};
use super::terminal;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StreamKind {
    Directory,
    /// A regular file or a block device: something that stays.
    Stored,
    Terminal,
    /// Any other character device.
    Device,
    /// A FIFO that has a name.
    NamedPipe,
    /// A pipe, a socket or another thing without a name in the file system.
    Nameless,
}

/// A descriptor, looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stream {
    pub kind: StreamKind,
    pub inode: Inode,
    pub reads: bool,
    pub writes: bool,
    pub appends: bool,
}

pub fn look_at(fd: BorrowedFd<'_>) -> Result<Stream> {
    let stat = fs::fstat(fd).named(|| format!("fstat({})", fd.as_raw_fd()))?;
    let flags = fs::fcntl_getfl(fd).named(|| format!("fcntl({}, F_GETFL)", fd.as_raw_fd()))?;
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => StreamKind::Directory,
        FileType::RegularFile | FileType::BlockDevice => StreamKind::Stored,
        FileType::CharacterDevice if terminal::is_terminal(fd) => StreamKind::Terminal,
        FileType::CharacterDevice => StreamKind::Device,
        FileType::Fifo if file::filesystem_magic(fd)? != PIPEFS => StreamKind::NamedPipe,
        _ => StreamKind::Nameless,
    };
    let mode = flags & OFlags::RWMODE;
    Ok(Stream {
        kind,
        inode: Inode { device: stat.st_dev, number: stat.st_ino },
        reads: mode != OFlags::WRONLY,
        writes: mode != OFlags::RDONLY,
        appends: flags.contains(OFlags::APPEND),
    })
}

/// `PIPEFS_MAGIC` of statfs(2).
const PIPEFS: i64 = 0x5049_5045;

/// Makes reads and writes of an open file answer EAGAIN instead of waiting.
pub fn never_wait(fd: BorrowedFd<'_>) -> Result<()> {
    let call = || format!("fcntl({}, F_SETFL)", fd.as_raw_fd());
    let flags = fs::fcntl_getfl(fd).named(call)?;
    fs::fcntl_setfl(fd, flags | OFlags::NONBLOCK).named(call)
}

/// How many bytes wait in a pipe (`FIONREAD`).
pub fn waiting(pipe: BorrowedFd<'_>) -> Result<u64> {
    rustix::io::ioctl_fionread(pipe).named(|| format!("ioctl({}, FIONREAD)", pipe.as_raw_fd()))
}

/// Moves the offset of an open file back, for whoever reads on.
pub fn go_back(fd: BorrowedFd<'_>, bytes: u64) -> Result<()> {
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    fs::seek(fd, fs::SeekFrom::Current(-bytes))
        .map(drop)
        .named(|| format!("lseek({}, -{bytes})", fd.as_raw_fd()))
}
