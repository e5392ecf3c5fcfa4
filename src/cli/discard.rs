//! `bryo discard`: kept changes are thrown away.

use std::ffi::OsString;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::base::wording::count;
use crate::base::{Error, Result, Text};
use crate::store::ChangeStore;

use super::policy::Place;
use super::print;

pub(super) fn command() -> Command {
    Command::new("discard")
        .about("Throw kept changes away")
        .arg(
            Arg::new("name")
                .value_name("NAME")
                .value_parser(clap::value_parser!(OsString))
                .help("Which ones; the beginning of a name is enough"),
        )
        .arg(
            Arg::new("all")
                .long("all")
                .action(ArgAction::SetTrue)
                .conflicts_with("name")
                .help("All that are kept"),
        )
}

pub(super) fn run(matches: &ArgMatches) -> Result<u8> {
    let store = ChangeStore::of(&Place::read()?.directories.data);
    if matches.get_flag("all") {
        let all = store.all()?;
        let number = all.len();
        for kept in all {
            kept.remove()?;
        }
        print::note(&format!("discarded {}", count(number, "try").replace("trys", "tries")));
        return Ok(0);
    }
    let Some(name) = matches.get_one::<OsString>("name") else {
        return Err(Error::new("no name given")
            .within("cannot discard changes")
            .hint("`bryo changes` lists the names; `--all` is all of them"));
    };
    store.find(&Text::from(name.clone()))?.remove()?;
    Ok(0)
}
