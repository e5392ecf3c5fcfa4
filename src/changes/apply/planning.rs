//! What would be done, step by step, before anything is: and what stands against it.

use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::base::{HostPath, Result};
use crate::changes::change::{Change, What};
use crate::changes::layer::Layer;
use crate::changes::plain::make_plain;
use crate::changes::walk::{Spot, walk};
use crate::sys::facts::{self, Facts, Moment, Type};
use crate::sys::{entry, file};

use super::baseline::{Baseline, Below, Known};
use super::conflict::{self, Conflict, OnConflict};
use super::journal::Draft;
use super::step::{Act, Look, Mark, Step};
use super::transfer;
use super::way::{Way, parent_and_name};

/// What is to be applied.
pub struct Wish<'a> {
    /// Whether a path of the host is meant.
    pub selects: &'a dyn Fn(&HostPath) -> bool,
    /// Hears what would be done to which path.
    pub sees: &'a dyn Fn(&'static str, &HostPath),
    pub on_conflict: OnConflict,
    /// When the sandbox began: whatever was changed outside since bears a later ctime.
    pub began: Moment,
    /// What lay below when it had ended, written by [`super::note`]; it may not be there.
    pub baseline: &'a HostPath,
}

/// The outcome of planning.
#[derive(Debug, Default)]
pub struct Planned {
    pub steps: u64,
    pub conflicts: Vec<Conflict>,
    /// Devices, FIFOs and sockets: never applied.
    pub refused: Vec<HostPath>,
    /// Directories that the user may not write to.
    pub forbidden: Vec<HostPath>,
    /// Files that lose their set-user-id or set-group-id bit.
    pub disarmed: Vec<HostPath>,
}

/// Writes the steps to `paper`; they may be carried out if there are no conflicts, or they are not
/// to stop anything.
pub fn plan(layers: &[Layer], wish: &Wish<'_>, paper: &HostPath) -> Result<Planned> {
    let mut planning = Planning {
        wish,
        baseline: Baseline::open(wish.baseline)?,
        draft: Draft::begin(paper)?,
        planned: Planned::default(),
        layer: 0,
        awaited: Vec::new(),
        left_out: None,
        asked: None,
    };
    for (number, layer) in layers.iter().enumerate() {
        planning.layer = number;
        planning.awaited.clear();
        planning.left_out = None;
        planning.asked = None;
        unlink_from_elsewhere(layer, &make_plain(layer)?, paper)?;
        walk(layer, &mut |change, spot| planning.look_at(layer, change, spot))?;
    }
    let Planning { draft, mut planned, .. } = planning;
    planned.steps = draft.finish()?;
    Ok(planned)
}

/// A file of the layer that has another name outside of it is somebody else's: a copy takes its
/// place, made beside the paper. All its names may have been applied but this one: then, too.
fn unlink_from_elsewhere(layer: &Layer, paths: &[Vec<u8>], paper: &HostPath) -> Result<()> {
    if paths.is_empty() {
        return Ok(());
    }
    let part = OsStr::new("part");
    let beside = paper.as_path().parent().unwrap_or(Path::new("/"));
    let beside = file::open_path_for_reading(beside)?;
    let mut way = Way::from(layer.upper.as_fd())?;
    for path in paths {
        let (parent, name) = parent_and_name(path);
        if let Some(directory) = way.find(parent)? {
            transfer::copy(directory, name, beside.as_fd(), part)?;
            entry::rename_between(beside.as_fd(), part, directory, name)?;
        }
    }
    Ok(())
}

struct Planning<'a> {
    wish: &'a Wish<'a>,
    baseline: Option<Baseline<'a>>,
    draft: Draft,
    planned: Planned,
    layer: usize,
    /// Directories that are made only if something in them is meant.
    awaited: Vec<Awaited>,
    /// A conflict, with which all that is in it stays out.
    left_out: Option<Vec<u8>>,
    /// The directory that was asked last whether it may be written to.
    asked: Option<PathBuf>,
}

/// Not written down yet.
struct Awaited {
    path: Vec<u8>,
    steps: Vec<Step>,
    conflict: Option<Conflict>,
}

