//! Export: what a try changed as a layer of an OCI image, a tar with a whiteout `.wh.NAME` for each
//! name that was deleted (image-spec, layer.md). Only changes are in it, and the directories that
//! lead to them; the same changes make the same bytes, whichever driver wrote them.
//!
//! No directory is said to be opaque: what one hides is said name by name. Nothing is followed, and
//! no more is kept in memory than the files of several names that are still to be met.

mod chain;
mod content;
mod tar;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::base::{Error, HostPath, Result};
use crate::sys::facts::{self, Facts, Type};
use crate::sys::file::{self, Inode};
use crate::sys::{entry, process};

use super::apply::transfer::own_attributes;
use super::apply::way::Way;
use super::change::Change;
use super::layer::{Layer, Owners};
use super::note::Note;
use super::walk::{Spot, walk};
use chain::Chain;
use content::Content;
use tar::{Head, Kind, Tar};

/// Before the name of a file that says that this name is deleted.
pub(super) const WHITEOUT: &[u8] = b".wh.";

/// The id that stands for all that this user namespace does not map
/// (/proc/sys/kernel/overflowuid).
const UNMAPPED: u32 = 65534;

/// Hears what is left out, and why.
pub type Remark<'a> = &'a mut dyn FnMut(&HostPath, &'static str);

/// To which directory the names are relative: the one that holds all that the layers lie over.
#[must_use]
pub fn root_of(layers: &[Layer]) -> HostPath {
    let holds_all = |root: &HostPath| layers.iter().all(|layer| layer.lower.is_within(root));
    let lowers = layers.iter().map(|layer| layer.lower.clone());
    lowers.into_iter().find(holds_all).unwrap_or_else(|| HostPath::absolute("/"))
}

/// Writes the tar; how many changes are in it. Every layer must lie in `root`.
pub fn export(
    layers: &[Layer],
    root: &HostPath,
    out: &mut dyn Write,
    remark: Remark<'_>,
) -> Result<u64> {
    let mut lowers: Vec<HostPath> = layers.iter().map(|layer| layer.lower.clone()).collect();
    lowers.dedup();
    if lowers.is_empty() {
        lowers.push(root.clone());
    }
    if let Some(other) = lowers.iter().find(|lower| !lower.is_within(root)) {
        return Err(Error::new(format!("`{other}` is not in `{root}`"))
            .within("cannot make its names relative to that"));
    }
    let mut tar = Tar::begin(out, &Note { root: root.clone(), lowers })?;
    let mut count = 0;
    let mut chain = Chain::default();
    for layer in layers {
        let below = layer.lower.as_path().strip_prefix(root.as_path());
        let top = below.map_or_else(|_| Vec::new(), |it| it.as_os_str().as_bytes().to_vec());
        let mut export = Export {
            layer,
            root,
            top,
            way: Way::from(layer.upper.as_fd())?,
            linked: HashMap::new(),
            tar: &mut tar,
            chain: &mut chain,
            remark: &mut *remark,
            ids: (process::effective_uid(), process::gid()),
        };
        walk(layer, &mut |change, spot| {
            count += u64::from(export.take(change, spot)?);
            Ok(())
        })?;
    }
    tar.finish()?;
    Ok(count)
}

/// One layer on its way into the tar.
struct Export<'a, 'out> {
    layer: &'a Layer,
    root: &'a HostPath,
    /// The name in the tar of the directory that the layer lies over.
    top: Vec<u8>,
    way: Way,
    /// Files of which more names may come: the name in the tar of the first, and how many.
    linked: HashMap<Inode, (Vec<u8>, u64)>,
    tar: &'a mut Tar<'out>,
    chain: &'a mut Chain,
    remark: &'a mut dyn FnMut(&HostPath, &'static str),
    /// Of this process.
    ids: (u32, u32),
}

impl Export<'_, '_> {
    /// Whether it can be said in a tar.
    fn take(&mut self, change: &Change, spot: &Spot<'_>) -> Result<bool> {
        let path = joined(&self.top, spot.path.as_os_str().as_bytes());
        if let Some(why) = cannot_be_said(change, spot) {
            (self.remark)(&self.layer.lower.join(spot.path), why);
            return Ok(false);
        }
        self.tell_way(&path, spot)?;
        match &change.after {
            None => self.tar.whiteout(&path)?,
            Some(facts) => self.tell(path, facts, spot)?,
        }
        Ok(true)
    }

    fn tell(&mut self, path: Vec<u8>, facts: &Facts, spot: &Spot<'_>) -> Result<()> {
        match facts.kind {
            Type::Directory => {
                let fd = entry::open_directory_at(spot.upper, spot.name)?;
                self.tell_directory(path, fd.as_fd(), facts)
            }
            Type::Symlink => {
                let target = entry::link_target_at(spot.upper, spot.name)?;
                let target = target.as_os_str().as_bytes();
                self.tar.head(&self.head(&path, facts, Kind::Symlink { target }))
            }
            Type::Regular => self.tell_file(path, facts, spot),
            Type::Fifo => self.tar.head(&self.head(&path, facts, Kind::Fifo)),
            Type::CharacterDevice { major, minor } => {
                let kind = Kind::CharacterDevice { major, minor };
                self.tar.head(&self.head(&path, facts, kind))
            }
            Type::BlockDevice { major, minor } => {
                self.tar.head(&self.head(&path, facts, Kind::BlockDevice { major, minor }))
            }
            Type::Socket => Ok(()),
        }
    }

