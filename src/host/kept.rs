//! What a directory for `--overlay-dir` holds from earlier runs: which driver wrote it, and over
//! which directory each of its layers lies.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use crate::base::{Error, HostPath, Result, Text};
use crate::sys::file;

use super::stack;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// The word in its file `driver`.
    pub driver: Text,
    /// By the number of the upper layer.
    pub lowers: BTreeMap<usize, HostPath>,
}

/// Kept layers that others are stacked on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Below {
    pub directory: HostPath,
    /// The word in its file `driver`.
    pub driver: Text,
    /// The directories that something was written over.
    pub lowers: Vec<HostPath>,
}

/// Those of one directory, and those that they lie over in turn.
pub(super) fn stack(directory: &HostPath) -> Result<Vec<Below>> {
    let further = stack::below(directory)?;
    [directory.clone()].into_iter().chain(further).map(read_below).collect()
}

fn read_below(directory: HostPath) -> Result<Below> {
    let Some(kept) = read(&directory) else {
        return Err(Error::new(format!("no layers are kept in `{directory}`")));
    };
    let is_written = |number: usize| {
        let upper = directory.join(Path::new(&number.to_string())).join("upper");
        file::open_path_for_reading(upper.as_path())
            .is_ok_and(|upper| file::names_in(upper.as_fd()).is_ok_and(|names| !names.is_empty()))
    };
    let lowers = kept.lowers.into_iter().filter(|(number, _)| is_written(*number));
    let lowers = lowers.map(|(_, lower)| lower).collect();
    Ok(Below { directory, driver: kept.driver, lowers })
}

/// `None`: nothing was kept there yet.
pub(super) fn read(directory: &HostPath) -> Option<Kept> {
    let driver = file::read_path(directory.join("driver").as_path(), 64).ok()?;
    let base = file::open_path_for_reading(directory.as_path()).ok()?;
    let numbers = file::names_in(base.as_fd()).unwrap_or_default();
    let lowers = numbers
        .iter()
        .filter_map(|name| name.to_str()?.parse().ok())
        .filter_map(|number: usize| Some((number, read_lower(directory, number)?)))
        .collect();
    Some(Kept { driver: OsString::from_vec(driver.trim_ascii().to_vec()).into(), lowers })
}

fn read_lower(directory: &HostPath, number: usize) -> Option<HostPath> {
    let file = directory.join(Path::new(&number.to_string())).join("lower");
    let path = file::read_path(file.as_path(), 1 << 16).ok()?;
    (!path.is_empty()).then(|| HostPath::absolute(OsString::from_vec(path)))
}
