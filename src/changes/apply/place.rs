//! Where a step is taken: its directory on the host and in the layer, by descriptor, and the names
//! in them. Either directory may be gone: that of the layer after it was carried over, that of the
//! host before it is made.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

use crate::base::{Error, HostPath, Result, Text};
use crate::changes::compare::{Side, aspects};
use crate::changes::dialect::Dialect;
use crate::changes::disk::sync_filesystem;
use crate::changes::layer::Layer;
use crate::sys::clock::Moment;
use crate::sys::facts::{self, Facts, Type};
use crate::sys::{entry, file};

use super::journal::Head;
use super::step::{Act, Look, Mark, Step};
use super::transfer;
use super::way::{Way, parent_and_name};

/// The roots that the steps are relative to, and where what they replace is kept.
pub(super) struct Ways {
    layers: Vec<(Way, Way)>,
    kept: OwnedFd,
    /// Where what was put together is, if anything was.
    composed: Option<OwnedFd>,
    head: Head,
}

/// One name in one directory, which may not be there.
#[derive(Clone, Copy)]
pub(super) struct Spot<'a> {
    pub(super) directory: Option<BorrowedFd<'a>>,
    pub(super) name: &'a OsStr,
}

/// All that a step is about.
pub(super) struct Place<'a> {
    pub(super) host: Spot<'a>,
    pub(super) layer: Spot<'a>,
    /// What was replaced or removed.
    pub(super) kept: Spot<'a>,
    /// A free name, which this step of this apply alone uses, in whichever directory it must.
    pub(super) part: OsString,
    /// When the apply was planned: what was changed since was not looked at.
    pub(super) planned: Moment,
}

/// The names of one step, which a place borrows.
pub(super) struct StepNames {
    number: OsString,
    part: OsString,
    /// Of the file that was put together for it.
    composed: Option<OsString>,
}

/// How the names begin that the copies of one apply bear until they are whole.
pub(super) fn part_prefix(token: &str) -> String {
    format!(".bryo-{token}-")
}

impl Ways {
    pub(super) fn open(layers: &[Layer], kept: &HostPath, head: Head) -> Result<Self> {
        entry::make_directories(kept.as_path(), 0o700)?;
        let way = |layer: &Layer| Ok((Way::from(layer.upper.as_fd())?, way_to_lower(layer)?));
        Ok(Self {
            layers: layers.iter().map(way).collect::<Result<_>>()?,
            kept: file::open_path_for_reading(kept.as_path())?,
            composed: open_composed(kept)?,
            head,
        })
    }

    /// What was done to the directories of the host is on the disk.
    pub(super) fn sync(&self) -> Result<()> {
        self.layers.iter().try_for_each(|(_, host)| sync_filesystem(host.root()))
    }

    pub(super) fn names(&self, number: u64, act: &Act) -> StepNames {
        StepNames {
            composed: match act {
                Act::Compose { file, .. } => Some(composed_name(*file)),
                _ => None,
            },
            number: OsString::from(number.to_string()),
            part: OsString::from(format!("{}{number}", part_prefix(&self.head.token))),
        }
    }

    pub(super) fn place<'a>(
        &'a mut self,
        step: &'a Step,
        names: &'a StepNames,
    ) -> Result<Place<'a>> {
        let (layer, host) = self
            .layers
            .get_mut(step.layer)
            .ok_or_else(|| Error::new("the paper names a layer that is not there"))?;
        let (parent, name) = parent_and_name(&step.path);
        let name = if name.is_empty() { OsStr::new(".") } else { name };
        // What was put together stands for what the layer holds.
        let layer = match &names.composed {
            Some(name) => Spot { directory: self.composed.as_ref().map(OwnedFd::as_fd), name },
            None => Spot { directory: layer.find(parent)?, name },
        };
        Ok(Place {
            host: Spot { directory: host.find(parent)?, name },
            layer,
            kept: Spot { directory: Some(self.kept.as_fd()), name: &names.number },
            part: names.part.clone(),
            planned: self.head.began,
        })
    }
}

/// Where an apply puts files together: beside what it replaces, which is there only once it has
/// begun.
pub(super) fn composed_beside(kept: &HostPath) -> HostPath {
    HostPath::absolute(kept.as_path().with_file_name("composed"))
}

