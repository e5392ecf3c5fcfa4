//! `bryo diff`: kept changes, shown.

use std::ffi::OsString;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::base::{Error, HostPath, Result, Text};
use crate::changes::diff::{Bytes, Colour, Shown, Style, diff};
use crate::changes::layers_in;
use crate::store::ChangeStore;

use super::policy::Place;
use super::print::{self, Reader};

pub(super) fn command() -> Command {
    Command::new("diff")
        .about("Show kept changes, as a unified diff")
        .arg(
            Arg::new("name")
                .value_name("NAME")
                .required(true)
                .value_parser(clap::value_parser!(OsString))
                .help("Which changes; the beginning of a name is enough"),
        )
        .arg(
            Arg::new("path")
                .value_name("PATH")
                .num_args(0..)
                .action(ArgAction::Append)
                .value_parser(clap::value_parser!(OsString))
                .help("Only what is at these paths and below"),
        )
}

pub(super) fn run(matches: &ArgMatches) -> Result<u8> {
    let place = Place::read()?;
    let name = matches.get_one::<OsString>("name").cloned().unwrap_or_default();
    let kept = ChangeStore::of(&place.directories.data).find(&Text::from(name))?;
    let paths: Vec<HostPath> = matches
        .get_many::<OsString>("path")
        .into_iter()
        .flatten()
        .map(|path| HostPath::resolve(path, &place.directory, &place.home))
        .collect();
    let from = kept.working_directory()?;
    let shown = Shown {
        selects: &|path| paths.is_empty() || paths.iter().any(|chosen| path.is_within(chosen)),
        from: &from,
    };
    let layers = layers_in(&kept.layers())?;
    let mut reader = Reader::open();
    let style = match reader.is_person() {
        true => Style { colour: Colour::Coloured, bytes: Bytes::Escaped },
        false => Style { colour: Colour::Plain, bytes: Bytes::Kept },
    };
    let count = match diff(&layers, &shown, style, &mut reader) {
        // Whoever has read enough may go.
        Err(_) if reader.has_gone() => return Ok(0),
        result => result?,
    };
    reader.finish();
    if count == 0 && !paths.is_empty() {
        return Err(Error::new("no change is at that path")
            .within(format!("cannot show `{}`", kept.name))
            .hint(format!("`bryo diff {} --name-only` lists them", kept.name)));
    }
    if count == 0 {
        print::note("nothing was changed");
    }
    Ok(0)
}
