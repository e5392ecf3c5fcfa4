//! A change that was overtaken, brought together with what overtook it: what the file was when the
//! sandbox ended is the base, and neither side may lose anything.

use std::os::fd::AsFd;

use crate::base::{HostPath, Result};
use crate::changes::change::{Change, What};
use crate::changes::diff::both_contents;
use crate::changes::walk::Spot;
use crate::sys::entry;
use crate::sys::facts::{Facts, Type};

use super::baseline::{Below, Known};
use super::bases::{Base, Bases};
use super::three_way::{self, Clash};
use super::transfer::own_attributes;

/// How many places of a file are named.
const NAMED: usize = 4;

const TEXTS: &str = "only texts can be merged";
const BINARY: &str =
    "it was changed outside since the sandbox began, and is binary: only texts can be merged";
const BY_MODE: &str = "its mode was changed both in the sandbox and outside since";
const BY_ATTRIBUTES: &str =
    "it was changed outside since the sandbox began, and its extended attributes differ";
const BY_NAMES: &str =
    "it was changed outside since the sandbox began, and has more names in the sandbox";
const DELETED: &str = "it was deleted in the sandbox, and changed outside since";
const RETYPED: &str = "it became something else in the sandbox, and was changed outside since";
const NO_BASE: &str = "it was changed outside since the sandbox began, and no base is kept of it";

/// What both sides made of a file.
pub(super) struct Merged {
    pub(super) content: Vec<u8>,
    pub(super) mode: u32,
}

pub(super) struct Merger<'a> {
    bases: Bases<'a>,
}

impl<'a> Merger<'a> {
    pub(super) fn open(bases: &'a HostPath) -> Result<Self> {
        Ok(Self { bases: Bases::open(bases)? })
    }

    /// Or why they cannot be brought together.
    pub(super) fn merge(
        &self,
        change: &Change,
        spot: &Spot<'_>,
        known: Known,
        overtaken: &str,
    ) -> Result<std::result::Result<Merged, String>> {
        let (Some(before), Some(after)) = (&change.before, &change.after) else {
            let is_deleted = change.after.is_none();
            return Ok(Err(if is_deleted { DELETED.to_owned() } else { overtaken.to_owned() }));
        };
        match (change.what, known) {
            (What::Replaced, Known::Was(_)) => Ok(Err(RETYPED.to_owned())),
            (What::Modified(_), Known::Was(below)) if before.kind == Type::Regular => {
                self.merge_file(before, after, spot, below)
            }
            (What::Modified(_), Known::Was(_)) => Ok(Err(format!("{overtaken}; {TEXTS}"))),
            _ => Ok(Err(overtaken.to_owned())),
        }
    }

    fn merge_file(
        &self,
        before: &Facts,
        after: &Facts,
        spot: &Spot<'_>,
        below: Below,
    ) -> Result<std::result::Result<Merged, String>> {
        let Some(lower) = spot.lower else { return Ok(Err(NO_BASE.to_owned())) };
        let Some(both) = both_contents(before, after, spot)? else {
            return Ok(Err(BINARY.to_owned()));
        };
        let Below::File { base: Some(base), .. } = below else {
            return Ok(Err(NO_BASE.to_owned()));
        };
        let Some(content) = self.bases.read(&base) else { return Ok(Err(NO_BASE.to_owned())) };
        if after.links > 1 {
            return Ok(Err(BY_NAMES.to_owned()));
        }
        let ours = entry::open_file_at(lower, spot.name)?;
        let theirs = entry::open_file_at(spot.upper, spot.name)?;
        if own_attributes(ours.as_fd())? != own_attributes(theirs.as_fd())? {
            return Ok(Err(BY_ATTRIBUTES.to_owned()));
        }
        let Some(mode) = merged_mode(&base, before.mode, after.mode) else {
            return Ok(Err(BY_MODE.to_owned()));
        };
        Ok(match three_way::merge(&content, &both.old, &both.new) {
            Ok(content) => Ok(Merged { content, mode }),
            Err(clashes) => Err(said(&clashes)),
        })
    }
}

fn merged_mode(base: &Base, ours: u32, theirs: u32) -> Option<u32> {
    match () {
        () if ours == theirs || theirs == base.mode => Some(ours),
        () if ours == base.mode => Some(theirs),
        () => None,
    }
}

/// `lines 3-5 and 9 of it were changed both in the sandbox and outside since`.
fn said(clashes: &[Clash]) -> String {
    let place = |Clash(range): &Clash| match range.len() {
        0 | 1 => (range.start + 1).to_string(),
        _ => format!("{}-{}", range.start + 1, range.end),
    };
    let mut places: Vec<String> = clashes.iter().take(NAMED).map(place).collect();
    if let Some(more) = clashes.len().checked_sub(NAMED).filter(|more| *more > 0) {
        places.push(format!("{more} more"));
    }
    let is_one = matches!(clashes, [Clash(range)] if range.len() <= 1);
    let (noun, verb) = if is_one { ("line", "was") } else { ("lines", "were") };
    let places = match places.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    };
    format!("{noun} {places} of it {verb} changed both in the sandbox and outside since")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_as_an_editor_counts_them() {
        let told = |ranges: &[(usize, usize)]| {
            said(&ranges.iter().map(|(begin, end)| Clash(*begin..*end)).collect::<Vec<_>>())
        };
        assert!(told(&[(2, 5), (8, 9)]).starts_with("lines 3-5 and 9 of it were changed"));
        assert!(told(&[(6, 7)]).starts_with("line 7 of it was changed"));
        assert!(
            told(&[(0, 1), (2, 3), (4, 5), (6, 7), (8, 9)])
                .starts_with("lines 1, 3, 5, 7 and 1 more")
        );
    }

    #[test]
    fn a_mode_is_that_of_the_side_that_changed_it() {
        let base = Base { digest: [0; 32], mode: 0o644 };
        assert_eq!(merged_mode(&base, 0o644, 0o755), Some(0o755));
        assert_eq!(merged_mode(&base, 0o600, 0o644), Some(0o600));
        assert_eq!(merged_mode(&base, 0o755, 0o755), Some(0o755));
        assert_eq!(merged_mode(&base, 0o600, 0o755), None);
    }
}
