//! That what a kept overlay holds may not be on the disk yet.
//!
//! Overlays are mounted `volatile` (Documentation/filesystems/overlayfs.rst, "Volatile mount"): the
//! kernel passes no fsync(2) of the command on, does not sync what it copies up, nor at the end the
//! whole filesystem, which is the user's, with all that others have written to it. What was written
//! survives the command, and bryo too, however it ends: it is in the page cache. It does not survive
//! a crash of the machine or a loss of power, after which a file of the layer may be cut off.
//!
//! So a kept layer is marked before it is written to, with the boot at which it is, and the mark
//! goes when all is on the disk, at the end of the run that wrote something. If bryo was killed, the
//! next one finds its own boot in the mark, and nothing is lost. A mark of another boot, or one that
//! did not come to the disk whole itself, tells that the machine went down meanwhile: then the layer
//! is shown and discarded, not used.
//!
//! The mark is a second name of the lock, which has room for the boot: a file less to make and to
//! remove at every run.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::base::{Context, Error, HostPath, Result};
use crate::sys::{Errno, clock, entry, file, small_file};

use super::lock::{self, Lock};
use super::{directory_below, named, removal, to_disk};

const NAME: &str = "unsynced";
const LIMIT: usize = 128;

/// Whether the machine went down before what was written there was on the disk.
pub fn check_is_whole(directory: &HostPath) -> Result<()> {
    let path = directory.join(NAME);
    match file::read_path(path.as_path(), LIMIT) {
        Err(e) if e.errno == Errno::ENOENT => Ok(()),
        Err(e) => Err(e.into()),
        Ok(marked) if marked.get(lock::NUMBER..) == Some(clock::boot()?) => Ok(()),
        Ok(_) => Err(Error::new("the machine went down before all of it was on the disk")
            .hint(format!("look at it; without `{path}` it is used all the same"))),
    }
}

/// From now on what is there may not be on the disk.
pub(super) fn mark(directory: &HostPath, base: BorrowedFd<'_>, lock: &Lock) -> Result<()> {
    check_is_whole(directory)?;
    let boot = clock::boot()?;
    lock.note(boot)?;
    match entry::make_link(base, lock::NAME.as_ref(), NAME.as_ref()) {
        Err(e) if matches!(e.errno, Errno::EPERM | Errno::EOPNOTSUPP) => {
            // A filesystem that knows no second names.
            let mark = file::create_below(base, named(NAME), 0o600)?;
            Ok(file::write_all(mark.as_fd(), &[&[b' '; lock::NUMBER], boot].concat())?)
        }
        Err(e) if e.errno != Errno::EEXIST => Err(e.into()),
        _ => Ok(()),
    }
}

/// Nobody writes there any more: brings it to the disk.
pub(super) fn sync(directory: &HostPath) -> Result<()> {
    let base = file::open_path_for_reading(directory.as_path())?;
    // What this user may not open, because the sandbox closed it or had other ids, cannot be synced
    // by itself; and an error of the disk comes again.
    if !sync_one_by_one(base.as_fd()).unwrap_or(false) {
        file::sync_filesystem(base.as_fd())
            .context(|| "what was written may not be on the disk".to_owned())?;
    }
    Ok(file::remove_file_at(base.as_fd(), named(NAME))?)
}

/// Whether all was: not, if that would take longer.
fn sync_one_by_one(base: BorrowedFd<'_>) -> Result<bool> {
    for layer in layers_in(base)? {
        let layer = layer?;
        let upper = directory_below(layer.as_fd(), "upper")?;
        if file::is_empty_directory(upper.as_fd())? {
            continue;
        }
        if !to_disk::bring_few(upper.as_fd())? {
            return Ok(false);
        }
        small_file::bring_to_disk(layer.as_fd(), "lower")?;
        small_file::bring_to_disk(base, "driver")?;
        file::sync(layer.as_fd())?;
        file::sync(base)?;
    }
    Ok(true)
}

/// Each as a directory, by the number that it bears.
fn layers_in(base: BorrowedFd<'_>) -> Result<impl Iterator<Item = Result<OwnedFd>>> {
    let names = file::names_in(base)?.into_iter();
    let numbered = names.filter(|name| name.as_encoded_bytes()[0].is_ascii_digit());
    Ok(numbered.map(move |name| Ok(entry::open_directory_at(base, &name)?)))
}

/// The kernel's own mark, by which it refuses the layer: ours says more. It makes the directory
/// anew at each mount.
pub(super) fn forget_kernels_mark(work: BorrowedFd<'_>) -> Result<()> {
    match removal::remove(work, "work".as_ref()) {
        Err(e) if e.errno() != Some(Errno::ENOENT) => Err(e),
        _ => Ok(()),
    }
}
