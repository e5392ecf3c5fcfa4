//! A kept overlay that nothing was written to, made as good as new: directories take long to make and
//! to remove, on some disks as long as a whole sandbox. What cannot be told from new is not.

use std::os::fd::{AsFd, BorrowedFd};

use crate::base::{HostPath, Result};
use crate::sys::{entry, facts, file, process, small_file};

use super::{directory_below, named, removal};

/// The kernel's own directory of the last run, which refuses the next one for its mark.
const OLD: &str = "old";

/// Makes it so; `false`: it is not to be used again. Its lock is held.
pub fn renew(directory: &HostPath) -> Result<bool> {
    let base = file::open_path_for_reading(directory.as_path())?;
    let base = base.as_fd();
    // One layer of the kernel's, over whatever it was.
    if !holds(base, &["0", "driver", "lock"])? {
        return Ok(false);
    }
    let driver = entry::open_file_at(base, "driver".as_ref())?;
    let layer = directory_below(base, "0")?;
    let is_kernels = file::read_all(driver.as_fd(), 64)?.trim_ascii() == b"kernel";
    if !is_kernels || !holds(layer.as_fd(), &["lower", "upper", "work"])? {
        return Ok(false);
    }
    let upper = directory_below(layer.as_fd(), "upper")?;
    // Owner, mode and time are given to it with its next lower directory.
    let is_own = entry::attributes(upper.as_fd())?.uid == process::effective_uid();
    // The kernel notes there by what number the overlay is known.
    let is_plain = facts::attribute_names(upper.as_fd())?
        .iter()
        .all(|name| name.to_bytes() == b"user.overlay.uuid");
    if !is_own || !is_plain || !file::is_empty_directory(upper.as_fd())? {
        return Ok(false);
    }
    let work = directory_below(layer.as_fd(), "work")?;
    if !holds(work.as_fd(), &["work"])? {
        return Ok(false);
    }
    // What was half copied when its writer was killed would lie there, too.
    entry::open_up_directory_at(work.as_fd(), "work".as_ref())?;
    if !holds(directory_below(work.as_fd(), "work")?.as_fd(), &["incompat"])? {
        return Ok(false);
    }
    file::rename_at(work.as_fd(), named("work"), named(OLD))?;
    small_file::put_aside(layer.as_fd(), "lower")?;
    small_file::put_aside(base, "driver")?;
    Ok(true)
}

/// Removes what the kernel made for the last one. It takes longer than all the rest: directories have
/// blocks, and a disk may be told of each that is free (`discard`, ext4(5)). So it waits until the
/// next run, in which there is time for it; the kernel looks at nothing of this name.
pub(super) fn clear_away(directory: &HostPath) -> Result<()> {
    let work = file::open_path_for_reading(directory.join("0/work").as_path())?;
    removal::remove(work.as_fd(), OLD.as_ref())
}

/// Exactly these names, in their order.
fn holds(directory: BorrowedFd<'_>, expected: &[&str]) -> Result<bool> {
    let mut names = file::names_in(directory)?;
    names.sort();
    Ok(names == expected)
}