    fn tell_file(&mut self, path: Vec<u8>, facts: &Facts, spot: &Spot<'_>) -> Result<()> {
        if facts.links > 1 {
            if let Some((first, left)) = self.linked.get_mut(&facts.inode) {
                let target = first.clone();
                *left -= 1;
                if *left == 0 {
                    self.linked.remove(&facts.inode);
                }
                return self.tar.head(&self.head(&path, facts, Kind::Link { target: &target }));
            }
            self.linked.insert(facts.inode, (path.clone(), facts.links - 1));
        }
        let fd = entry::open_file_at(spot.upper, spot.name)?;
        let content = Content::of(fd.as_fd(), facts)?;
        let attributes = own_attributes(fd.as_fd())?;
        let mut head = self.head(&path, facts, Kind::File { content: &content });
        head.attributes = &attributes;
        self.tar.head(&head)?;
        content.write(self.tar)
    }

    fn tell_directory(&mut self, path: Vec<u8>, fd: BorrowedFd<'_>, facts: &Facts) -> Result<()> {
        let attributes = own_attributes(fd)?;
        let mut head = self.head(&path, facts, Kind::Directory);
        head.attributes = &attributes;
        self.tar.head(&head)?;
        self.chain.enter(&path);
        Ok(())
    }

    /// Every directory on the way that the tar has not been told of.
    fn tell_way(&mut self, path: &[u8], spot: &Spot<'_>) -> Result<()> {
        let done = self.chain.leave_for(path);
        let ends = (done + 1..path.len()).filter(|end| path[*end] == b'/');
        let missing: Vec<usize> = ends.collect();
        for (index, end) in missing.iter().enumerate() {
            let directory = path[..*end].to_vec();
            let is_last = index + 1 == missing.len();
            let facts_of = |fd: BorrowedFd<'_>| facts::facts(fd);
            match below(&self.top, &directory) {
                Some(_) if is_last => {
                    self.tell_directory(directory, spot.upper, &facts_of(spot.upper)?)?;
                }
                Some(inner) => {
                    let fd = self.way.find(inner)?.ok_or_else(|| Error::new("it was moved"))?;
                    let fd = entry::open_directory_at(fd, ".".as_ref())?;
                    self.tell_directory(directory, fd.as_fd(), &facts_of(fd.as_fd())?)?;
                }
                None => self.tell_above(directory)?,
            }
        }
        Ok(())
    }

    /// A directory of the host above the one that the layer lies over.
    fn tell_above(&mut self, directory: Vec<u8>) -> Result<()> {
        let path = self.root.join(Path::new(OsStr::from_bytes(&directory)));
        let fd = file::open_without_links(path.as_path())?;
        let mut facts = facts::facts(fd.as_fd())?;
        for id in [&mut facts.uid, &mut facts.gid] {
            // Whose else than root's.
            *id = if *id == UNMAPPED { 0 } else { *id };
        }
        self.tar.head(&self.head(&directory, &facts, Kind::Directory))?;
        self.chain.enter(&directory);
        Ok(())
    }

    fn head<'h>(&self, path: &'h [u8], facts: &Facts, kind: Kind<'h>) -> Head<'h> {
        let (uid, gid) = self.owner(facts);
        Head { path, mode: facts.mode, uid, gid, modified: facts.modified, attributes: &[], kind }
    }

    /// As the command saw it; what belongs to nobody that is mapped would be applied as the user's.
    fn owner(&self, facts: &Facts) -> (u32, u32) {
        let mapped = |id, own| if id == UNMAPPED { own } else { id };
        match self.layer.owners {
            Owners::AllRoot => (0, 0),
            Owners::Theirs => (mapped(facts.uid, self.ids.0), mapped(facts.gid, self.ids.1)),
        }
    }
}

fn cannot_be_said(change: &Change, spot: &Spot<'_>) -> Option<&'static str> {
    if change.after.is_some_and(|it| it.kind == Type::Socket) {
        return Some("a tar holds no socket");
    }
    let mut parts = spot.path.iter().map(OsStrExt::as_bytes);
    parts
        .any(|part| part.starts_with(WHITEOUT))
        .then_some("in a layer tar, its name means that another one is deleted")
}

fn joined(directory: &[u8], name: &[u8]) -> Vec<u8> {
    match directory {
        [] => name.to_vec(),
        _ => [directory, name].join(&b'/'),
    }
}

/// The rest of a path that is in a directory, or is it.
pub(super) fn below<'a>(directory: &[u8], path: &'a [u8]) -> Option<&'a [u8]> {
    match directory {
        [] => Some(path),
        _ if directory == path => Some(&[]),
        _ => path.strip_prefix(directory).and_then(|rest| rest.strip_prefix(b"/")),
    }
}
