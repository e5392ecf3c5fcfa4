//! Layers that are empty, as `--overlay-dir` keeps them.

use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::base::{Context, Error, HostPath, Result};
use crate::changes::dialect::Dialect;
use crate::sys::facts::{self, Facts};
use crate::sys::{entry, file, process};

/// One over each of the directories, which must be there.
pub fn make_layers(place: &HostPath, dialect: Dialect, lowers: &[HostPath]) -> Result<()> {
    let base = file::open_path_for_reading(place.as_path())?;
    let word: &[u8] = match dialect {
        Dialect::Kernel => b"kernel",
        Dialect::Fuse => b"fuse",
    };
    note(base.as_fd(), "driver", word)?;
    for (number, lower) in lowers.iter().enumerate() {
        make_layer(base.as_fd(), &number.to_string(), lower)
            .context(|| format!("cannot put changes over `{lower}`"))?;
    }
    Ok(())
}

fn make_layer(base: BorrowedFd<'_>, name: &str, lower: &HostPath) -> Result<()> {
    let below = facts_of(lower)?;
    file::make_directory_at(base, Path::new(name), 0o700)?;
    let layer = entry::open_directory_at(base, name.as_ref())?;
    note(layer.as_fd(), "lower", lower.as_path().as_os_str().as_bytes())?;
    for name in ["work", "upper"] {
        file::make_directory_at(layer.as_fd(), Path::new(name), 0o700)?;
    }
    if below.uid != process::effective_uid() {
        // What is imported is the user's, and all that lies below is not.
        note(layer.as_fd(), "all-root", b"")?;
    }
    let upper = entry::open_directory_at(layer.as_fd(), "upper".as_ref())?;
    // The top of an overlay shows the mode of its uppermost layer.
    Ok(entry::change_mode(upper.as_fd(), below.mode)?)
}

fn facts_of(lower: &HostPath) -> Result<Facts> {
    let facts = facts::facts(file::open_without_links(lower.as_path())?.as_fd())?;
    match facts.is_directory() {
        true => Ok(facts),
        false => Err(Error::new("it is no directory")),
    }
}

fn note(directory: BorrowedFd<'_>, name: &str, text: &[u8]) -> Result<()> {
    let fd = file::create_below(directory, Path::new(name), 0o600)?;
    Ok(file::write_all(fd.as_fd(), text)?)
}
