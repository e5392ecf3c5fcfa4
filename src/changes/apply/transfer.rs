//! Moving a file or tree to another directory: renamed where both are on one filesystem, else
//! copied whole, synced, and only then removed where it was.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use crate::base::{Context, Error, Result, Text};
use crate::changes::dialect::Dialect;
use crate::changes::names::Names;
use crate::store::outsider;
use crate::sys::facts::{self, Facts, Type};
use crate::sys::{Errno, entry, file};

use super::place::Spot;
use super::way::{Way, joined};

/// Gives what is at one spot the name of the other, which is free. `part` is the name that a copy
/// bears until it is whole.
pub(super) fn move_to_free(from: &Spot<'_>, to: &Spot<'_>, part: &OsStr) -> Result<()> {
    let (source, target) = (from.directory()?, to.directory()?);
    match entry::rename_to_free(source, from.name, target, to.name) {
        Err(e) if e.errno == Errno::EXDEV => {}
        result => return Ok(result?),
    }
    let before = from.facts()?;
    copy_to_free(from, to, part)?;
    if from.facts()? != before {
        to.remove()?;
        return Err(Error::new("it was changed while it was copied"));
    }
    remove(source, from.name)
}

/// The same, and the source stays.
pub(super) fn copy_to_free(from: &Spot<'_>, to: &Spot<'_>, part: &OsStr) -> Result<()> {
    let target = to.directory()?;
    copy(from.directory()?, from.name, target, part)?;
    entry::rename_to_free(target, part, target, to.name)?;
    // Its name is on the disk before another filesystem forgets the source.
    Ok(file::sync(target)?)
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
            file::make_symlink_at(to, Path::new(new_name), &target)?;
            Ok(entry::change_modified_at(to, new_name, facts.modified)?)
        }
        Type::Regular => {
            let source = entry::open_file_at(from, name)?;
            let copy = file::create_below(to, Path::new(new_name), 0o600)?;
            entry::copy_content(source.as_fd(), copy.as_fd())?;
            finish(source.as_fd(), copy.as_fd())?;
            Ok(file::sync(copy.as_fd())?)
        }
        Type::Directory => copy_tree(from, name, to, new_name),
        Type::Fifo | Type::Socket => {
            match facts.kind {
                Type::Fifo => entry::make_fifo_at(to, new_name)?,
                _ => entry::make_socket_at(to, new_name)?,
            }
            entry::change_mode_at(to, new_name, facts.mode)?;
            Ok(entry::change_modified_at(to, new_name, facts.modified)?)
        }
        Type::CharacterDevice { .. } | Type::BlockDevice { .. } => {
            Err(Error::new("it is a device"))
        }
    }
}

/// However deep: few directories are kept open.
fn copy_tree(
    from: BorrowedFd<'_>,
    name: &OsStr,
    to: BorrowedFd<'_>,
    new_name: &OsStr,
) -> Result<()> {
    file::make_directory_at(to, Path::new(new_name), 0o700)?;
    let mut sources = Way::from(entry::open_directory_at(from, name)?.as_fd())?;
    let mut copies = Way::from(entry::open_directory_at(to, new_name)?.as_fd())?;
    let names = Names::of(sources.root())?;
    let mut open = vec![(Vec::new(), names)];
    while let Some((path, names)) = open.last_mut() {
        let (Some(source), Some(copy)) = (sources.find(path)?, copies.find(path)?) else {
            return Err(Error::new("a directory in it is gone"));
        };
        let Some(name) = names.pop() else {
            finish(source, copy)?;
            file::sync(copy)?;
            open.pop();
            continue;
        };
        match facts::facts_at(source, &name)? {
            Some(facts) if facts.is_directory() => {
                file::make_directory_at(copy, Path::new(&name), 0o700)?;
                let inner = entry::open_directory_at(source, &name)?;
                let path = joined(path, &name);
                open.push((path, Names::of(inner.as_fd())?));
            }
            Some(facts) => copy_as(source, &name, copy, &name, &facts)?,
            None => {}
        }
    }
    Ok(())
}

/// Mode, attributes and times of the source.
fn finish(source: BorrowedFd<'_>, copy: BorrowedFd<'_>) -> Result<()> {
    // The directory may have lent it a default access list.
    mirror_attributes(source, copy)?;
    let attributes = entry::attributes(source)?;
    entry::change_mode(copy, attributes.mode)?;
    Ok(entry::change_times(copy, &attributes.times)?)
}

/// Without the notes of a driver. A filesystem that takes none loses them, as with cp(1).
pub(super) fn copy_attributes(source: BorrowedFd<'_>, copy: BorrowedFd<'_>) -> Result<()> {
    for (name, value) in own_attributes(source)? {
        match outsider::set_attribute(copy, &name, &value) {
            Err(e) if e.errno() == Some(Errno::EOPNOTSUPP) => {}
            result => result?,
        }
    }
    Ok(())
}

/// Makes the attributes of a directory those of another one.
pub(super) fn mirror_attributes(source: BorrowedFd<'_>, target: BorrowedFd<'_>) -> Result<()> {
    let kept = own_attributes(source)?;
    for (name, _) in own_attributes(target)? {
        if !kept.iter().any(|(other, _)| *other == name) {
            entry::remove_attribute(target, &name)?;
        }
    }
    copy_attributes(source, target)
}

/// Those that a user may set, with their values, in order.
pub(in crate::changes) fn own_attributes(of: BorrowedFd<'_>) -> Result<Vec<(String, Vec<u8>)>> {
    let mut all = Vec::new();
    for name in facts::attribute_names(of)? {
        let Ok(text) = name.to_str() else { continue };
        let is_own = text.starts_with("user.") || text.starts_with("system.posix_acl_");
        if !is_own || Dialect::is_note(name.to_bytes()) {
            continue;
        }
        if let Some(value) = outsider::attribute(of, text)? {
            all.push((text.to_owned(), value));
        }
    }
    all.sort();
    Ok(all)
}

/// Removes a name, a directory with all that is in it; one that is not there is removed.
pub(super) fn remove(directory: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
    match facts::facts_at(directory, name)? {
        None => Ok(()),
        Some(facts) if facts.is_directory() => crate::sandbox::remove_tree(directory, name),
        Some(_) => Ok(file::remove_file_at(directory, Path::new(name))?),
    }
}
