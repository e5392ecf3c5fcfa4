//! Files by their extents: where in a file there is data, and reading and writing at a place in it.

use std::os::fd::BorrowedFd;

use rustix::fs;

use super::call::{Named, Result};

/// The next stretch of data that begins at that place or behind it, and where it ends; `None`:
/// only a hole is left.
pub fn next(fd: BorrowedFd<'_>, at: u64, size: u64) -> Result<Option<(u64, u64)>> {
    if at >= size {
        return Ok(None);
    }
    let begin = match fs::seek(fd, fs::SeekFrom::Data(at)) {
        Ok(begin) => begin,
        Err(rustix::io::Errno::NXIO) => return Ok(None),
        // A filesystem that knows no holes.
        Err(rustix::io::Errno::INVAL) => return Ok(Some((at, size))),
        Err(e) => return Err(e).named(|| "lseek(SEEK_DATA)".to_owned()),
    };
    let end = fs::seek(fd, fs::SeekFrom::Hole(begin)).unwrap_or(size);
    Ok((begin < size).then_some((begin, end.min(size))))
}

/// One read; zero bytes mean the end.
pub fn read_at(fd: BorrowedFd<'_>, buffer: &mut [u8], at: u64) -> Result<usize> {
    rustix::io::retry_on_intr(|| rustix::io::pread(fd, &mut *buffer, at))
        .named(|| "pread".to_owned())
}

pub fn write_all_at(fd: BorrowedFd<'_>, mut bytes: &[u8], mut at: u64) -> Result<()> {
    while !bytes.is_empty() {
        let written = rustix::io::retry_on_intr(|| rustix::io::pwrite(fd, bytes, at))
            .named(|| "pwrite".to_owned())?;
        bytes = &bytes[written..];
        at += written as u64;
    }
    Ok(())
}

/// Makes a file that long; what it did not hold yet is a hole.
pub fn set_size(fd: BorrowedFd<'_>, size: u64) -> Result<()> {
    fs::ftruncate(fd, size).named(|| format!("ftruncate({size})"))
}
