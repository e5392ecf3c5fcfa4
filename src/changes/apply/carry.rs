//! Carrying out: each step of the paper, and after the last one what the directories look like.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::base::{Context, Error, HostPath, Result, Text};
use crate::changes::dialect::Dialect;
use crate::changes::layer::Layer;
use crate::sys::facts::{self, Facts, Type};
use crate::sys::{Errno, entry, file};

use super::journal;
use super::step::{Act, Look, Mark, Step};
use super::transfer;
use super::way::{Way, parent_and_name};

/// Whether a paper tells of steps that may have been taken.
pub fn is_unfinished(paper: &HostPath) -> Result<bool> {
    match file::status_of_path(paper.as_path()) {
        Err(e) if e.errno == Errno::ENOENT => Ok(false),
        Err(e) => Err(e.into()),
        Ok(_) => journal::is_complete(paper),
    }
}

/// Takes every step of the paper that was not taken before. What it replaces goes to the directory
/// `undo`, under the number of the step.
pub fn carry_out(layers: &[Layer], paper: &HostPath, undo: &HostPath) -> Result<()> {
    entry::make_directories(undo.as_path(), 0o700)?;
    let mut ways = Ways::open(layers, undo)?;
    // What is renamed into place must be on the disk before its new name is.
    for layer in layers {
        file::sync_filesystem(layer.upper.as_fd())?;
    }
    journal::each_step(paper, |number, step| {
        let clause = || format!("cannot change `{}`", shown(layers, &step));
        ways.take(number, &step).context(clause)
    })?;
    journal::each_step_back(paper, |_, step| ways.finish(&step))?;
    for layer in layers {
        if let Ok(lower) = file::open_without_links(layer.lower.as_path())
            && let Ok(lower) = entry::open_directory_at(lower.as_fd(), ".".as_ref())
        {
            file::sync_filesystem(lower.as_fd())?;
        }
    }
    Ok(())
}

/// The path of the host that a step is about.
pub(super) fn shown(layers: &[Layer], step: &Step) -> String {
    let path = OsStr::from_bytes(&step.path);
    match layers.get(step.layer) {
        Some(layer) => layer.lower.join(path).to_string(),
        None => Text::from(path).to_string(),
    }
}

/// The roots that the steps are relative to.
pub(super) struct Ways {
    layers: Vec<(Way, Way)>,
    pub(super) undo: OwnedFd,
}

/// The two directories of one step, and the name in them.
pub(super) struct Place<'a> {
    pub(super) host: BorrowedFd<'a>,
    pub(super) upper: BorrowedFd<'a>,
    pub(super) name: &'a OsStr,
}

impl Ways {
    pub(super) fn open(layers: &[Layer], undo: &HostPath) -> Result<Self> {
        let way = |layer: &Layer| {
            let lower = file::open_without_links(layer.lower.as_path())?;
            let lower = entry::open_directory_at(lower.as_fd(), ".".as_ref())?;
            Ok((Way::from(layer.upper.as_fd())?, Way::from(lower.as_fd())?))
        };
        Ok(Self {
            layers: layers.iter().map(way).collect::<Result<_>>()?,
            undo: file::open_path_for_reading(undo.as_path())?,
        })
    }

    /// Where a step is taken; its directory is also the one that holds the name in the layer.
    pub(super) fn place<'a>(&'a mut self, step: &'a Step) -> Result<(Place<'a>, BorrowedFd<'a>)> {
        let (upper, host) = self.layers.get_mut(step.layer).ok_or_else(no_such_layer)?;
        let (parent, name) = parent_and_name(&step.path);
        let name = if name.is_empty() { OsStr::new(".") } else { name };
        let place = Place { host: host.to(parent)?, upper: upper.to(parent)?, name };
        Ok((place, self.undo.as_fd()))
    }

    /// The host's half of it alone: the layer's may be gone after an apply.
    pub(super) fn on_host<'a>(&'a mut self, step: &'a Step) -> Result<(BorrowedFd<'a>, &'a OsStr)> {
        let (_, host) = self.layers.get_mut(step.layer).ok_or_else(no_such_layer)?;
        let (parent, name) = parent_and_name(&step.path);
        Ok((host.to(parent)?, name))
    }

    fn take(&mut self, number: u64, step: &Step) -> Result<()> {
        let (place, undo) = self.place(step)?;
        let kept = OsString::from(number.to_string());
        match &step.act {
            Act::Replace { old, new } => place.replace(old, new, undo, &kept),
            Act::Add { new } => place.add(new),
            Act::Remove { old } => place.remove(old, undo, &kept),
            Act::MakeDirectory { .. } => place.make_directory(),
            Act::SetDirectory { .. } => Ok(()),
        }
    }

    /// After all that is in it: what a directory looks like. What is left of it in the layer goes.
    fn finish(&mut self, step: &Step) -> Result<()> {
        let (place, _) = self.place(step)?;
        match &step.act {
            Act::MakeDirectory { look } => {
                place.set_look(look)?;
                place.leave_layer_directory()
            }
            Act::SetDirectory { after, .. } => place.set_look(after),
            Act::Remove { .. } => place.forget_whiteout(),
            Act::Replace { .. } | Act::Add { .. } => Ok(()),
        }
    }
}

