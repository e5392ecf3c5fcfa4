//! `bryo changes`: what is kept of every try.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde::Serialize;

use crate::base::size::Size;
use crate::base::{Error, Result};
use crate::changes::Summary;
use crate::store::{ChangeStore, Kept, Record};

use super::policy::Place;
use super::print;

pub(super) fn command() -> Command {
    Command::new("changes")
        .about("List the changes that are kept")
        .arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help("As JSON"))
}

/// One row of the list.
#[derive(Serialize)]
struct Row {
    name: String,
    /// What is wrong with it, if it cannot be read.
    error: Option<String>,
    #[serde(flatten)]
    record: Option<Record>,
    #[serde(flatten)]
    summary: Option<Summary>,
}

pub(super) fn run(matches: &ArgMatches) -> Result<u8> {
    let place = Place::read()?;
    let mut rows: Vec<Row> =
        ChangeStore::of(&place.directories.data).all()?.iter().map(row).collect();
    rows.sort_by_key(|row| row.record.as_ref().map(|record| record.began));
    if matches.get_flag("json") {
        let json = serde_json::to_string_pretty(&rows).map_err(|e| Error::new(e.to_string()))?;
        print::answer(&json);
    } else if rows.is_empty() {
        print::note("no changes are kept; `bryo try -- COMMAND` makes some");
    } else {
        for row in rows {
            print::answer(&line(&row));
        }
    }
    Ok(0)
}

fn row(kept: &Kept) -> Row {
    let read = kept.record().and_then(|record| Ok((record, Summary::of(&kept.layers())?)));
    match read {
        Ok((record, summary)) => Row {
            name: kept.name.clone(),
            error: None,
            record: Some(record),
            summary: Some(summary),
        },
        Err(error) => Row {
            name: kept.name.clone(),
            error: Some(error.to_string()),
            record: None,
            summary: None,
        },
    }
}

fn line(row: &Row) -> String {
    let (Some(record), Some(summary)) = (&row.record, &row.summary) else {
        return format!("{}  damaged: {}", row.name, row.error.as_deref().unwrap_or_default());
    };
    let end = match record.ended {
        None => "not ended".to_owned(),
        Some(end) => format!("exit {}", end.status),
    };
    format!("{}  {summary}  {}  {end}  {}", row.name, Size(summary.bytes), record.command.join(" "))
}
