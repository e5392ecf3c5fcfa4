//! What would be done, step by step, before anything is: and what stands against it.

use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

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
    };
    for (number, layer) in layers.iter().enumerate() {
        planning.layer = number;
        planning.awaited.clear();
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
    awaited: Vec<Step>,
}

impl Planning<'_> {
    fn look_at(&mut self, layer: &Layer, change: &Change, spot: &Spot<'_>) -> Result<()> {
        let path = layer.lower.join(spot.path);
        let is_meant = (self.wish.selects)(&path);
        let is_directory = change.after.is_some_and(|it| it.is_directory());
        if !is_meant && !is_directory {
            return Ok(());
        }
        let known = match &mut self.baseline {
            Some(baseline) => {
                baseline.find(&layer.lower, spot.path.as_os_str().as_bytes())?
            }
            None => Known::Unsaid,
        };
        if is_meant && !self.may_be_applied(change, spot, &path, known)? {
            return Ok(());
        }
        let bytes = spot.path.as_os_str().as_bytes();
        self.awaited.retain(|step| is_above(&step.path, bytes));
        let steps = self.steps(change, bytes);
        if is_meant {
            for step in self.awaited.drain(..).chain(steps) {
                self.draft.add(&step)?;
            }
        } else {
            self.awaited.extend(steps);
        }
        Ok(())
    }

    /// Also notes why not.
    fn may_be_applied(
        &mut self,
        change: &Change,
        spot: &Spot<'_>,
        path: &HostPath,
        known: Known,
    ) -> Result<bool> {
        if let Some(after) = &change.after {
            if !matches!(after.kind, Type::Regular | Type::Directory | Type::Symlink) {
                self.planned.refused.push(path.clone());
                return Ok(false);
            }
            if after.kind == Type::Regular && after.mode & 0o6000 != 0 {
                self.planned.disarmed.push(path.clone());
            }
        }
        let Some(why) = self.overtaken(change, spot, known)? else { return Ok(true) };
        self.planned.conflicts.push(Conflict { path: path.clone(), why });
        Ok(self.wish.on_conflict == OnConflict::Force)
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
    let is_overtaken = newest_within(directory.as_fd(), until)?;
    Ok(is_overtaken.then_some(conflict::CHANGED_WITHIN))
}

/// Whether anything in a directory was changed after that moment.
fn newest_within(top: std::os::fd::BorrowedFd<'_>, began: Moment) -> Result<bool> {
    let mut open = vec![(entry::open_directory_at(top, ".".as_ref())?, file::names_in(top)?)];
    while let Some((directory, names)) = open.last_mut() {
        let Some(name) = names.pop() else {
            open.pop();
            continue;
        };
        let Some(facts) = facts::facts_at(directory.as_fd(), &name)? else { continue };
        if facts.changed > began {
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