impl Place<'_> {
    fn replace(&self, old: &Mark, new: &Mark, undo: BorrowedFd<'_>, kept: &OsStr) -> Result<()> {
        if facts::facts_at(undo, kept)?.is_some() {
            return self.finish_replacing(old);
        }
        let part = transfer::temporary(self.name);
        let (host, ours) = (self.on_host()?, self.in_layer()?);
        // Exchanged before, by a run that was killed here.
        if ours.is_some_and(|it| it.inode == old.inode) {
            return transfer::move_to_free(self.upper, self.name, undo, kept);
        }
        if facts::facts_at(self.host, &part)?.is_some_and(|it| it.inode == old.inode) {
            transfer::move_to_free(self.host, &part, undo, kept)?;
            return transfer::remove(self.upper, self.name);
        }
        if !host.is_some_and(|it| old.fits(&it)) {
            return Err(overtaken());
        }
        let ours = ours.filter(|it| it.inode == new.inode).ok_or_else(layer_changed)?;
        self.make_harmless(&ours)?;
        match entry::exchange(self.upper, self.name, self.host, self.name) {
            Ok(()) => {
                let came = self.in_layer()?;
                if !came.is_some_and(|it| old.fits(&it)) {
                    entry::exchange(self.upper, self.name, self.host, self.name)?;
                    return Err(overtaken());
                }
                transfer::move_to_free(self.upper, self.name, undo, kept)
            }
            Err(e) if e.errno == Errno::EXDEV => {
                transfer::copy(self.upper, self.name, self.host, &part)?;
                entry::exchange(self.host, &part, self.host, self.name)?;
                if !facts::facts_at(self.host, &part)?.is_some_and(|it| old.fits(&it)) {
                    entry::exchange(self.host, &part, self.host, self.name)?;
                    transfer::remove(self.host, &part)?;
                    return Err(overtaken());
                }
                transfer::move_to_free(self.host, &part, undo, kept)?;
                transfer::remove(self.upper, self.name)
            }
            Err(e) => Err(e.into()),
        }
    }

    /// What was there is kept already; what a killed run left beside it goes.
    fn finish_replacing(&self, old: &Mark) -> Result<()> {
        let part = transfer::temporary(self.name);
        for (directory, name) in [(self.host, part.as_os_str()), (self.upper, self.name)] {
            let left = facts::facts_at(directory, name)?;
            if name == part || left.is_some_and(|it| it.inode == old.inode) {
                transfer::remove(directory, name)?;
            }
        }
        if self.on_host()?.is_some_and(|it| it.kind == Type::Regular) {
            // Copied from another filesystem, the layer's own file may still be there.
            let ours = self.in_layer()?.filter(|it| it.kind != Type::Directory);
            if ours.is_some() {
                transfer::remove(self.upper, self.name)?;
            }
        }
        Ok(())
    }

    fn add(&self, new: &Mark) -> Result<()> {
        let Some(ours) = self.in_layer()? else {
            return match self.on_host()? {
                Some(_) => Ok(()),
                None => Err(layer_changed()),
            };
        };
        if ours.inode != new.inode {
            return Err(layer_changed());
        }
        self.make_harmless(&ours)?;
        if let Some(there) = self.on_host()? {
            // From another filesystem, by a run that was killed before it removed the layer's.
            let is_copy = there.size == new.size && there.modified == new.modified;
            return if is_copy {
                transfer::remove(self.upper, self.name)
            } else {
                Err(overtaken())
            };
        }
        transfer::move_to_free(self.upper, self.name, self.host, self.name)
    }

    fn remove(&self, old: &Mark, undo: BorrowedFd<'_>, kept: &OsStr) -> Result<()> {
        let there = self.on_host()?;
        if facts::facts_at(undo, kept)?.is_some() {
            // Kept already; from another filesystem, what was copied may still be there.
            return match there.filter(|it| it.inode == old.inode) {
                Some(_) => transfer::remove(self.host, self.name),
                None => Ok(()),
            };
        }
        if !there.is_some_and(|it| old.fits(&it)) {
            return Err(overtaken());
        }
        transfer::move_to_free(self.host, self.name, undo, kept)
    }

    fn make_directory(&self) -> Result<()> {
        match file::make_directory_at(self.host, Path::new(self.name), 0o700) {
            Ok(()) => {}
            Err(e) if e.errno == Errno::EEXIST => {
                return match self.on_host()? {
                    Some(there) if there.is_directory() => Ok(()),
                    _ => Err(overtaken()),
                };
            }
            Err(e) => return Err(e.into()),
        }
        let made = entry::open_directory_at(self.host, self.name)?;
        let source = entry::open_directory_at(self.upper, self.name)?;
        transfer::copy_attributes(source.as_fd(), made.as_fd())
    }

    pub(super) fn set_look(&self, look: &Look) -> Result<()> {
        let directory = entry::open_directory_at(self.host, self.name)?;
        entry::change_mode(directory.as_fd(), look.mode)?;
        Ok(entry::change_modified(directory.as_fd(), look.modified)?)
    }

    /// Empty now, or something in it was not applied.
    fn leave_layer_directory(&self) -> Result<()> {
        match entry::remove_directory_at(self.upper, self.name) {
            Err(e) if !matches!(e.errno, Errno::ENOTEMPTY | Errno::EEXIST | Errno::ENOENT) => {
                Err(e.into())
            }
            _ => Ok(()),
        }
    }

    fn forget_whiteout(&self) -> Result<()> {
        let mut note = OsString::from(".wh.");
        note.push(self.name);
        // No driver writes a note whose name is too long to be one.
        let is_possible = |name: &&OsStr| name.len() <= 255;
        for name in [self.name, note.as_os_str()].into_iter().filter(is_possible) {
            let facts = facts::facts_at(self.upper, name)?;
            let is_note = name != self.name;
            if facts.is_some_and(|it| is_note || Dialect::Kernel.is_whiteout(&it)) {
                file::remove_file_at(self.upper, Path::new(name))?;
            }
        }
        Ok(())
    }

    /// No driver's notes, and no bit that would lend somebody's rights.
    fn make_harmless(&self, ours: &Facts) -> Result<()> {
        if ours.kind != Type::Regular {
            return Ok(());
        }
        // Its own mode may keep its owner from it.
        let mode = ours.mode & 0o1777;
        let meanwhile = mode | 0o600;
        if ours.mode != meanwhile {
            entry::change_mode_at(self.upper, self.name, meanwhile)?;
        }
        let fd = entry::open_file_at(self.upper, self.name)?;
        for name in facts::attribute_names(fd.as_fd())? {
            if let (true, Ok(text)) = (Dialect::is_note(name.to_bytes()), name.to_str()) {
                entry::remove_attribute(fd.as_fd(), text)?;
            }
        }
        if mode == meanwhile { Ok(()) } else { Ok(entry::change_mode(fd.as_fd(), mode)?) }
    }

    pub(super) fn on_host(&self) -> Result<Option<Facts>> {
        Ok(facts::facts_at(self.host, self.name)?)
    }

    pub(super) fn in_layer(&self) -> Result<Option<Facts>> {
        Ok(facts::facts_at(self.upper, self.name)?)
    }
}

fn no_such_layer() -> Error {
    Error::new("the paper names a layer that is not there")
}

fn overtaken() -> Error {
    Error::new("it was changed outside just now").hint(
        "look at it with `bryo diff`; `bryo apply --resume` goes on, `bryo undo` takes back what \
         was applied",
    )
}

fn layer_changed() -> Error {
    Error::new("the layer does not hold what was planned")
}
