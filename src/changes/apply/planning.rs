//! What would be done, step by step, before anything is: and what stands against it.

use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::base::{HostPath, Result};
use crate::changes::change::Change;
use crate::changes::layer::Layer;
use crate::changes::plain::make_plain;
use crate::changes::walk::{Spot, walk};
use crate::sys::clock::Moment;
use crate::sys::facts::{Facts, Type};
use crate::sys::{entry, file};

use super::baseline::is_above;
use super::choice::{Choice, Choices};
use super::composing::{Composed, Composer, Rest};
use super::conflict::{self, Conflict, Few, OnConflict, Overtaken};
use super::journal::Draft;
use super::merging::Merger;
use super::overtaken::Judge;
use super::place::HostWays;
use super::rights::{self, Forbidden, Full, Rights, Room};
use super::step::{Act, Look, Mark, Step};
use super::transfer;
use super::way::{Way, parent_and_name};

/// What is to be applied.
pub struct Wish<'a> {
    /// Whether a path of the host is meant.
    pub selects: &'a dyn Fn(&HostPath) -> bool,
    /// What somebody who was asked has said of those.
    pub choices: Option<&'a Choices>,
    /// Hears what would be done to which path.
    pub sees: &'a dyn Fn(&'static str, &HostPath),
    pub on_conflict: OnConflict,
    /// What is tried first of what was overtaken.
    pub overtaken: Overtaken,
    pub place: &'a Whereabouts,
}

/// Where what a plan rests on is.
pub struct Whereabouts {
    /// When the sandbox began: whatever was changed outside since bears a later ctime.
    pub began: Moment,
    /// What lay below when it had ended, written by [`super::note`]; it may not be there.
    pub baseline: HostPath,
    /// The bases of modified texts.
    pub bases: HostPath,
    /// Where what is replaced goes.
    pub undo: HostPath,
}

/// The outcome of planning.
#[derive(Debug, Default)]
pub struct Planned {
    pub steps: u64,
    pub conflicts: Few<Conflict>,
    /// Devices, FIFOs and sockets: never applied.
    pub refused: Few<HostPath>,
    /// What the user may not do.
    pub forbidden: Few<Forbidden>,
    /// A filesystem without the room for it.
    pub full: Option<Full>,
    /// Files that lose their set-user-id or set-group-id bit.
    pub disarmed: Few<HostPath>,
    /// Files that were merged with what was changed outside.
    pub merged: u64,
}

/// Writes the steps to `paper`; they may be carried out if there are no conflicts, or they are not
/// to stop anything. `composer` goes on from what was put together for the choices.
pub fn plan(
    layers: &[Layer],
    wish: &Wish<'_>,
    composer: &mut Composer,
    paper: &HostPath,
) -> Result<Planned> {
    HostWays::open(layers)?;
    let mut planning = Planning {
        wish,
        judge: Judge::new(&wish.place.baseline, wish.place.began)?,
        merger: Merger::open(&wish.place.bases)?,
        composer,
        draft: Draft::begin(paper)?,
        planned: Planned::default(),
        rights: Rights::new(),
        room: Room::default(),
        layer: 0,
        awaited: Vec::new(),
        left_out: None,
    };
    for (number, layer) in layers.iter().enumerate() {
        planning.layer = number;
        planning.awaited.clear();
        planning.left_out = None;
        planning.rights.begin_layer();
        planning.room.begin_layer(layer)?;
        unlink_from_elsewhere(layer, &make_plain(layer)?, paper)?;
        walk(layer, &mut |change, spot| planning.look_at(layer, change, spot))?;
    }
    let Planning { draft, mut planned, room, .. } = planning;
    draft.finish()?;
    planned.full = room.lacking();
    Ok(planned)
}

/// A file of the layer that has another name outside of it, or another owner, is somebody else's: a
/// copy takes its place, made beside the paper, where one can be made. All its names may have been
/// applied but this one: then, too.
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
        if let Some(directory) = way.find(parent)?
            && rights::is_open(directory, name)?
        {
            transfer::copy(directory, name, beside.as_fd(), part)?;
            entry::rename_between(beside.as_fd(), part, directory, name)?;
        }
    }
    Ok(())
}

struct Planning<'a> {
    wish: &'a Wish<'a>,
    judge: Judge<'a>,
    merger: Merger<'a>,
    composer: &'a mut Composer,
    draft: Draft,
    planned: Planned,
    rights: Rights,
    room: Room,
    layer: usize,
    /// Directories that are made only if something in them is meant.
    awaited: Vec<Awaited>,
    /// A conflict, with which all that is in it stays out.
    left_out: Option<Vec<u8>>,
}

