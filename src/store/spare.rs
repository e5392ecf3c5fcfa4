//! The spare place: what a try left that changed nothing, put aside for the next one. There is one
//! at most; nothing in it is valid, and it has no name of a try.

use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use crate::base::{HostPath, Result};
use crate::sandbox;
use crate::sys::{Errno, entry, file, small_file};

const NAME: &str = "spare";

/// Makes a place of that name, of the spare one if there is one. `store` is the directory of all
/// places, `path` its own.
pub(super) fn make_place(store: &OwnedFd, path: &HostPath, name: &str) -> Result<()> {
    if let Some(data) = above(path)
        && entry::rename_to_free(data.as_fd(), NAME.as_ref(), store.as_fd(), name.as_ref()).is_ok()
    {
        return Ok(());
    }
    Ok(file::make_directory_at(store.as_fd(), Path::new(name), 0o700)?)
}

/// Puts away all that is valid for this place alone; `false`: the place is not worth it.
pub(super) fn strip(place: &OwnedFd, layers: &HostPath, files: &[&str]) -> Result<bool> {
    if !sandbox::renew(layers)? {
        return Ok(false);
    }
    let mut expected = vec![OsString::from("layers")];
    for name in files {
        match small_file::put_aside(place.as_fd(), name) {
            Err(e) if e.errno == Errno::ENOENT => {}
            result => {
                result?;
                expected.push(small_file::aside(name).into());
            }
        }
    }
    let mut names = file::names_in(place.as_fd())?;
    names.sort();
    expected.sort();
    Ok(names == expected)
}

/// Puts a stripped place aside; `false`: there is one already.
pub(super) fn put_aside(path: &HostPath, name: &str) -> bool {
    let store = file::open_path_for_reading(path.as_path());
    store.is_ok_and(|store| {
        above(path).is_some_and(|data| {
            entry::rename_to_free(store.as_fd(), name.as_ref(), data.as_fd(), NAME.as_ref()).is_ok()
        })
    })
}

/// Nobody needs it any more.
pub(super) fn remove(path: &HostPath) -> Result<()> {
    match above(path).map(|data| super::removal::remove(data.as_fd(), NAME.as_ref())) {
        Some(Err(e)) if e.errno() != Some(Errno::ENOENT) => Err(e),
        _ => Ok(()),
    }
}

fn above(path: &HostPath) -> Option<OwnedFd> {
    file::open_path_for_reading(path.as_path().parent()?).ok()
}
