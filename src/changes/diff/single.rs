//! One change alone, for somebody who is asked about it.

use std::io::Write;

use super::header::Header;
use super::renames::Renames;
use super::side::{Side, git_mode};
use super::{Diff, Shown};
use crate::base::{HostPath, Result};
use crate::changes::change::{Change, What};
use crate::changes::walk::Spot;
use crate::sys::facts::{Facts, Type};

/// What a text file held, and what it holds now.
#[derive(Debug)]
pub struct Both {
    pub old: Vec<u8>,
    pub new: Vec<u8>,
}

/// Whole, as the diff of all shows it.
pub fn show_change(
    change: &Change,
    spot: &Spot<'_>,
    path: &HostPath,
    shown: &Shown<'_>,
    out: &mut dyn Write,
) -> Result<()> {
    Diff { shown, out, renames: Renames::default(), count: 0 }.show(change, spot, path)
}

/// Both texts of a file whose lines were changed, so that a part of them can be taken; `None`: it is
/// taken whole or not at all.
pub fn both_texts(change: &Change, spot: &Spot<'_>) -> Result<Option<Both>> {
    match (change.what, &change.before, &change.after) {
        (What::Modified(aspects), Some(before), Some(after))
            if aspects.content && before.kind == Type::Regular =>
        {
            both_contents(before, after, spot)
        }
        _ => Ok(None),
    }
}

/// Those of any two files.
pub(in crate::changes) fn both_contents_of(
    change: &Change,
    spot: &Spot<'_>,
) -> Result<Option<Both>> {
    match (&change.before, &change.after) {
        (Some(before), Some(after)) => both_contents(before, after, spot),
        _ => Ok(None),
    }
}

/// `None`: one of them is no text, or too large to be compared.
pub(in crate::changes) fn both_contents(
    before: &Facts,
    after: &Facts,
    spot: &Spot<'_>,
) -> Result<Option<Both>> {
    let Some(lower) = spot.lower else { return Ok(None) };
    let old = Side::read(lower, spot.name, before)?;
    let new = Side::read(spot.upper, spot.name, after)?;
    Ok(match (old.into_text(), new.into_text()) {
        (Some(old), Some(new)) => Some(Both { old, new }),
        _ => None,
    })
}

/// What stands before the hunks of such a file.
pub fn heading(
    change: &Change,
    path: &HostPath,
    shown: &Shown<'_>,
    out: &mut dyn Write,
) -> Result<()> {
    let mode = |side: &Option<Facts>| side.as_ref().map_or(0, git_mode);
    let header = match (mode(&change.before), mode(&change.after)) {
        (was, is) if was == is => Header::Modified,
        (was, is) => Header::Mode { was, is },
    };
    header.write(out, &super::named(shown, path), shown.style.colour, true).map_err(super::gone)
}
