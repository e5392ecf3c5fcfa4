//! What a deleted directory held, or one that something else took the place of: in order, each
//! directory before what is in it.

use std::ffi::{OsStr, OsString};
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::base::Result;

use super::held::open_levels;
use super::lower::{Found, Lower};
use super::names::Names;
use super::walk::Spot;

/// Hears of one name: its path below the directory, and which directory holds it.
type See<'a> = dyn FnMut(&Path, BorrowedFd<'_>, &OsStr, &Found) -> Result<()> + 'a;

struct Level {
    lower: Lower,
    names: Names,
    next: usize,
    path_length: usize,
}

/// Shows what was in the directory at this spot.
pub(super) fn each_in(spot: &Spot<'_>, see: &mut See<'_>) -> Result<()> {
    let Some(top) = spot.merged else { return Ok(()) };
    let Some(directory) = top.directory(spot.name)? else { return Ok(()) };
    let mut path: Vec<u8> = Vec::new();
    let open_levels = open_levels(directory.parts());
    let mut levels = vec![level(directory, 0)?];
    while let Some(level) = levels.last_mut() {
        path.truncate(level.path_length);
        let Some(name) = level.names.get(level.next).map(OsString::from) else {
            leave(&mut levels)?;
            continue;
        };
        level.next += 1;
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name.as_bytes());
        let Some(found) = level.lower.find(&name)? else { continue };
        let holder = level.lower.holder(Some(&found))?;
        see(Path::new(OsStr::from_bytes(&path)), holder, &name, &found)?;
        if found.facts.is_directory()
            && let Some(below) = level.lower.enter(&name, &found)?
        {
            levels.push(self::level(below, path.len())?);
            close_far(&mut levels, open_levels);
        }
    }
    Ok(())
}

fn level(lower: Lower, path_length: usize) -> Result<Level> {
    Ok(Level { names: lower.names()?, lower, next: 0, path_length })
}

fn close_far(levels: &mut [Level], open_levels: usize) {
    if let Some(far) = levels.len().checked_sub(open_levels + 1) {
        let (above, next) = levels.split_at_mut(far + 1);
        above[far].lower.close(&next[0].lower);
    }
}

fn leave(levels: &mut Vec<Level>) -> Result<()> {
    let Some(left) = levels.pop() else { return Ok(()) };
    levels.last_mut().map_or(Ok(()), |above| above.lower.reopen(&left.lower))
}
