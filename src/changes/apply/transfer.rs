//! Moving a file or tree to another directory: renamed where both are on one filesystem, else
//! copied whole, synced, and only then removed where it was.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use crate::base::{Context, Error, Result, Text};
use crate::changes::dialect::Dialect;
use crate::sys::facts::{self, Facts, Type};
use crate::sys::{Errno, entry, file};

/// Gives what bears `name` in `from` the free name `new_name` in `to`.
pub(super) fn move_to_free(
    from: BorrowedFd<'_>,
    name: &OsStr,
    to: BorrowedFd<'_>,
    new_name: &OsStr,
) -> Result<()> {
    match entry::rename_to_free(from, name, to, new_name) {
        Err(e) if e.errno == Errno::EXDEV => {}
        result => return Ok(result?),
    }
    let part = temporary(new_name);
    copy(from, name, to, &part)?;
    entry::rename_to_free(to, &part, to, new_name)?;
    remove(from, name)
}

/// A name beside `name` that bryo alone uses.
pub(super) fn temporary(name: &OsStr) -> OsString {
    let mut part = OsString::from(".bryo-part-");
    part.push(name);
    // A name may have 255 bytes at most.
    let bytes = part.as_encoded_bytes();
    if bytes.len() > 255 { OsString::from(".bryo-part-of-a-long-name") } else { part }
}

/// A whole copy, on the disk when this returns. What an earlier try left under the name goes.
pub(super) fn copy(
    from: BorrowedFd<'_>,
    name: &OsStr,
    to: BorrowedFd<'_>,
    new_name: &OsStr,
) -> Result<()> {
    remove(to, new_name)?;
    let Some(facts) = facts::facts_at(from, name)? else {
        return Err(Error::new(format!("`{}` is gone", Text::from(name))));
    };
    copy_as(from, name, to, new_name, &facts)
        .context(|| format!("cannot copy `{}`", Text::from(name)))
}

fn copy_as(
    from: BorrowedFd<'_>,
    name: &OsStr,
    to: BorrowedFd<'_>,
    new_name: &OsStr,
    facts: &Facts,
) -> Result<()> {
    match facts.kind {
        Type::Symlink => {
            let target = entry::link_target_at(from, name)?;
            Ok(file::make_symlink_at(to, Path::new(new_name), &target)?)
        }
        Type::Regular => {
            let source = entry::open_file_at(from, name)?;
            let copy = file::create_below(to, Path::new(new_name), 0o600)?;
            entry::copy_content(source.as_fd(), copy.as_fd())?;
            finish(source.as_fd(), copy.as_fd())?;
            Ok(file::sync(copy.as_fd())?)
        }
        Type::Directory => {
            file::make_directory_at(to, Path::new(new_name), 0o700)?;
            let source = entry::open_directory_at(from, name)?;
            let copy = entry::open_directory_at(to, new_name)?;
            for inner in file::names_in(source.as_fd())? {
                if let Some(facts) = facts::facts_at(source.as_fd(), &inner)? {
                    copy_as(source.as_fd(), &inner, copy.as_fd(), &inner, &facts)?;
                }
            }
            finish(source.as_fd(), copy.as_fd())
        }
        Type::Fifo | Type::Socket | Type::CharacterDevice { .. } | Type::BlockDevice { .. } => {
            Err(Error::new("it is neither a file, a directory nor a link"))
        }
    }
}

/// Mode, attributes and times of the source.
fn finish(source: BorrowedFd<'_>, copy: BorrowedFd<'_>) -> Result<()> {
    copy_attributes(source, copy)?;
    let attributes = entry::attributes(source)?;
    entry::change_mode(copy, attributes.mode)?;
    Ok(entry::change_times(copy, &attributes.times)?)
}

/// Those that a user may set, without the notes of a driver. A filesystem that takes none loses
/// them, as it does with cp(1).
pub(super) fn copy_attributes(source: BorrowedFd<'_>, copy: BorrowedFd<'_>) -> Result<()> {
    for name in facts::attribute_names(source)? {
        let Ok(text) = name.to_str() else { continue };
        let is_kept = text.starts_with("user.") || text.starts_with("system.posix_acl_");
        if !is_kept || Dialect::is_note(name.to_bytes()) {
            continue;
        }
        if let Some(value) = facts::attribute(source, text)? {
            match entry::set_attribute(copy, text, &value) {
                Err(e) if e.errno == Errno::EOPNOTSUPP => {}
                result => result?,
            }
        }
    }
    Ok(())
}

/// Removes a name, a directory with all that is in it; one that is not there is removed.
pub(super) fn remove(directory: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
    match facts::facts_at(directory, name)? {
        None => Ok(()),
        Some(facts) if facts.is_directory() => crate::sandbox::remove_tree(directory, name),
        Some(_) => Ok(file::remove_file_at(directory, Path::new(name))?),
    }
}