fn open_composed(kept: &HostPath) -> Result<Option<OwnedFd>> {
    match file::open_path_for_reading(composed_beside(kept).as_path()) {
        Ok(directory) => Ok(Some(directory)),
        Err(e) if facts::is_gone(e.errno) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

pub(super) fn composed_name(number: u64) -> OsString {
    OsString::from(number.to_string())
}

impl Place<'_> {
    /// Whether the host has a whole copy of what the layer still holds, so that either may go.
    pub(super) fn host_is_copy(&self, new: &Mark) -> Result<bool> {
        let (Some(ours), Some(there)) = (self.layer.facts()?, self.host.facts()?) else {
            return Ok(false);
        };
        if ours.kind != there.kind || ours.is_directory() || !new.is_of(&there) {
            return Ok(false);
        }
        let ours = Side { directory: self.layer.directory()?, name: self.layer.name, facts: &ours };
        let there = Side { directory: self.host.directory()?, name: self.host.name, facts: &there };
        Ok(!aspects(ours, there)?.content)
    }
}

/// The roots on the host alone.
pub(super) struct HostWays(Vec<Way>);

impl HostWays {
    pub(super) fn open(layers: &[Layer]) -> Result<Self> {
        Ok(Self(layers.iter().map(way_to_lower).collect::<Result<_>>()?))
    }

    pub(super) fn facts(&mut self, step: &Step) -> Result<Option<Facts>> {
        match self.spot(step)? {
            Some(spot) => spot.facts(),
            None => Ok(None),
        }
    }

    /// Whether what is there was made after that moment.
    pub(super) fn is_younger(&mut self, step: &Step, than: Moment) -> Result<bool> {
        match self.spot(step)? {
            Some(spot) => spot.is_younger(than),
            None => Ok(false),
        }
    }

    fn spot<'a>(&'a mut self, step: &'a Step) -> Result<Option<Spot<'a>>> {
        let Some(way) = self.0.get_mut(step.layer) else { return Ok(None) };
        let (parent, name) = parent_and_name(&step.path);
        match way.find(parent) {
            Ok(directory) => Ok(Some(Spot { directory, name })),
            // Something else is where a directory was.
            Err(e) if e.errno().is_some_and(facts::is_gone) => Ok(None),
            Err(e) => Err(e),
        }
    }
}

fn way_to_lower(layer: &Layer) -> Result<Way> {
    let lower = file::open_without_links(layer.lower.as_path()).map_err(|e| {
        Error::from(e)
            .within("cannot reach the directory that the changes lie over")
            .hint(format!("`mkdir -p {}`, or whatever brings it back, goes first", layer.lower))
    })?;
    Way::from(entry::open_directory_at(lower.as_fd(), ".".as_ref())?.as_fd())
}

impl<'a> Spot<'a> {
    pub(super) fn facts(&self) -> Result<Option<Facts>> {
        match self.directory {
            Some(directory) => Ok(facts::facts_at(directory, self.name)?),
            None => Ok(None),
        }
    }

    pub(super) fn directory(&self) -> Result<BorrowedFd<'a>> {
        self.directory.ok_or_else(|| {
            Error::new(format!("the directory of `{}` is gone", Text::from(self.name)))
        })
    }

    /// Another name in the same directory.
    pub(super) fn beside<'b>(&self, name: &'b OsStr) -> Spot<'b>
    where
        'a: 'b,
    {
        Spot { directory: self.directory, name }
    }

    /// The directory that it is.
    pub(super) fn open(&self) -> Result<OwnedFd> {
        Ok(entry::open_directory_at(self.directory()?, self.name)?)
    }

    /// It is gone afterwards, whatever it was.
    pub(super) fn remove(&self) -> Result<()> {
        match self.directory {
            Some(directory) => transfer::remove(directory, self.name),
            None => Ok(()),
        }
    }

    /// A directory's mode and time.
    pub(super) fn set_look(&self, look: &Look) -> Result<()> {
        let directory = self.open()?;
        entry::change_mode(directory.as_fd(), look.mode)?;
        Ok(entry::change_modified(directory.as_fd(), look.modified)?)
    }

    /// Without a driver's notes, and without the bits that would lend somebody's rights.
    pub(super) fn make_harmless(&self, facts: &Facts) -> Result<()> {
        if facts.kind != Type::Regular {
            return Ok(());
        }
        let directory = self.directory()?;
        let fd = match entry::open_file_at(directory, self.name) {
            Ok(fd) => fd,
            // Where the right to one's own files is not to be had, its mode may keep him out.
            Err(_) => {
                entry::change_mode_at(directory, self.name, facts.mode & 0o1777 | 0o400)?;
                entry::open_file_at(directory, self.name)?
            }
        };
        expect_no_writer(fd.as_fd())?;
        for name in facts::attribute_names(fd.as_fd())? {
            if let (true, Ok(text)) = (Dialect::is_note(name.to_bytes()), name.to_str()) {
                entry::remove_attribute(fd.as_fd(), text)?;
            }
        }
        let mode = facts.mode & 0o1777;
        if facts::facts(fd.as_fd())?.mode != mode {
            entry::change_mode(fd.as_fd(), mode)?;
        }
        Ok(())
    }

    /// Whether what is there was made after that moment, as a copy is and what was moved is not.
    pub(super) fn is_younger(&self, than: Moment) -> Result<bool> {
        let Some(directory) = self.directory else { return Ok(false) };
        Ok(facts::born_at(directory, self.name)?.is_some_and(|born| born > than))
    }

    /// Whether it is that very inode.
    pub(super) fn is(&self, inode: file::Inode) -> Result<bool> {
        Ok(self.facts()?.is_some_and(|it| it.inode == inode))
    }
}

/// What a command had open, it may have handed to somebody who outlives it (unix(7), SCM_RIGHTS),
/// and who would go on writing to what is the user's own file from now on.
fn expect_no_writer(file: BorrowedFd<'_>) -> Result<()> {
    let deadline = Instant::now() + CLOSING;
    while entry::is_open_for_writing(file) {
        if Instant::now() > deadline {
            return Err(Error::new("another program has it open for writing").hint(
                "the command passed it on; `bryo undo NAME` takes back what was applied, and \
                 `bryo apply NAME --resume` goes on once that program has ended",
            ));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// For the kernel to close what those had open that have just ended.
const CLOSING: Duration = Duration::from_millis(500);

/// The path of the host that a step is about.
pub(super) fn shown(layers: &[Layer], step: &Step) -> String {
    let path = OsStr::from_bytes(&step.path);
    match layers.get(step.layer) {
        Some(layer) => layer.lower.join(path).to_string(),
        None => Text::from(path).to_string(),
    }
}
