//! Removing a directory tree that a sandbox wrote: by descriptor, never through a link, and in
//! bounded depth, since an adversary can nest directories deeper than any stack or path.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::base::{Result, progress};
use crate::sys::{Errno, entry, file};

/// How deep it goes down: few trees are deeper, and to move a directory costs more than to go there.
const DEPTH: usize = 32;

/// Empties and removes the directory of that name.
pub(in crate::sandbox) fn remove(parent: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
    let directory = open_directory(parent, name)?;
    empty(directory.as_fd(), DEPTH)?;
    Ok(entry::remove_directory_at(parent, name)?)
}

/// The sandbox may have closed it to its owner, as overlayfs does with its own; to move one
/// elsewhere it must be writable, too, since its `..` changes (rename(2)).
fn open_directory(parent: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd> {
    if entry::status_at(parent, name)?.mode & 0o700 != 0o700 {
        entry::open_up_directory_at(parent, name)?;
    }
    Ok(entry::open_directory_at(parent, name)?)
}

/// Goes down as far as `depth` says; from there a directory that holds others gives them to the one
/// above, and is empty itself then.
fn empty(top: BorrowedFd<'_>, depth: usize) -> Result<()> {
    let mut number = 0_u64;
    loop {
        let mut was_empty = true;
        each_name(top, |name| {
            was_empty = false;
            progress::step();
            if is_removed(top, name)? {
                return Ok(());
            }
            let directory = open_directory(top, name)?;
            match depth.checked_sub(1) {
                Some(depth) => empty(directory.as_fd(), depth)?,
                None => each_name(directory.as_fd(), |inner| {
                    if !is_removed(directory.as_fd(), inner)? {
                        drop(open_directory(directory.as_fd(), inner)?);
                        lift(directory.as_fd(), inner, top, &mut number)?;
                    }
                    Ok(())
                })?,
            }
            match entry::remove_directory_at(top, name) {
                // Something was written just now by a process that is being killed: once more.
                Err(e) if !matches!(e.errno, Errno::ENOENT | Errno::ENOTEMPTY) => Err(e.into()),
                _ => Ok(()),
            }
        })?;
        if was_empty {
            return Ok(());
        }
    }
}

/// While they are read: there may be millions.
fn each_name(directory: BorrowedFd<'_>, mut act: impl FnMut(&OsStr) -> Result<()>) -> Result<()> {
    let mut result = Ok(());
    file::each_name_in(directory, |name| {
        if result.is_ok() {
            result = act(OsStr::from_bytes(name));
        }
    })?;
    result
}

/// Whether it could be removed at once: it was no directory, or an empty one.
fn is_removed(directory: BorrowedFd<'_>, name: &OsStr) -> Result<bool> {
    let error = match file::remove_file_at(directory, Path::new(name)) {
        Ok(()) => return Ok(true),
        Err(e) if e.errno == Errno::ENOENT => return Ok(true),
        Err(e) if matches!(e.errno, Errno::EISDIR | Errno::EPERM) => e,
        Err(e) => return Err(e.into()),
    };
    match entry::remove_directory_at(directory, name) {
        Ok(()) => Ok(true),
        Err(e) if e.errno == Errno::ENOTEMPTY => Ok(false),
        Err(e) if e.errno == Errno::ENOTDIR => Err(error.into()),
        Err(e) => Err(e.into()),
    }
}

fn lift(from: BorrowedFd<'_>, name: &OsStr, top: BorrowedFd<'_>, number: &mut u64) -> Result<()> {
    let mut opened = false;
    loop {
        *number += 1;
        // Over an existing directory rename(2) succeeds only if that one is empty, which is well.
        match entry::rename_between(from, name, top, format!("bryo-{number}").as_ref()) {
            Ok(()) => return Ok(()),
            Err(e) if e.errno == Errno::ENOENT => return Ok(()),
            Err(e) if matches!(e.errno, Errno::ENOTEMPTY | Errno::ENOTDIR | Errno::EEXIST) => {}
            // A directory that moves gets another `..`, and must be writable for it.
            Err(e) if e.errno == Errno::EACCES && !opened => {
                entry::open_up_directory_at(from, name)?;
                opened = true;
            }
            Err(e) => return Err(e.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_deep_tree_goes_and_a_link_is_not_followed() {
        let base = std::env::temp_dir().join(format!("bryo-removal-{}", std::process::id()));
        fs::create_dir_all(base.join("victim/kept")).unwrap();
        fs::create_dir_all(base.join("tree/a/b/c/d")).unwrap();
        fs::create_dir_all(base.join("tree").join("deep/".repeat(DEPTH + 20))).unwrap();
        fs::write(base.join("tree/a/b/file"), "x").unwrap();
        for closed in ["tree/a/b/c", "tree/a/b"] {
            fs::set_permissions(base.join(closed), fs::Permissions::from_mode(0o000)).unwrap();
        }
        fs::create_dir_all(base.join("tree/bryo-1/x")).unwrap();
        symlink("../victim", base.join("tree/link")).unwrap();
        symlink("../../victim", base.join("tree/a/link")).unwrap();
        let fd = file::open_path_for_reading(&base).unwrap();
        remove(fd.as_fd(), "tree".as_ref()).unwrap();
        let left: Vec<_> = fs::read_dir(&base).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["victim"]);
        assert!(base.join("victim/kept").exists());
        fs::remove_dir_all(&base).unwrap();
    }
}
