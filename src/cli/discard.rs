//! `bryo discard`: kept changes, or a part of them, are thrown away.

use std::ffi::OsString;

use clap::{ArgMatches, Command};

use crate::base::wording::{any_of, count};
use crate::base::{Context, Error, Result};
use crate::changes::{forget, layers_in};
use crate::store::{ChangeStore, Kept, Stage, Turn};

use super::flags::switch;
use super::policy::Place;
use super::progress::ProgressLine;
use super::{named, print, selection};

pub(super) fn command() -> Command {
    Command::new("discard")
        .about("Throw kept changes away")
        .arg(named::argument())
        .arg(
            selection::path_argument()
                .help("Only what is at these paths and below, as if it had not been written"),
        )
        .arg(switch("all", "All that are kept").conflicts_with("name"))
        .arg(
            switch("force", "Also what an apply that was cut short has replaced")
                .conflicts_with("path"),
        )
}

pub(super) fn run(matches: &ArgMatches) -> Result<u8> {
    let _line = ProgressLine::begin();
    let place = Place::read()?;
    let store = ChangeStore::of(&place.directories.data);
    let force = if matches.get_flag("force") { HalfDone::Goes } else { HalfDone::Stays };
    if matches.get_flag("all") {
        return all(&store, force);
    }
    let kept = named::kept(matches, &place, "discard")?;
    if matches.get_many::<OsString>("path").is_none() {
        whole(kept, force)?;
        return Ok(0);
    }
    discard_part(matches, &place, &store, &kept)
}

/// What is done with changes whose apply was cut short: what it has replaced is nowhere else.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum HalfDone {
    Stays,
    Goes,
}

/// All of one try.
pub(super) fn whole(kept: Kept, half_done: HalfDone) -> Result<()> {
    let name = kept.name.clone();
    match remove(kept, half_done)? {
        true => print::note(&format!(
            "discarded {name}; what was applied of it stays, and can no longer be taken back"
        )),
        false => print::note(&format!("discarded {name}")),
    }
    Ok(())
}

/// Whether something of it was applied.
fn remove(kept: Kept, half_done: HalfDone) -> Result<bool> {
    // What is damaged too much to tell can be discarded all the same.
    let newest = Turn::newest(&kept).ok().flatten().map(|(_, stage)| stage);
    let is_half_done = newest.is_some_and(|stage| stage != Stage::Applied) && !kept.is_in_use();
    if is_half_done && half_done == HalfDone::Stays {
        return Err(named::cut_short(&kept)
            .within(format!("cannot discard `{}`: it holds what it has replaced", kept.name)));
    }
    kept.remove()?;
    Ok(newest.is_some())
}

/// As many as can be: one that is in use keeps no other.
fn all(store: &ChangeStore, half_done: HalfDone) -> Result<u8> {
    let (mut gone, mut stayed) = (0, Vec::new());
    store.remove_spare()?;
    for kept in from_the_top(store)? {
        match remove(kept, half_done) {
            Ok(_) => gone += 1,
            Err(error) => stayed.push(error),
        }
    }
    print::note(&match gone {
        0 => "nothing was discarded".to_owned(),
        1 => "discarded the changes of 1 try".to_owned(),
        gone => format!("discarded the changes of {gone} tries"),
    });
    let Some(last) = stayed.pop() else { return Ok(0) };
    for error in &stayed {
        print::error(error);
    }
    Err(last)
}

/// What lies on others before those.
fn from_the_top(store: &ChangeStore) -> Result<Vec<Kept>> {
    let mut all = store.all()?;
    all.sort_by_key(|kept| std::cmp::Reverse(store.height(kept)));
    Ok(all)
}

fn discard_part(
    matches: &ArgMatches,
    place: &Place,
    store: &ChangeStore,
    kept: &Kept,
) -> Result<u8> {
    let _lock = kept.lock()?;
    let clause = || format!("cannot discard a part of `{}`", kept.name);
    store.all_below(kept).and_then(|_| store.expect_nothing_above(kept)).context(clause)?;
    if Turn::half_done(kept)?.is_some() {
        return Err(named::cut_short(kept).within(clause()));
    }
    let layers = layers_in(&kept.layers())?;
    let paths = selection::paths(matches, place, &layers)?;
    let mut is_hit = vec![false; paths.len()];
    let forgotten = forget(&layers, &paths, &mut is_hit)?;
    if forgotten > 0 {
        let forgotten = count(forgotten as usize, "change");
        print::note(&format!("discarded {forgotten} of {}", kept.name));
    }
    let missed = paths.iter().zip(is_hit).filter(|(_, is_hit)| !is_hit);
    let missed: Vec<String> = missed.map(|(path, _)| path.to_string()).collect();
    if missed.is_empty() {
        return Ok(0);
    }
    Err(Error::new(format!("no change is at {}", any_of(&missed)))
        .within(clause())
        .hint(format!("`bryo diff {} --name-only` lists them", kept.name)))
}
