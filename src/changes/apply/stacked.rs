//! The baseline of changes that lie on others, when those others are carried over to the host, or
//! taken back. What was seen below as theirs is the host's now, with a new time of change, and
//! another inode if it was copied: it is what it was all the same. What anybody else has changed
//! meanwhile stays known as it was, and so is a conflict.

use std::cmp::Ordering;
use std::os::unix::ffi::OsStrExt;

use crate::base::{HostPath, Result};
use crate::changes::change::Change;
use crate::changes::deleted::each_in;
use crate::changes::layer::Layer;
use crate::changes::walk::{Spot, walk};
use crate::sys::clock::Moment;
use crate::sys::facts::Facts;

use super::baseline::{Baseline, Below, Draft, Known, walk_order};
use super::journal::Lines;
use super::line::parsed;
use super::step::{Act, Mark, Step};

/// After the steps of this paper were taken on the layers below, or taken back: refreshes the
/// baseline of the layers above. Paper, walk and baseline are in one order.
pub fn refresh_above(
    below: &[Layer],
    paper: &HostPath,
    above: &[Layer],
    baseline: &HostPath,
) -> Result<()> {
    let Some(mut before) = Baseline::open(baseline)? else { return Ok(()) };
    let mut draft = Draft::begin(baseline)?;
    let now = draft.begun_at()?;
    let mut steps = Steps::open(below, paper)?;
    let mut section = None;
    for layer in above {
        walk(layer, &mut |change, spot| {
            let path = spot.path.as_os_str().as_bytes();
            while let Some(entry) = before.take_before(&layer.lower, path)? {
                draft.entry(&mut section, &entry)?;
            }
            if let Known::Was(known) = before.find(&layer.lower, path)? {
                before.replace_next(steps.seen_anew(known, layer, change, spot, now)?);
            }
            Ok(())
        })?;
    }
    while let Some(entry) = before.take()? {
        draft.entry(&mut section, &entry)?;
    }
    draft.finish()
}

/// The steps of a paper, one after the other.
struct Steps<'a> {
    layers: &'a [Layer],
    lines: Lines<'a>,
    next: Option<Step>,
}

/// What the steps say of one path.
#[derive(Default)]
struct Taken {
    is_any: bool,
    /// The content before the steps, and after them.
    marks: Vec<Mark>,
}

impl<'a> Steps<'a> {
    fn open(layers: &'a [Layer], paper: &'a HostPath) -> Result<Self> {
        let mut steps = Self { layers, lines: Lines::open(paper)?, next: None };
        steps.lines.next_line()?;
        steps.advance()?;
        Ok(steps)
    }

    fn advance(&mut self) -> Result<()> {
        // The paper was found whole before its steps were taken; its last line is none.
        self.next = self.lines.next_line()?.and_then(parsed);
        Ok(())
    }

    /// Where the next step stands to a path of the host.
    fn order(&self, lower: &HostPath, path: &[u8]) -> Option<Ordering> {
        let step = self.next.as_ref()?;
        let layer = self.layers.get(step.layer)?;
        Some(layer.lower.cmp(lower).then_with(|| walk_order(&step.path, path)))
    }

    /// Asked in the order of the walk.
    fn at(&mut self, lower: &HostPath, path: &[u8]) -> Result<Taken> {
        let mut taken = Taken::default();
        while let Some(order) = self.order(lower, path) {
            match (order, self.next.as_ref().map(|step| &step.act)) {
                (Ordering::Greater, _) | (_, None) => break,
                (Ordering::Less, _) => {}
                (Ordering::Equal, Some(act)) => {
                    taken.is_any = true;
                    match act {
                        Act::Replace { old, new } | Act::Compose { old, new, .. } => {
                            taken.marks.extend([*old, *new])
                        }
                        Act::Add { new: mark } | Act::Remove { old: mark } => {
                            taken.marks.push(*mark);
                        }
                        _ => {}
                    }
                }
            }
            self.advance()?;
        }
        Ok(taken)
    }

    /// Whether the next step is within that directory.
    fn go_on_in(&self, lower: &HostPath, directory: &[u8]) -> bool {
        self.next.as_ref().is_some_and(|step| {
            self.layers.get(step.layer).is_some_and(|layer| layer.lower == *lower)
                && step.path.strip_prefix(directory).is_some_and(|rest| rest.starts_with(b"/"))
        })
    }

    /// What is known of a name from now on.
    fn seen_anew(
        &mut self,
        known: Below,
        layer: &Layer,
        change: &Change,
        spot: &Spot<'_>,
        now: Moment,
    ) -> Result<Below> {
        let taken = self.at(&layer.lower, spot.path.as_os_str().as_bytes())?;
        let Some(there) = &change.before else { return Ok(known) };
        let goes = !change.after.is_some_and(|it| it.is_directory());
        Ok(match known {
            Below::File { mark, base, .. }
                if taken.is(there) && !there.is_directory() && mark.is_of(there) =>
            {
                Below::File { mark: Mark::of(there), until: there.changed, base }
            }
            Below::Directory { until } if goes && there.is_directory() => {
                match self.are_all_changed_in(layer, spot, until)? {
                    true => Below::Directory { until: now },
                    false => known,
                }
            }
            known => known,
        })
    }

    /// Whether nothing in a directory was changed since but by these steps.
    fn are_all_changed_in(
        &mut self,
        layer: &Layer,
        spot: &Spot<'_>,
        until: Moment,
    ) -> Result<bool> {
        let mut is_so = true;
        each_in(spot, &mut |below, _, _, found| {
            let path = spot.path.join(below);
            let path = path.as_os_str().as_bytes();
            let taken = self.at(&layer.lower, path)?;
            let facts = &found.facts;
            // Directories of the layers below change as things are carried out of them.
            let is_newer = facts.changed > until && (found.is_of_host || !facts.is_directory());
            is_so &= !is_newer
                || match facts.is_directory() {
                    true => taken.is_any || self.go_on_in(&layer.lower, path),
                    false => taken.is(facts),
                };
            Ok(())
        })?;
        Ok(is_so)
    }
}

impl Taken {
    /// Whether it is something that the steps put there or took away.
    fn is(&self, there: &Facts) -> bool {
        self.marks.iter().any(|mark| mark.is_of(there))
    }
}
