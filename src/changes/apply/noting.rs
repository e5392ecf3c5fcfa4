//! Writing a baseline down: when a try ends, and anew when an apply or an undo has put files there
//! that bear new inodes and times, and were not changed outside all the same.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::base::{Context, HostPath, Result};
use crate::changes::change::Change;
use crate::changes::layer::Layer;
use crate::changes::walk::{Spot, walk};
use crate::sys::clock::Moment;
use crate::sys::entry;
use crate::sys::facts::Facts;

use super::baseline::{Baseline, Below, Draft, Entry, Known, is_above};
use super::bases::{Base, Bases};
use super::journal;
use super::place::HostWays;
use super::step::{Act, Mark, Step};
use super::vanished::Vanished;

/// Writes down what is below the changes of all layers. What was changed after `began` is known by
/// it to be overtaken already; what an earlier baseline says stays. What modified texts were is
/// kept in the directory `bases`.
pub fn note(layers: &[Layer], began: Moment, path: &HostPath, bases: &HostPath) -> Result<()> {
    let mut before = Baseline::open(path)?;
    let mut draft = Draft::begin(path)?;
    let mut bases = Bases::open(bases)?;
    let asked = before.as_ref().map(Baseline::written).transpose()?;
    for layer in layers {
        draft.section(&layer.lower)?;
        let mut vanished = Vanished::of(layer, began, asked);
        let mut written = Vec::new();
        walk(layer, &mut |change, spot| {
            for above in unwritten_above(&mut written, spot) {
                let below = Below::Directory { until: began };
                draft.line(above.as_os_str().as_bytes(), &below)?;
            }
            let bytes = spot.path.as_os_str().as_bytes();
            let known = before.as_mut().map(|it| it.find(&layer.lower, bytes)).transpose()?;
            let there = spot.settled(change.before)?;
            let below = match (known, &there) {
                (Some(Known::Was(below)), _) => Some(below),
                (_, Some(facts)) => Some(Below::of(facts, began)),
                (_, None) => vanished.has(change, spot)?.then_some(Below::Gone),
            };
            if let Some(below) = below {
                let below = with_base(below, there.as_ref(), &mut || bases.keep(change, spot));
                draft.line(bytes, &below)?;
            }
            note_as_written(&mut written, change, spot);
            Ok(())
        })?;
    }
    draft.finish()
}

/// A base is only of what was not overtaken yet.
fn with_base(below: Below, there: Option<&Facts>, keep: &mut dyn FnMut() -> Option<Base>) -> Below {
    match (below, there) {
        (Below::File { mark, until, base: None }, Some(there))
            if mark.fits(there) && there.changed <= until =>
        {
            Below::File { mark, until, base: keep() }
        }
        _ => below,
    }
}

/// After an apply: what it has put in place is what lies below from now on. The baseline that was
/// goes to `saved`, for an undo. May be called again if it was cut short.
pub fn advance(
    layers: &[Layer],
    paper: &HostPath,
    path: &HostPath,
    saved: &HostPath,
) -> Result<()> {
    if !saved.as_path().exists() {
        if !path.as_path().exists() {
            return Ok(());
        }
        entry::rename_path(path.as_path(), saved.as_path())
            .context(|| format!("cannot keep `{path}`"))?;
    }
    let Some(before) = Baseline::open(saved)? else { return Ok(()) };
    let mut anew = Anew::begin(before, path)?;
    let now = anew.draft.begun_at()?;
    let mut ways = HostWays::open(layers)?;
    journal::each_step(paper, |_, step| {
        let Some(layer) = layers.get(step.layer) else { return Ok(()) };
        let Some(known) = anew.come_to(layer, &step)? else { return Ok(()) };
        let below = ways.facts(&step)?.map(|facts| match (Below::of(&facts, now), known) {
            (Below::File { mark, until, .. }, Some(Below::File { base, .. }))
                if matches!(step.act, Act::Compose { .. }) =>
            {
                Below::File { mark, until, base }
            }
            (below, _) => below,
        });
        anew.write(layer, step, below)
    })?;
    anew.finish()
}

