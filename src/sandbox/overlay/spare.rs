//! A kept overlay that nothing was written to, made as good as new: directories take long to make and
//! to remove, on some disks as long as a whole sandbox. What cannot be told from new is not.

use std::os::fd::{AsFd, BorrowedFd};

use crate::base::{HostPath, Result};
use crate::sys::{entry, facts, file, process};

use super::{directory_below, named, removal};

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
    removal::remove(work.as_fd(), "work".as_ref())?;
    if !file::is_empty_directory(work.as_fd())? {
        return Ok(false);
    }
    file::remove_file_at(layer.as_fd(), named("lower"))?;
    file::remove_file_at(base, named("driver"))?;
    Ok(true)
}

/// Exactly these names, in their order.
fn holds(directory: BorrowedFd<'_>, expected: &[&str]) -> Result<bool> {
    let mut names = file::names_in(directory)?;
    names.sort();
    Ok(names == expected)
}
