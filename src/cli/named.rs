//! Which of the kept changes are meant. What only looks may guess, where no name was given; what
//! writes or throws away never does, and says what could have been meant.

use std::ffi::OsString;

use clap::{Arg, ArgMatches};

use crate::base::{Error, HostPath, Result, Text};
use crate::store::{ChangeStore, Kept, Stage, Turn};

use super::policy::Place;
use super::print;

pub(super) fn argument() -> Arg {
    Arg::new("name")
        .value_name("NAME")
        .value_parser(clap::value_parser!(OsString))
        .help("Which changes; the beginning of a name is enough")
}

/// The commands that decide what is to become of them.
pub(super) fn tell_next(name: &str) {
    print::hint(&format!(
        "`bryo diff {name}` shows them, `bryo apply {name}` carries them over, `bryo discard \
         {name}` throws them away"
    ));
}

/// What an apply or an undo that was cut short has left is neither what there was nor nothing.
pub(super) fn cut_short(kept: &Kept) -> Error {
    let name = &kept.name;
    Error::new("an apply of them was cut short").hint(match Turn::half_done(kept) {
        Ok(Some(Stage::TakenBackInPart)) => format!("`bryo undo {name}` goes on with it"),
        _ => format!(
            "`bryo apply --resume {name}` goes on with it, `bryo undo {name}` takes it back"
        ),
    })
}

/// Those that were named.
pub(super) fn kept(matches: &ArgMatches, place: &Place, verb: &str) -> Result<Kept> {
    let store = ChangeStore::of(&place.directories.data);
    if let Some(name) = given(matches) {
        return find(&store, &name, place, verb);
    }
    let error = Error::new("no name given").within(format!("cannot {verb} changes"));
    Err(error.hint(match newest_of(&store, &place.directory)? {
        Some(kept) => format!(
            "`bryo {verb} {}` means the newest of this directory; `bryo changes` lists all",
            kept.name
        ),
        None => "`bryo changes` lists the names".to_owned(),
    }))
}

/// Those that were named, or the newest of the working directory.
pub(super) fn kept_or_newest(matches: &ArgMatches, place: &Place, verb: &str) -> Result<Kept> {
    let store = ChangeStore::of(&place.directories.data);
    if let Some(name) = given(matches) {
        return find(&store, &name, place, verb);
    }
    match newest_of(&store, &place.directory)? {
        Some(kept) => {
            print::note(&format!("these are the changes of {}", kept.name));
            Ok(kept)
        }
        None => Err(Error::new("no changes of this directory are kept")
            .hint("`bryo changes` lists those of others, `bryo try -- COMMAND` makes some")),
    }
}

fn given(matches: &ArgMatches) -> Option<Text> {
    matches.get_one::<OsString>("name").cloned().map(Text::from)
}

/// A file in the place of a name is a likely mistake.
fn find(store: &ChangeStore, name: &Text, place: &Place, verb: &str) -> Result<Kept> {
    store.find(name).or_else(|error| {
        let path = HostPath::resolve(name.as_os_str(), &place.directory, &place.home);
        if name.as_bytes().is_empty() || path.as_path().symlink_metadata().is_err() {
            return Err(error);
        }
        let which = newest_of(store, &place.directory)?.map_or("NAME".to_owned(), |it| it.name);
        Err(Error::new(format!("no changes are called `{name}`, which is a file"))
            .hint(format!("the name comes first: `bryo {verb} {which} {name}`")))
    })
}

/// Of those that began in this directory, or above it.
fn newest_of(store: &ChangeStore, directory: &HostPath) -> Result<Option<Kept>> {
    let began_here =
        |kept: &Kept| kept.working_directory().is_ok_and(|from| directory.is_within(&from));
    let began = |kept: &Kept| kept.record().ok().map(|record| record.began);
    Ok(store.all()?.into_iter().filter(began_here).max_by_key(began))
}
