//! Bringing what was written to the disk. syncfs(2) waits for all that others have written to the
//! same filesystem, too: beside a large copy it takes as long as the copy. So a few files are synced
//! one by one.

use std::os::fd::{AsFd, BorrowedFd};

use crate::base::Result;
use crate::sys::facts::{self, Type};
use crate::sys::{entry, file};

/// About as many as take as long as syncfs(2) does on a disk with nothing else to do.
const FEW: usize = 64;

/// The directory and all that is below it, if there is no more; whether it was.
pub(super) fn bring_few(top: BorrowedFd<'_>) -> Result<bool> {
    let mut directories = vec![entry::open_directory_at(top, ".".as_ref())?];
    let (mut next, mut count, mut files) = (0, 0, Vec::new());
    while let Some(directory) = directories.get(next) {
        let mut inner = Vec::new();
        for name in file::names_in(directory.as_fd())? {
            count += 1;
            if count > FEW {
                return Ok(false);
            }
            match facts::facts_at(directory.as_fd(), &name)?.map(|it| it.kind) {
                Some(Type::Directory) => {
                    inner.push(entry::open_directory_at(directory.as_fd(), &name)?);
                }
                Some(Type::Regular) => {
                    files.push(entry::open_file_at(directory.as_fd(), &name)?);
                }
                _ => {}
            }
        }
        directories.append(&mut inner);
        next += 1;
    }
    // None before it is known that these are all: syncfs(2) would do it once more.
    for fd in files.iter().chain(directories.iter().rev()) {
        file::sync(fd.as_fd())?;
    }
    Ok(true)
}
