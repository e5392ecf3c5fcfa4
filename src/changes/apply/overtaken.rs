//! Whether a change outside has overtaken one of the sandbox, and how.

use std::os::fd::{AsFd, BorrowedFd};

use crate::base::{HostPath, Result};
use crate::changes::change::{Change, What};
use crate::changes::names::Names;
use crate::changes::walk::Spot;
use crate::sys::clock::Moment;
use crate::sys::entry;
use crate::sys::facts::{self, Facts};

use super::baseline::{Baseline, Below, Known};
use super::conflict;
use super::way::{Way, joined};

/// What is known of the time since the sandbox began. Asked in the order of the walk.
pub(super) struct Judge<'a> {
    baseline: Option<Baseline<'a>>,
    began: Moment,
}

impl<'a> Judge<'a> {
    pub(super) fn new(baseline: &'a HostPath, began: Moment) -> Result<Self> {
        Ok(Self { baseline: Baseline::open(baseline)?, began })
    }

    /// What lay below a name when the sandbox had ended.
    pub(super) fn known(&mut self, lower: &HostPath, path: &[u8]) -> Result<Known> {
        match &mut self.baseline {
            Some(baseline) => baseline.find(lower, path),
            None => Ok(Known::Unsaid),
        }
    }

    /// Why the change cannot be carried over without loss.
    pub(super) fn overtaken(
        &self,
        change: &Change,
        spot: &Spot<'_>,
        known: Known,
    ) -> Result<Option<&'static str>> {
        let Some(before) = &change.before else {
            return Ok(match known {
                Known::Was(Below::Gone) => Some(conflict::ORIGIN_GONE),
                Known::Was(_) => Some(conflict::GONE),
                Known::Nothing | Known::Unsaid => None,
            });
        };
        match (change.what, known) {
            // Its time tells of its entries; its mode is the sandbox's to say.
            (What::Modified(_), _) if before.is_directory() => Ok(None),
            (_, Known::Nothing | Known::Was(Below::Gone)) => Ok(Some(conflict::APPEARED)),
            (_, known) if before.is_directory() => {
                let until = match known {
                    Known::Was(Below::Directory { until }) => until,
                    Known::Was(Below::File { .. }) => return Ok(Some(conflict::CHANGED)),
                    _ => self.began,
                };
                is_changed_within(spot, until)
            }
            (_, Known::Was(Below::File { mark, until, .. })) => {
                let is_same = mark.fits(before) && before.changed <= until;
                Ok((!is_same).then_some(conflict::CHANGED))
            }
            (_, Known::Was(Below::Directory { .. })) => Ok(Some(conflict::CHANGED)),
            (What::Added, Known::Unsaid) if before.changed > self.began => {
                Ok(Some(conflict::APPEARED))
            }
            (_, Known::Unsaid) => Ok((before.changed > self.began).then_some(conflict::CHANGED)),
        }
    }
}

fn is_changed_within(spot: &Spot<'_>, until: Moment) -> Result<Option<&'static str>> {
    let Some(lower) = spot.lower else { return Ok(None) };
    let directory = entry::open_directory_at(lower, spot.name)?;
    let is_overtaken = facts::is_mounted_on(lower, spot.name)?
        || holds_any(directory.as_fd(), &|it| it.changed > until)?;
    Ok(is_overtaken.then_some(conflict::CHANGED_WITHIN))
}

/// Whether anything in a directory, however deep, is so. What was mounted there is nobody's to move.
pub(super) fn holds_any(top: BorrowedFd<'_>, is_so: &dyn Fn(&Facts) -> bool) -> Result<bool> {
    let mut way = Way::from(top)?;
    let mut open = vec![(Vec::new(), Names::of(way.root())?)];
    while let Some((path, names)) = open.last_mut() {
        let Some(name) = names.pop() else {
            open.pop();
            continue;
        };
        let Some(directory) = way.find(path)? else { continue };
        let Some(facts) = facts::facts_at(directory, &name)? else { continue };
        if is_so(&facts) {
            return Ok(true);
        }
        if facts.is_directory() {
            if facts::is_mounted_on(directory, &name)? {
                return Ok(true);
            }
            let below = entry::open_directory_at(directory, &name)?;
            let path = joined(path, &name);
            open.push((path, Names::of(below.as_fd())?));
        }
    }
    Ok(false)
}
