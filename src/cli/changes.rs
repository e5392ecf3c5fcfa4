//! `bryo changes`: what is kept of every try, and on its way from and to other machines.

mod export;
mod import;
mod remarks;

use std::ffi::{OsStr, OsString};
use std::os::fd::AsFd;

use clap::{Arg, ArgMatches, Command};
use serde::Serialize;

use crate::base::Result;
use crate::base::size::Size;
use crate::changes::Summary;
use crate::store::{ChangeStore, Kept, Record, Stage, Time, Turn};
use crate::sys::{clock, terminal};

use super::flags::switch;
use super::policy::Place;
use super::print;
use super::progress::ProgressLine;

pub(super) fn command() -> Command {
    super::verbs(Command::new("changes"))
        .about("List the changes that are kept, export and import them")
        .disable_help_subcommand(true)
        .args_conflicts_with_subcommands(true)
        .arg(switch("json", "As JSON"))
        .arg(switch("name-only", "Only the names").conflicts_with("json"))
        .subcommand(export::command())
        .subcommand(import::command())
}

fn file(help: &'static str) -> Arg {
    Arg::new("file").value_name("FILE").value_parser(clap::value_parser!(OsString)).help(help)
}

/// Whether stdin or stdout is meant.
fn is_stream(file: &OsStr) -> bool {
    file == "-"
}

