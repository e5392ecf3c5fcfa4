//! Forgetting a part of what was written: as if the command had never touched it. Only the layer is
//! changed; what is below shows through again.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path};

use crate::base::{Context, HostPath, Result};
use crate::sys::{Errno, entry, facts, file};

use super::layer::Layer;
use super::plain::make_plain;
use super::walk::walk;

/// Forgets what is at these paths and below; how many changes there were. Those that hold none are
/// left to the caller to name: `is_hit` says of each whether it did.
pub fn forget(layers: &[Layer], paths: &[HostPath], is_hit: &mut [bool]) -> Result<u64> {
    let mut count = 0;
    for layer in layers {
        let mut hit = vec![false; paths.len()];
        walk(layer, &mut |_, spot| {
            let path = layer.lower.join(spot.path);
            let mut is_meant = false;
            for (chosen, hit) in paths.iter().zip(&mut hit) {
                if path.is_within(chosen) {
                    (*hit, is_meant) = (true, true);
                }
            }
            count += u64::from(is_meant);
            Ok(())
        })?;
        if hit.iter().any(|hit| *hit) {
            make_plain(layer)?;
        }
        for ((path, hit), is_hit) in paths.iter().zip(hit).zip(is_hit.iter_mut()) {
            if hit {
                *is_hit = true;
                forget_path(layer, path).context(|| format!("cannot forget `{path}`"))?;
            }
        }
    }
    Ok(count)
}

fn forget_path(layer: &Layer, path: &HostPath) -> Result<()> {
    let below = path.as_path().strip_prefix(layer.lower.as_path()).unwrap_or(Path::new(""));
    let (Some(parent), Some(name)) = (below.parent(), below.file_name()) else {
        return empty(layer.upper.as_fd());
    };
    let Some(parent) = directory(layer.upper.as_fd(), parent)? else { return Ok(()) };
    remove(parent.as_fd(), name)?;
    match layer.dialect.note_of_deletion(name) {
        Some(note) => remove(parent.as_fd(), &note),
        None => Ok(()),
    }
}

/// One below the top, never through a link; `None` if another path that was forgotten held it.
fn directory(top: BorrowedFd<'_>, path: &Path) -> Result<Option<OwnedFd>> {
    let mut fd = entry::open_directory_at(top, ".".as_ref())?;
    for part in path.components() {
        let Component::Normal(name) = part else { continue };
        fd = match entry::open_directory_at(fd.as_fd(), name) {
            Ok(below) => below,
            Err(e) if facts::is_gone(e.errno) => return Ok(None),
            Err(e) => return Err(e.into()),
        };
    }
    Ok(Some(fd))
}

fn empty(top: BorrowedFd<'_>) -> Result<()> {
    file::names_in(top)?.iter().try_for_each(|name| remove(top, name))
}

fn remove(directory: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
    match facts::facts_at(directory, name)? {
        None => Ok(()),
        Some(facts) if facts.is_directory() => crate::sandbox::remove_tree(directory, name),
        Some(_) => match file::remove_file_at(directory, Path::new(name)) {
            Err(e) if e.errno != Errno::ENOENT => Err(e.into()),
            _ => Ok(()),
        },
    }
}
