//! One upper layer on disk or in memory: `NAME/upper` for what is written, `NAME/work` for the
//! driver, `NAME/lower` naming the directory below it if the layer is kept.
//!
//! An upper over another lower would show the deletions and changes of one tree in the other:
//! that is refused here, once more, for the layers whose names only the mount table tells.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use crate::base::{Context, Error, HostPath, Result, Text};
use crate::sys::small_file::{self, Durability};
use crate::sys::{Errno, entry, file};

use super::{Keeping, directory_below, named};

pub(super) struct UpperLayer {
    pub(super) upper: OwnedFd,
    pub(super) work: OwnedFd,
    /// Nothing was ever mounted with it.
    pub(super) is_new: bool,
}

/// Opens the layer of that name below `base`, made as it should be if it is not there.
pub(super) fn open(
    base: BorrowedFd<'_>,
    name: &str,
    lower: BorrowedFd<'_>,
    lower_path: &HostPath,
    keeping: Keeping,
) -> Result<UpperLayer> {
    make_directory(base, name)?;
    let layer = directory_below(base, name)?;
    let is_first = keeping == Keeping::Kept && record_lower(layer.as_fd(), lower_path)?;
    make_directory(layer.as_fd(), "work")?;
    let work = directory_below(layer.as_fd(), "work")?;
    let is_new = make_directory(layer.as_fd(), "upper")?;
    let upper = directory_below(layer.as_fd(), "upper")?;
    // It may be one that nothing was written to, over another directory.
    if is_new || is_first {
        look_like(upper.as_fd(), lower)?;
    }
    Ok(UpperLayer { upper, work, is_new })
}

/// The kernel's driver notes in them what hides the directory below; without (tmpfs has them from
/// Linux 6.6 on), removing a directory fails with EIO in the midst of a command.
pub(super) fn expect_attributes(work: BorrowedFd<'_>) -> Result<()> {
    const NAME: &str = "user.overlay.bryo";
    match entry::set_attribute(work, NAME, b"y") {
        Err(e) if e.errno == Errno::EOPNOTSUPP => {
            Err(Error::new("the file system of its layers takes no extended attributes")
                .hint("`--overlay-driver fuse` needs none"))
        }
        Err(e) => Err(e.into()),
        Ok(()) => Ok(entry::remove_attribute(work, NAME)?),
    }
}

fn make_directory(parent: BorrowedFd<'_>, name: &str) -> Result<bool> {
    match file::make_directory_at(parent, named(name), 0o700) {
        Ok(()) => Ok(true),
        Err(e) if e.errno == Errno::EEXIST => Ok(false),
        Err(e) => Err(e.into()),
    }
}

/// Gives a copy the owner, mode and times of its source: the root of an overlay shows those of
/// its uppermost layer.
pub(super) fn look_like(copy: BorrowedFd<'_>, source: BorrowedFd<'_>) -> Result<()> {
    let attributes = entry::attributes(source)?;
    match entry::change_owner(copy, attributes.uid, attributes.gid) {
        Ok(()) => {}
        // An owner who is not mapped into the sandbox: then it is the user's own.
        Err(e) if matches!(e.errno, Errno::EINVAL | Errno::EPERM) => {}
        Err(e) => return Err(e.into()),
    }
    entry::change_mode(copy, attributes.mode)?;
    Ok(entry::change_times(copy, &attributes.times)?)
}

/// Notes that the owners of what is written there tell nothing: the driver shows all as root's.
pub(super) fn note_all_root(base: BorrowedFd<'_>, name: &str) -> Result<()> {
    let layer = directory_below(base, name)?;
    match file::create_below(layer.as_fd(), named("all-root"), 0o600) {
        Err(e) if e.errno != Errno::EEXIST => Err(e.into()),
        _ => Ok(()),
    }
}

/// Whether it was not recorded before.
fn record_lower(layer: BorrowedFd<'_>, lower: &HostPath) -> Result<bool> {
    let path = lower.as_path().as_os_str();
    let recorded = match entry::open_file_at(layer, "lower".as_ref()) {
        Ok(fd) => file::read_all(fd.as_fd(), 1 << 16)?,
        Err(e) if e.errno == Errno::ENOENT => Vec::new(),
        Err(e) => return Err(e.into()),
    };
    if recorded.is_empty() {
        // Nothing was mounted with it yet.
        small_file::write(layer, "lower", path.as_bytes(), Durability::InMemory)
            .context(|| "cannot note which directory the kept layer is over".to_owned())?;
        return Ok(true);
    }
    if recorded == path.as_bytes() {
        return Ok(false);
    }
    let recorded = Text::from(std::ffi::OsStr::from_bytes(&recorded));
    Err(Error::new(format!("the kept layer was made over `{recorded}`"))
        .hint("keep this one in another directory with `--overlay-dir`"))
}
