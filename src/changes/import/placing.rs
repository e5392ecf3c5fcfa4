//! Placing entries in layers: each by the descriptor of its directory, and never through a link,
//! for no directory on the way is one.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::base::{Error, HostPath, Result, Text};
use crate::changes::apply::transfer::own_attributes;
use crate::changes::apply::way::{Way, parent_and_name};
use crate::changes::export::below;
use crate::changes::layer::Layer;
use crate::changes::plain::make_plain;
use crate::sys::facts::{self, Facts, Type};
use crate::sys::file::{self, Links};
use crate::sys::{entry, extent};

use super::attributes::{self, Attributes};
use super::entry::{Entry, Kind, Says, Stretch, plain_path};
use super::stream::Stream;

type Told<'a> = &'a mut dyn FnMut(&'static str);

const SET_ID: u32 = 0o6000;

pub(super) struct Placing<'a> {
    targets: Vec<Target<'a>>,
}

/// A layer, and what of the tar goes into it.
struct Target<'a> {
    layer: &'a Layer,
    /// The name in the tar of the directory that it lies over.
    top: Vec<u8>,
    way: Way,
    /// The same for what links lead to.
    link_way: Way,
    lower: OwnedFd,
    /// It hides all that lies below.
    hides_all: bool,
}

/// What a directory is to look like.
struct Look {
    mode: u32,
    attributes: Attributes,
}

impl<'a> Placing<'a> {
    pub(super) fn of(layers: &'a [Layer], root: &HostPath) -> Result<Self> {
        let target = |layer: &'a Layer| {
            let top = layer
                .lower
                .as_path()
                .strip_prefix(root.as_path())
                .map_err(|_| Error::new(format!("`{}` is not in `{root}`", layer.lower)))?;
            Ok(Target {
                layer,
                top: top.as_os_str().as_bytes().to_vec(),
                way: Way::from(layer.upper.as_fd())?,
                link_way: Way::from(layer.upper.as_fd())?,
                lower: file::open_without_links(layer.lower.as_path())?,
                hides_all: false,
            })
        };
        Ok(Self { targets: layers.iter().map(target).collect::<Result<_>>()? })
    }

    pub(super) fn place(
        &mut self,
        entry: &Entry,
        stream: &mut Stream<'_>,
        told: Told<'_>,
    ) -> Result<()> {
        let path = plain_path(&entry.path)?;
        let is_directory = entry.kind == Kind::Directory;
        let leads_to_one = |target: &Target<'_>| below(&path, &target.top).is_some();
        // The top of a layer, and what leads to it, is the host's own.
        if self.targets.iter().any(leads_to_one) {
            return match is_directory {
                true => Ok(()),
                false => Err(Error::new("it takes the place of a directory that changes lie over")),
            };
        }
        let (target, inner) = self.target_of(&path)?;
        let (parent, name) = parent_and_name(inner);
        target.make_way_to(parent)?;
        match Says::of(name)? {
            Says::Nothing => told("it says nothing to anybody but aufs, and is left out"),
            Says::Opaque => target.hide_below(parent)?,
            Says::Deleted(name) => target.delete(parent, name)?,
            Says::Present(name) => target.place(parent, name, entry, stream, told)?,
        }
        Ok(())
    }

    /// The innermost layer that it lies in.
    fn target_of<'p>(&mut self, path: &'p [u8]) -> Result<(&mut Target<'a>, &'p [u8])> {
        let targets = self.targets.iter_mut();
        let holds = targets.filter_map(|it| below(&it.top, path).map(|inner| (it, inner)));
        holds.max_by_key(|(target, _)| target.top.len()).ok_or_else(|| {
            Error::new("it lies in none of the directories that the tar is noted for")
        })
    }

    pub(super) fn finish(self) -> Result<()> {
        for target in &self.targets {
            if target.hides_all {
                // No driver lets the top of a layer hide what is below it.
                make_plain(target.layer)?;
            }
        }
        Ok(())
    }
}