/// After an undo: of what it has restored is known what was known before the apply, though it bears
/// new times, and inodes if it was copied.
pub fn refresh(
    layers: &[Layer],
    paper: &HostPath,
    path: &HostPath,
    saved: &HostPath,
) -> Result<()> {
    let saved = if saved.as_path().exists() { saved } else { path };
    let Some(mut before) = Baseline::open(saved)? else { return Ok(()) };
    // Whoever was killed in the midst of saving it has left none.
    let current = match Baseline::open(path)? {
        Some(current) => current,
        None => match Baseline::open(saved)? {
            Some(current) => current,
            None => return Ok(()),
        },
    };
    let mut anew = Anew::begin(current, path)?;
    let now = anew.draft.begun_at()?;
    let mut ways = HostWays::open(layers)?;
    let planned = journal::head(paper)?.began;
    journal::each_step(paper, |_, step| {
        let Some(layer) = layers.get(step.layer) else { return Ok(()) };
        if anew.come_to(layer, &step)?.is_none() {
            return Ok(());
        }
        let below = before.take_at(&layer.lower, &step.path)?;
        let there = ways.facts(&step)?;
        // One that was moved away and back, or never, holds what it held, with its times.
        let copied = ways.is_younger(&step, planned)?.then_some(now);
        let below = below.map(|it| restored(&it, step.act.old(), there.as_ref(), copied));
        anew.write(layer, step, below)
    })?;
    anew.finish()
}

/// A baseline that is written anew beside a paper, whose steps are in the same order.
struct Anew<'a> {
    before: Baseline<'a>,
    draft: Draft<'a>,
    section: Option<HostPath>,
    last: Option<Step>,
}

impl<'a> Anew<'a> {
    fn begin(before: Baseline<'a>, path: &'a HostPath) -> Result<Self> {
        Ok(Self { before, draft: Draft::begin(path)?, section: None, last: None })
    }

    /// All before that step is as it was. What was known of its name; `None`: that stays, too, or
    /// was answered by another step for the same name.
    fn come_to(&mut self, layer: &Layer, step: &Step) -> Result<Option<Option<Below>>> {
        while let Some(entry) = self.before.take_before(&layer.lower, &step.path)? {
            self.draft.entry(&mut self.section, &entry)?;
        }
        let is_answered = self
            .last
            .as_ref()
            .is_some_and(|last| (last.layer, &last.path) == (step.layer, &step.path));
        match step.act {
            Act::SetDirectory { .. } => Ok(None),
            _ if is_answered => Ok(None),
            _ => self.before.take_at(&layer.lower, &step.path).map(Some),
        }
    }

    fn write(&mut self, layer: &Layer, step: Step, below: Option<Below>) -> Result<()> {
        if let Some(below) = below {
            let entry = Entry { lower: layer.lower.clone(), path: step.path.clone(), below };
            self.draft.entry(&mut self.section, &entry)?;
        }
        self.last = Some(step);
        Ok(())
    }

    fn finish(mut self) -> Result<()> {
        while let Some(entry) = self.before.take()? {
            self.draft.entry(&mut self.section, &entry)?;
        }
        self.draft.finish()
    }
}

/// What is known of a name from now on. A directory that was copied held nothing new by then.
fn restored(
    below: &Below,
    old: Option<&Mark>,
    there: Option<&Facts>,
    copied: Option<Moment>,
) -> Below {
    match (*below, old, there) {
        (Below::Directory { until }, Some(_), Some(facts)) if facts.is_directory() => {
            Below::Directory { until: copied.unwrap_or(until) }
        }
        (Below::File { mark, base, .. }, Some(old), Some(facts))
            if mark == *old && old.is_of(facts) =>
        {
            Below::File { mark: Mark::of(facts), until: facts.changed, base }
        }
        (below, ..) => below,
    }
}

/// The directories above a name that have no line yet, for nothing about them was changed: they
/// are there as well.
fn unwritten_above<'a>(written: &mut Vec<Vec<u8>>, spot: &Spot<'a>) -> Vec<&'a Path> {
    let bytes = spot.path.as_os_str().as_bytes();
    written.retain(|directory| is_above(directory, bytes));
    if spot.lower.is_none() {
        return Vec::new();
    }
    let mut above: Vec<&Path> = spot
        .path
        .ancestors()
        .skip(1)
        .take_while(|path| !path.as_os_str().is_empty())
        .take_while(|path| !written.iter().any(|it| it == path.as_os_str().as_bytes()))
        .collect();
    above.reverse();
    written.extend(above.iter().map(|path| path.as_os_str().as_bytes().to_vec()));
    above
}

fn note_as_written(written: &mut Vec<Vec<u8>>, change: &Change, spot: &Spot<'_>) {
    if change.after.is_some_and(|it| it.is_directory()) {
        written.push(spot.path.as_os_str().as_bytes().to_vec());
    }
}
