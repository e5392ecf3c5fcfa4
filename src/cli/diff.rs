//! `bryo diff`: kept changes, shown.

use std::io::Write;

use clap::{ArgGroup, ArgMatches, Command};

use crate::base::{Error, HostPath, Result};
use crate::changes::diff::{Bytes, Colour, Shown, Style, diff, stat};
use crate::changes::listing::{json, names};
use crate::changes::{Layer, layers_in, outline};
use crate::store::ChangeStore;

use super::flags::switch;
use super::named;
use super::policy::Place;
use super::print::{self, Reader};
use super::progress::ProgressLine;
use super::selection::{self, Selection};

/// In what form they are shown, if not as a diff.
const FORMS: [(&str, &str); 4] = [
    ("summary", "As a tree, the dangerous changes first"),
    ("stat", "How many lines of each file changed"),
    ("name-only", "Only the names"),
    ("json", "As JSON"),
];

pub(super) fn command() -> Command {
    let name = named::argument();
    let name = name.help("Which changes; the newest of this directory if none are named");
    let command = Command::new("diff").about("Show kept changes, as a unified diff").arg(name);
    selection::add_arguments(command)
        .args(FORMS.map(|(form, help)| switch(form, help)))
        .group(ArgGroup::new("form").args(FORMS.map(|(form, _)| form)))
}

pub(super) fn run(matches: &ArgMatches) -> Result<u8> {
    let _line = ProgressLine::begin();
    let place = Place::read()?;
    let kept = named::kept_or_newest(matches, &place, "diff")?;
    ChangeStore::of(&place.directories.data).all_below(&kept)?;
    let layers = layers_in(&kept.layers())?;
    let selection = Selection::read(matches, &place, &kept, &layers)?;
    let mut reader = Reader::open();
    let style = match reader.is_person() {
        true => Style { colour: reader.colour(), bytes: Bytes::Escaped },
        false => Style { colour: Colour::Plain, bytes: Bytes::Kept },
    };
    let selects = |path: &HostPath| selection.selects(path);
    let shown = Shown { selects: &selects, from: selection.from(), home: &place.home, style };
    let is_asked = |form| matches.get_flag(form);
    let result = match () {
        () if is_asked("summary") => outline(&layers, &shown, &mut reader),
        () if is_asked("stat") => stat(&layers, &shown, &mut reader),
        () if is_asked("name-only") => names(&layers, &shown, &mut reader),
        () if is_asked("json") => json(&layers, &shown, &mut reader),
        () if reader.is_person() => outlined_diff(&layers, &shown, &mut reader),
        () => diff(&layers, &shown, &mut reader),
    };
    let has_gone = reader.has_gone();
    reader.finish();
    let count = match result {
        // Whoever has read enough may go.
        Err(_) if has_gone => return Ok(0),
        result => result?,
    };
    selection.check("show", &kept)?;
    if count == 0 {
        print::note("nothing was changed");
    }
    Ok(0)
}

/// A person sees the whole before the parts.
fn outlined_diff(layers: &[Layer], shown: &Shown<'_>, out: &mut dyn Write) -> Result<u64> {
    outline(layers, shown, out)?;
    writeln!(out).map_err(|e| Error::new(e.to_string()))?;
    diff(layers, shown, out)
}