impl Target<'_> {
    /// Every directory on the way is there; those that the tar does not tell of look as below.
    fn make_way_to(&mut self, path: &[u8]) -> Result<()> {
        if self.way.find(path)?.is_some() {
            return Ok(());
        }
        let ends = (1..path.len()).filter(|end| path[*end] == b'/').chain([path.len()]);
        for end in ends {
            let path = &path[..end];
            if self.way.find(path)?.is_none() {
                let look = self.look_below(path)?;
                let (parent, name) = parent_and_name(path);
                let directory = found(&mut self.way, parent)?;
                make_directory(self.layer, directory, name, &look, &mut |_| {})?;
            }
        }
        Ok(())
    }

    fn look_below(&self, path: &[u8]) -> Result<Look> {
        let unknown = Look { mode: 0o755, attributes: Attributes::new() };
        let path = Path::new(OsStr::from_bytes(path));
        let Ok(fd) = file::open_below(self.lower.as_fd(), path, Links::Refuse) else {
            return Ok(unknown);
        };
        let facts = facts::facts(fd.as_fd())?;
        if !facts.is_directory() {
            return Ok(unknown);
        }
        // Whoever may not read it sees no attributes, as when it was compared.
        let attributes = entry::open_directory_at(fd.as_fd(), ".".as_ref())
            .ok()
            .map_or(Ok(Attributes::new()), |fd| own_attributes(fd.as_fd()))?;
        Ok(Look { mode: facts.mode, attributes })
    }

    fn hide_below(&mut self, path: &[u8]) -> Result<()> {
        self.hides_all |= path.is_empty();
        self.layer.dialect.mark(found(&mut self.way, path)?)
    }

    /// What the tar itself has put there stays, and hides what is below (image-spec, "Whiteouts").
    fn delete(&mut self, parent: &[u8], name: &OsStr) -> Result<()> {
        let directory = found(&mut self.way, parent)?;
        match facts::facts_at(directory, name)? {
            None => Ok(entry::make_whiteout_at(directory, name)?),
            Some(facts) if facts.is_directory() => {
                let fd = entry::open_directory_at(directory, name)?;
                self.layer.dialect.mark(fd.as_fd())
            }
            Some(_) => Ok(()),
        }
    }

    fn place(
        &mut self,
        parent: &[u8],
        name: &OsStr,
        entry: &Entry,
        stream: &mut Stream<'_>,
        told: Told<'_>,
    ) -> Result<()> {
        let directory = found(&mut self.way, parent)?;
        let at = At { layer: self.layer, directory, name };
        match &entry.kind {
            Kind::Directory => {
                let attributes = attributes::kept(&entry.attributes, true, told);
                // A set-group-id bit gives a directory's group to what is made in it, no rights.
                let look = Look { mode: entry.mode & 0o3777, attributes };
                make_directory(at.layer, at.directory, name, &look, told)
            }
            Kind::File { size, stretches } => {
                at.make_room()?;
                at.place_file(entry, *size, stretches, stream, told)
            }
            Kind::Symlink { target } => {
                at.make_room()?;
                let target = Path::new(OsStr::from_bytes(target));
                file::make_symlink_at(directory, Path::new(name), target)?;
                Ok(entry::change_modified_at(directory, name, entry.modified)?)
            }
            Kind::Link { target } => {
                let target = plain_path(target)?;
                let inner = below(&self.top, &target)
                    .ok_or_else(|| Error::new("what it links to is in another layer"))?;
                let (parent, other) = parent_and_name(inner);
                at.place_link(self.link_way.find(parent)?, other)
            }
            Kind::Fifo => {
                at.make_room()?;
                entry::make_fifo_at(directory, name)?;
                entry::change_mode_at(directory, name, entry.mode & 0o777)?;
                Ok(entry::change_modified_at(directory, name, entry.modified)?)
            }
            Kind::Device => {
                told("it is a device, and is left out");
                Ok(())
            }
            Kind::Unknown => {
                told("it is of no known type, and is left out");
                Ok(())
            }
        }
    }
}

fn found<'w>(way: &'w mut Way, path: &[u8]) -> Result<BorrowedFd<'w>> {
    way.find(path)?.ok_or_else(|| Error::new("its directory is gone"))
}