/// One row of the list.
#[derive(Serialize)]
struct Row {
    name: String,
    state: State,
    /// The name of what they lie on, if not on the host alone.
    below: Option<String>,
    /// What is wrong with it, if it cannot be read.
    error: Option<String>,
    /// How far something of it was carried over, and not taken back.
    apply: Option<Apply>,
    #[serde(flatten)]
    record: Option<Record>,
    #[serde(flatten)]
    summary: Option<Summary>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Ended,
    /// The command runs, or somebody changes what is kept.
    InUse,
    /// bryo was killed before the command ended.
    CutShort,
    Damaged,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Apply {
    Done,
    CutShort,
}

impl Apply {
    fn of(kept: &Kept) -> Option<Self> {
        match Turn::newest(kept).ok()??.1 {
            Stage::Planned => None,
            Stage::Applied => Some(Self::Done),
            Stage::Begun | Stage::TakenBackInPart => Some(Self::CutShort),
        }
    }
}

pub(super) fn run(matches: &ArgMatches) -> Result<u8> {
    let _line = ProgressLine::begin();
    match matches.subcommand() {
        Some(("export", matches)) => export::run(matches),
        Some((_, matches)) => import::run(matches),
        None => list(matches),
    }
}

fn list(matches: &ArgMatches) -> Result<u8> {
    let place = Place::read()?;
    let store = ChangeStore::of(&place.directories.data);
    if matches.get_flag("name-only") {
        store.all()?.iter().for_each(|kept| print::answer(&kept.name));
        return Ok(0);
    }
    let mut rows: Vec<Row> = store.all()?.iter().map(|kept| row(&store, kept)).collect();
    rows.sort_by_key(|row| row.record.as_ref().map(|record| record.began));
    for name in store.foreign()? {
        print::warning(&format!("`{name}` in `{store}` is nothing that bryo keeps"));
    }
    if matches.get_flag("json") {
        print::json(&rows)?;
    } else if rows.is_empty() {
        print::note("no changes are kept; `bryo try -- COMMAND` makes some");
    } else {
        print::answer(&table(&rows, terminal::columns(std::io::stdout().as_fd())));
    }
    Ok(0)
}

fn row(store: &ChangeStore, kept: &Kept) -> Row {
    let is_in_use = kept.is_in_use();
    // A note that cannot be read is told with the summary.
    let below = kept.below().ok().flatten();
    let row = |state, error, record, summary| Row {
        name: kept.name.clone(),
        state,
        below: below.clone(),
        error,
        // While somebody changes it, it is not cut short.
        apply: Apply::of(kept).filter(|_| !is_in_use),
        record,
        summary,
    };
    let record = match kept.record() {
        Ok(record) => record,
        Err(_) if is_in_use => return row(State::InUse, None, None, None),
        Err(error) => return row(State::Damaged, Some(error.to_string()), None, None),
    };
    let state = match (is_in_use, record.ended) {
        (true, _) => State::InUse,
        (false, None) => State::CutShort,
        (false, Some(_)) => State::Ended,
    };
    match store.all_below(kept).and_then(|_| Summary::of(&kept.layers())) {
        Ok(summary) => row(state, None, Some(record), Some(summary)),
        // What is being written may change under the eye.
        Err(_) if is_in_use => row(state, None, Some(record), None),
        Err(error) => row(State::Damaged, Some(error.to_string()), Some(record), None),
    }
}

const HEAD: [&str; 7] = ["name", "on", "when", "end", "changes", "size", "command"];
/// Shown where some lie on others.
const ON: usize = 1;

/// Columns as wide as their widest cell; the last may be of any length, but a command is cut at the
/// edge of a terminal.
fn table(rows: &[Row], edge: Option<usize>) -> String {
    let now = clock::now().into();
    let mut lines = vec![HEAD.map(str::to_owned)];
    lines.extend(rows.iter().map(|row| cells(row, now)));
    let width = |column: usize| lines.iter().map(|it| it[column].chars().count()).max();
    let widths: Vec<usize> = (0..HEAD.len() - 1).map(|it| width(it).unwrap_or(0)).collect();
    let is_stacked = rows.iter().any(|row| row.below.is_some());
    let line = |cells: &[String; HEAD.len()]| {
        let shown = cells.iter().zip(&widths).enumerate().filter(|(it, _)| is_stacked || *it != ON);
        let aligned = shown.map(|(_, (cell, width))| format!("{cell:<width$}  "));
        aligned.chain([cells[HEAD.len() - 1].clone()]).collect::<String>()
    };
    let is_cut = |index: usize| index == 0 || rows[index - 1].error.is_none();
    let shown = lines.iter().map(line).enumerate().map(|(index, line)| match edge {
        Some(edge) if is_cut(index) => cut(line, edge),
        _ => line,
    });
    shown.collect::<Vec<_>>().join("\n")
}

fn cut(line: String, edge: usize) -> String {
    match line.chars().count() > edge {
        true => line.chars().take(edge.saturating_sub(1)).chain(['…']).collect(),
        false => line,
    }
}

fn cells(row: &Row, now: Time) -> [String; HEAD.len()] {
    let none = || "-".to_owned();
    let record = row.record.as_ref();
    let end = match (row.state, record.and_then(|it| it.ended)) {
        (State::Damaged, _) => "damaged".to_owned(),
        (State::InUse, _) => "in use".to_owned(),
        (_, Some(end)) => end.status.to_string(),
        (_, None) => "cut short".to_owned(),
    };
    let command = || record.map_or_else(none, |it| it.command.join(" "));
    [
        row.name.clone(),
        row.below.clone().unwrap_or_else(none),
        record.map_or_else(none, |it| ago(it.began, now)),
        end,
        match (row.summary, row.apply) {
            (_, Some(Apply::CutShort)) => "apply cut short".to_owned(),
            (Some(left), Some(Apply::Done)) if left.total() == 0 => "all applied".to_owned(),
            (left, _) => left.map_or_else(none, |it| it.to_string()),
        },
        row.summary.map_or_else(none, |it| Size(it.bytes).rounded()),
        row.error.clone().unwrap_or_else(command),
    ]
}

/// `3 min ago`.
fn ago(then: Time, now: Time) -> String {
    const UNITS: [(i64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let seconds = (now.0 - then.0).max(0);
    let unit = UNITS.into_iter().find(|(length, _)| seconds >= *length);
    unit.map_or_else(
        || "just now".to_owned(),
        |(length, unit)| format!("{} {unit} ago", seconds / length),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_at_the_edge() {
        assert_eq!(cut("12345".to_owned(), 5), "12345");
        assert_eq!(cut("123456".to_owned(), 5), "1234…");
    }

    #[test]
    fn times_are_told_in_the_largest_unit() {
        let told = |seconds: i64| ago(Time(1_000_000, 5), Time(1_000_000 + seconds, 0));
        assert_eq!(told(0), "just now");
        assert_eq!(told(-5), "just now");
        assert_eq!(told(59), "59 s ago");
        assert_eq!(told(185), "3 min ago");
        assert_eq!(told(7_300), "2 h ago");
        assert_eq!(told(900_000), "10 d ago");
    }
}
