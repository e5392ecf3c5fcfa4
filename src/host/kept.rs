//! What a directory for `--overlay-dir` holds from earlier runs: which driver wrote it, and over
//! which directory each of its layers lies.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use crate::base::{HostPath, Text};
use crate::sys::file;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// The word in its file `driver`.
    pub driver: Text,
    /// By the number of the upper layer.
    pub lowers: BTreeMap<usize, HostPath>,
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