/// Not written down yet.
struct Awaited {
    path: Vec<u8>,
    steps: Vec<Step>,
    conflict: Option<Conflict>,
    forbidden: Option<Forbidden>,
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
        let choice = match (self.wish.selects)(&path) {
            true => self.wish.choices.map_or(Choice::Yes, |choices| choices.of(&path)),
            false => Choice::No,
        };
        let is_meant = choice != Choice::No;
        if !is_meant && !is_needed_by_others(change) {
            return Ok(());
        }
        if is_meant && !self.is_applicable(change, &path) {
            return Ok(());
        }
        let awaited = self.await_decision(layer, change, spot, choice)?;
        self.awaited.push(awaited);
        if !is_meant {
            return Ok(());
        }
        self.room.count(layer, change, &self.wish.place.undo);
        for awaited in std::mem::take(&mut self.awaited) {
            if self.left_out.is_none() {
                self.decide(layer, awaited)?;
            }
        }
        Ok(())
    }

    fn await_decision(
        &mut self,
        layer: &Layer,
        change: &Change,
        spot: &Spot<'_>,
        choice: Choice,
    ) -> Result<Awaited> {
        let bytes = spot.path.as_os_str().as_bytes();
        let known = self.judge.known(&layer.lower, bytes)?;
        let why = self.judge.overtaken(change, spot, known)?;
        let (acts, why) = match (choice, why) {
            (Choice::Part(composed), _) => match composed.fits(change) {
                true => (self.composed(&composed), None),
                false => (Vec::new(), Some(conflict::JUST_NOW.to_owned())),
            },
            (_, Some(why)) if self.wish.overtaken == Overtaken::Merged => {
                match self.merger.merge(change, spot, known, why)? {
                    Ok(merged) => {
                        let rest = Rest::IsDone;
                        let composed = self.composer.merged(&merged, change, spot, rest)?;
                        self.planned.merged += 1;
                        (composed.map_or_else(Vec::new, |it| self.composed(&it)), None)
                    }
                    Err(why) => (acts_of(change), Some(why)),
                }
            }
            (_, why) => (acts_of(change), why.map(str::to_owned)),
        };
        let path = layer.lower.join(spot.path);
        Ok(Awaited {
            path: bytes.to_vec(),
            forbidden: self.rights.forbid(layer, change, spot, &acts)?,
            steps: self.steps(acts, bytes),
            conflict: why.map(|why| Conflict { path, why }),
        })
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
        if let Some(forbidden) = awaited.forbidden
            && self.planned.forbidden.first.last() != Some(&forbidden)
        {
            self.planned.forbidden.push(forbidden);
        }
        for step in &awaited.steps {
            self.draft.add(step)?;
            if let Some(verb) = step.act.verb() {
                self.planned.steps += 1;
                (self.wish.sees)(verb, &layer.lower.join(OsStr::from_bytes(&step.path)));
            }
        }
        Ok(())
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

    fn composed(&self, composed: &Composed) -> Vec<Act> {
        let Composed { file, old, theirs, new, rest } = *composed;
        let compose = Act::Compose { file, old, new };
        match rest {
            Rest::Stays => vec![compose],
            Rest::IsDone => vec![compose, Act::Consume { new: theirs }],
        }
    }

    fn steps(&self, acts: Vec<Act>, path: &[u8]) -> Vec<Step> {
        let step = |act| Step { act, layer: self.layer, path: path.to_vec() };
        acts.into_iter().map(step).collect()
    }
}

/// A directory that is made, in the place of nothing or of something else: what is put into it
/// needs it.
fn is_needed_by_others(change: &Change) -> bool {
    change.after.is_some_and(|it| it.is_directory())
        && !change.before.is_some_and(|it| it.is_directory())
}

fn acts_of(change: &Change) -> Vec<Act> {
    let make = |after: &Facts| match after.is_directory() {
        true => Act::MakeDirectory { look: Look::of(after) },
        false => Act::Add { new: Mark::of(after) },
    };
    match (&change.before, &change.after) {
        (None, None) => Vec::new(),
        (Some(before), None) => vec![Act::Remove { old: Mark::of(before) }],
        (None, Some(after)) => vec![make(after)],
        (Some(before), Some(after)) => match (before.is_directory(), after.is_directory()) {
            (true, true) => {
                vec![Act::SetDirectory { before: Look::of(before), after: Look::of(after) }]
            }
            (false, false) => {
                vec![Act::Replace { old: Mark::of(before), new: Mark::of(after) }]
            }
            _ => vec![Act::Remove { old: Mark::of(before) }, make(after)],
        },
    }
}