impl Planning<'_> {
    fn look_at(&mut self, layer: &Layer, change: &Change, spot: &Spot<'_>) -> Result<()> {
        let bytes = spot.path.as_os_str().as_bytes();
        self.awaited.retain(|it| is_above(&it.path, bytes));
        if self.left_out.as_ref().is_some_and(|directory| is_above(directory, bytes)) {
            return Ok(());
        }
        self.left_out = None;
        let path = layer.lower.join(spot.path);
        let is_meant = (self.wish.selects)(&path);
        let is_directory = change.after.is_some_and(|it| it.is_directory());
        if !is_meant && !is_directory {
            return Ok(());
        }
        if is_meant && !self.is_applicable(change, &path) {
            return Ok(());
        }
        let known = match &mut self.baseline {
            Some(baseline) => baseline.find(&layer.lower, bytes)?,
            None => Known::Unsaid,
        };
        self.awaited.push(Awaited {
            path: bytes.to_vec(),
            steps: self.steps(change, bytes),
            conflict: self.overtaken(change, spot, known)?.map(|why| Conflict { path, why }),
        });
        if !is_meant {
            return Ok(());
        }
        self.expect_to_write(layer, spot);
        for awaited in std::mem::take(&mut self.awaited) {
            if self.left_out.is_none() {
                self.decide(layer, awaited)?;
            }
        }
        Ok(())
    }

    /// Its steps are written down, or it stays out with all that is in it.
    fn decide(&mut self, layer: &Layer, awaited: Awaited) -> Result<()> {
        if let Some(conflict) = awaited.conflict {
            self.planned.conflicts.push(conflict);
            if self.wish.on_conflict != OnConflict::Force {
                self.left_out = Some(awaited.path);
                return Ok(());
            }
        }
        for step in &awaited.steps {
            self.draft.add(step)?;
            let path = layer.lower.join(OsStr::from_bytes(&step.path));
            (self.wish.sees)(step.act.verb(), &path);
        }
        Ok(())
    }

    /// What the user may not do is found before anything is done.
    fn expect_to_write(&mut self, layer: &Layer, spot: &Spot<'_>) {
        let above = spot.path.parent().unwrap_or(Path::new(""));
        let Some(lower) = spot.lower else { return };
        if self.asked.as_deref() == Some(above) {
            return;
        }
        if !file::may_make_names_in(lower) {
            self.planned.forbidden.push(layer.lower.join(above));
        }
        self.asked = Some(above.to_path_buf());
    }

    /// Also notes why not.
    fn is_applicable(&mut self, change: &Change, path: &HostPath) -> bool {
        let Some(after) = &change.after else { return true };
        if !matches!(after.kind, Type::Regular | Type::Directory | Type::Symlink) {
            self.planned.refused.push(path.clone());
            return false;
        }
        if after.kind == Type::Regular && after.mode & 0o6000 != 0 {
            self.planned.disarmed.push(path.clone());
        }
        true
    }

    /// Why the change cannot be carried over without loss.
    fn overtaken(
        &self,
        change: &Change,
        spot: &Spot<'_>,
        known: Known,
    ) -> Result<Option<&'static str>> {
        let Some(before) = &change.before else {
            return Ok(matches!(known, Known::Was(_)).then_some(conflict::GONE));
        };
        match (change.what, known) {
            // Its time tells of its entries; its mode is the sandbox's to say.
            (What::Modified(_), _) if before.is_directory() => Ok(None),
            (_, Known::Nothing) => Ok(Some(conflict::APPEARED)),
            (_, known) if before.is_directory() => {
                let until = match known {
                    Known::Was(Below::Directory { until }) => until,
                    Known::Was(Below::File { .. }) => return Ok(Some(conflict::CHANGED)),
                    _ => self.wish.began,
                };
                is_changed_within(spot, until)
            }
            (_, Known::Was(Below::File { mark, until })) => {
                let is_same = mark.fits(before) && before.changed <= until;
                Ok((!is_same).then_some(conflict::CHANGED))
            }
            (_, Known::Was(Below::Directory { .. })) => Ok(Some(conflict::CHANGED)),
            (What::Added, Known::Unsaid) if before.changed > self.wish.began => {
                Ok(Some(conflict::APPEARED))
            }
            (_, Known::Unsaid) => {
                Ok((before.changed > self.wish.began).then_some(conflict::CHANGED))
            }
        }
    }

    fn steps(&self, change: &Change, path: &[u8]) -> Vec<Step> {
        let step = |act| Step { act, layer: self.layer, path: path.to_vec() };
        let make = |after: &Facts| match after.is_directory() {
            true => step(Act::MakeDirectory { look: Look::of(after) }),
            false => step(Act::Add { new: Mark::of(after) }),
        };
        match (&change.before, &change.after) {
            (None, None) => Vec::new(),
            (Some(before), None) => vec![step(Act::Remove { old: Mark::of(before) })],
            (None, Some(after)) => vec![make(after)],
            (Some(before), Some(after)) => match (before.is_directory(), after.is_directory()) {
                (true, true) => {
                    let (before, after) = (Look::of(before), Look::of(after));
                    vec![step(Act::SetDirectory { before, after })]
                }
                (false, false) => {
                    let (old, new) = (Mark::of(before), Mark::of(after));
                    vec![step(Act::Replace { old, new })]
                }
                _ => vec![step(Act::Remove { old: Mark::of(before) }), make(after)],
            },
        }
    }
}

fn is_above(directory: &[u8], path: &[u8]) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.starts_with(b"/"))
}

fn is_changed_within(spot: &Spot<'_>, until: Moment) -> Result<Option<&'static str>> {
    let Some(lower) = spot.lower else { return Ok(None) };
    let directory = entry::open_directory_at(lower, spot.name)?;
    let is_overtaken = holds_any(directory.as_fd(), &|it| it.changed > until)?;
    Ok(is_overtaken.then_some(conflict::CHANGED_WITHIN))
}

/// Whether anything in a directory is so.
pub(super) fn holds_any(
    top: std::os::fd::BorrowedFd<'_>,
    is_so: &dyn Fn(&Facts) -> bool,
) -> Result<bool> {
    let mut open = vec![(entry::open_directory_at(top, ".".as_ref())?, file::names_in(top)?)];
    while let Some((directory, names)) = open.last_mut() {
        let Some(name) = names.pop() else {
            open.pop();
            continue;
        };
        let Some(facts) = facts::facts_at(directory.as_fd(), &name)? else { continue };
        if is_so(&facts) {
            return Ok(true);
        }
        if facts.is_directory() {
            let below = entry::open_directory_at(directory.as_fd(), &name)?;
            let names = file::names_in(below.as_fd())?;
            open.push((below, names));
        }
    }
    Ok(false)
}
