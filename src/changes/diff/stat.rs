//! How much of each file changed, as `git diff --stat` tells it.

use std::io::Write;

use crate::base::wording::count;
use crate::base::{Result, Text};
use crate::changes::change::What;
use crate::changes::layer::Layer;
use crate::sys::facts::Type;

use super::patch::{Edit, Patch};
use super::side::Side;
use super::{Shown, gone};

/// The longest bar of plus and minus signs.
const BAR: u64 = 40;

/// A line for each file and a last one for all; how many there are.
pub fn stat(layers: &[Layer], shown: &Shown<'_>, out: &mut dyn Write) -> Result<u64> {
    let (mut files, mut added, mut deleted) = (0, 0, 0);
    shown.each(layers, &mut |change, spot, path| {
        files += 1;
        let name = Text::from(shown.relative(path).as_os_str());
        let read = |facts: &Option<_>, directory: Option<_>| match (facts, directory) {
            (Some(facts), Some(directory)) => Side::read(directory, spot.name, facts),
            _ => Ok(Side::nothing()),
        };
        let is_directory =
            |it: &Option<crate::sys::facts::Facts>| it.is_some_and(|it| it.kind == Type::Directory);
        if is_directory(&change.before) || is_directory(&change.after) {
            let what = match change.what {
                What::Added => "new directory",
                What::Deleted => "deleted directory",
                _ => "directory",
            };
            return writeln!(out, " {name}/ | {what}").map_err(gone);
        }
        let old = read(&change.before, spot.lower)?;
        let new = read(&change.after, Some(spot.upper))?;
        let (Some(was), Some(is)) = (old.text(), new.text()) else {
            return writeln!(out, " {name} | {}", super::side::in_a_line(&old, &new)).map_err(gone);
        };
        let (plus, minus) = lines(was, is);
        added += plus;
        deleted += minus;
        let total = plus + minus;
        writeln!(out, " {name} | {total} {}", bar(plus, minus)).map_err(gone)
    })?;
    let number = usize::try_from(files).unwrap_or(usize::MAX);
    writeln!(out, " {} changed, {added} lines added, {deleted} deleted", count(number, "name"))
        .map_err(gone)?;
    Ok(files)
}

fn lines(was: &[u8], is: &[u8]) -> (u64, u64) {
    let edits = Patch::of(was, is).edits();
    let sum = |length: fn(&Edit) -> usize| edits.iter().map(length).sum::<usize>() as u64;
    (sum(|edit| edit.new.len()), sum(|edit| edit.old.len()))
}

fn bar(plus: u64, minus: u64) -> String {
    let total = plus + minus;
    let scaled = |part: u64| match total {
        total if total <= BAR => part,
        _ => (part * BAR).div_ceil(total),
    };
    let sign = |sign: &str, number: u64| sign.repeat(usize::try_from(number).unwrap_or(0));
    format!("{}{}", sign("+", scaled(plus)), sign("-", scaled(minus)))
}
