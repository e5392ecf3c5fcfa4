//! Files of the host whose content goes into a plan: environment files, files to be copied in.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::path::Path;

use crate::base::{HostPath, Text};
use crate::sys::file::{self, FileKind};

/// The contents that were read, or in words why not.
pub type Contents = BTreeMap<HostPath, Result<Vec<u8>, String>>;

/// What is copied into a sandbox goes through memory twice.
const LIMIT: usize = 16 << 20;

pub(super) fn read(paths: &[Text], home: &HostPath, cwd: Option<&HostPath>) -> Contents {
    let root = HostPath::absolute("/");
    let mut contents = Contents::new();
    for typed in paths {
        let path = HostPath::resolve(typed.as_os_str(), cwd.unwrap_or(&root), home);
        contents.entry(path).or_insert_with_key(|path| read_regular(path.as_path()));
    }
    contents
}

fn read_regular(path: &Path) -> Result<Vec<u8>, String> {
    let content = file::read_path(path, LIMIT + 1).map_err(|e| e.errno.to_string())?;
    if content.len() > LIMIT {
        return Err("more than 16 MiB".to_owned());
    }
    Ok(content)
}

/// A small file of a rootfs, read without leaving it: links end at its root, and a FIFO or a
/// device under that name is not read.
pub(super) fn of_rootfs(directory: &HostPath, path: &Path) -> Option<Vec<u8>> {
    let root = file::open_path_for_reading(directory.as_path()).ok()?;
    let content = file::open_below_for_reading(root.as_fd(), path).ok()?;
    let regular = file::status(content.as_fd()).ok()?.kind == FileKind::Regular;
    regular.then(|| file::read_all(content.as_fd(), LIMIT).ok()).flatten()
}