/// One name in one directory of the layer.
struct At<'a> {
    layer: &'a Layer,
    directory: BorrowedFd<'a>,
    name: &'a OsStr,
}

impl At<'_> {
    fn facts(&self) -> Result<Option<Facts>> {
        Ok(facts::facts_at(self.directory, self.name)?)
    }

    /// A later entry of a name takes the place of an earlier one, but for a directory's.
    fn make_room(&self) -> Result<()> {
        match self.facts()? {
            None => Ok(()),
            Some(facts) if facts.is_directory() => {
                Err(Error::new("the tar has a directory of that name, too"))
            }
            Some(_) => Ok(file::remove_file_at(self.directory, Path::new(self.name))?),
        }
    }

    fn place_file(
        &self,
        entry: &Entry,
        size: u64,
        stretches: &[Stretch],
        stream: &mut Stream<'_>,
        told: Told<'_>,
    ) -> Result<()> {
        let fd = file::create_below(self.directory, Path::new(self.name), 0o600)?;
        let fd = fd.as_fd();
        let mut room = vec![0; 1 << 16];
        for Stretch { begin, length } in stretches {
            let (mut at, end) = (*begin, begin + length);
            while at < end {
                let wanted = room.len().min(usize::try_from(end - at).unwrap_or(usize::MAX));
                let read = stream.content(&mut room[..wanted])?;
                if read == 0 {
                    return Err(Error::new("its content ends too early"));
                }
                extent::write_all_at(fd, &room[..read], at)?;
                at += read as u64;
            }
        }
        if stretches.last().is_none_or(|last| last.begin + last.length < size || last.length == 0) {
            extent::set_size(fd, size)?;
        }
        let attributes = attributes::kept(&entry.attributes, false, told);
        attributes::give(fd, &attributes, told)?;
        if entry.mode & SET_ID != 0 {
            told("it is imported without its set-user-id or set-group-id bit");
        }
        entry::change_mode(fd, entry.mode & !SET_ID)?;
        Ok(entry::change_modified(fd, entry.modified)?)
    }

    /// Only to a file that the tar has placed in the same layer: neither to a link, which would be
    /// followed later, nor to anything of the host.
    fn place_link(&self, from: Option<BorrowedFd<'_>>, other: &OsStr) -> Result<()> {
        let shown = Text::from(other);
        let missing =
            || Error::new(format!("it links to `{shown}`, which the tar did not hold yet"));
        let from = from.ok_or_else(missing)?;
        let target = facts::facts_at(from, other)?.ok_or_else(missing)?;
        if target.kind != Type::Regular {
            return Err(Error::new(format!("it links to `{shown}`, which is no file")));
        }
        if self.facts()?.is_some_and(|it| it.inode == target.inode) {
            return Ok(());
        }
        self.make_room()?;
        Ok(entry::link_at(from, other, self.directory, self.name)?)
    }
}

/// It may be there already; one that takes the place of what was deleted hides what is below it.
fn make_directory(
    layer: &Layer,
    directory: BorrowedFd<'_>,
    name: &OsStr,
    look: &Look,
    told: Told<'_>,
) -> Result<()> {
    let there = facts::facts_at(directory, name)?;
    let was_deleted = there.as_ref().is_some_and(|it| layer.dialect.is_whiteout(it));
    if was_deleted {
        file::remove_file_at(directory, Path::new(name))?;
    }
    match there {
        Some(facts) if facts.is_directory() => {}
        Some(_) if !was_deleted => {
            let name = Text::from(name);
            return Err(Error::new(format!("the tar has `{name}` as something else, too")));
        }
        _ => file::make_directory_at(directory, Path::new(name), 0o700)?,
    }
    let fd = entry::open_directory_at(directory, name)?;
    if was_deleted {
        layer.dialect.mark(fd.as_fd())?;
    }
    attributes::give(fd.as_fd(), &look.attributes, told)?;
    Ok(entry::change_mode(fd.as_fd(), look.mode)?)
}
