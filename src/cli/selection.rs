//! Which of the changes are meant: PATHs and what is below them, without what `--exclude` matches.

use std::cell::{Cell, RefCell};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::base::wording::nearest;
use crate::base::{Error, HostPath, Result, Text, glob};
use crate::changes::Layer;
use crate::store::Kept;
use crate::sys::file;

use super::policy::Place;
use super::print;

/// How many changes a misspelt PATH is compared with.
const COMPARED: usize = 1000;

pub(super) struct Selection {
    /// Each with whether it has met a change.
    paths: Vec<(HostPath, Cell<bool>)>,
    /// Each as it was typed, with what it means below `from`, and with whether it left a change out.
    patterns: Vec<(Text, Vec<u8>, Cell<bool>)>,
    /// That patterns and suggestions are relative to.
    from: HostPath,
    others: RefCell<Vec<String>>,
}

pub(super) fn add_arguments(command: Command) -> Command {
    command.arg(path_argument()).arg(
        Arg::new("exclude")
            .long("exclude")
            .value_name("GLOB")
            .action(ArgAction::Append)
            .value_parser(clap::value_parser!(OsString))
            .help("Leave out what matches this pattern, as in .gitignore"),
    )
}

pub(super) fn path_argument() -> Arg {
    Arg::new("path")
        .value_name("PATH")
        .num_args(0..)
        .value_parser(clap::value_parser!(OsString))
        .help("Only what is at these paths and below")
}

/// The PATHs that were given. An empty one, as an unset variable leaves it, would mean the working
/// directory and all that is in it.
pub(super) fn paths(
    matches: &ArgMatches,
    place: &Place,
    layers: &[Layer],
) -> Result<Vec<HostPath>> {
    let typed = matches.get_many::<OsString>("path").into_iter().flatten();
    let path = |typed: &OsString| match typed.is_empty() {
        true => Err(Error::new("a PATH is empty").hint("the working directory is `.`")),
        false => Ok(behind_links(HostPath::resolve(typed, &place.directory, &place.home), layers)),
    };
    typed.map(path).collect()
}

/// Where a path leads that was typed by way of a link from outside of what was tried, such as a
/// home that is one. Inside, the link itself may be what was changed.
fn behind_links(path: HostPath, layers: &[Layer]) -> HostPath {
    if layers.iter().any(|layer| path.is_within(&layer.lower)) {
        return path;
    }
    let real = path.as_path().ancestors().find_map(|above| {
        let below = path.as_path().strip_prefix(above).ok()?;
        Some(file::canonical(above).ok()?.join(below))
    });
    real.map_or(path, HostPath::absolute)
}

/// A pattern that names a place in the home, or from the root, as one that is relative to `from`.
fn anchored(typed: &OsStr, home: &HostPath, from: &HostPath) -> Vec<u8> {
    let bytes = |path: &HostPath| path.as_path().as_os_str().as_bytes().to_vec();
    let pattern = match typed.as_bytes().strip_prefix(b"~/") {
        Some(below) => [&bytes(home), b"/".as_slice(), below].concat(),
        None => typed.as_bytes().to_vec(),
    };
    let inside = pattern.strip_prefix(bytes(from).as_slice()).filter(|it| it.starts_with(b"/"));
    inside.map_or(pattern.clone(), <[u8]>::to_vec)
}

impl Selection {
    pub(super) fn read(
        matches: &ArgMatches,
        place: &Place,
        kept: &Kept,
        layers: &[Layer],
    ) -> Result<Self> {
        let paths = paths(matches, place, layers)?.into_iter();
        let patterns = matches.get_many::<OsString>("exclude").into_iter().flatten();
        let from = kept.working_directory()?;
        let pattern = |typed: &OsString| {
            (Text::from(typed.clone()), anchored(typed, &place.home, &from), Cell::new(false))
        };
        Ok(Self {
            paths: paths.map(|path| (path, Cell::new(false))).collect(),
            patterns: patterns.map(pattern).collect(),
            from,
            others: RefCell::default(),
        })
    }

    /// The working directory of the try, by which paths are named.
    pub(super) fn from(&self) -> &HostPath {
        &self.from
    }

    pub(super) fn selects(&self, path: &HostPath) -> bool {
        if self.paths.is_empty() && self.patterns.is_empty() {
            return true;
        }
        let chosen: Vec<_> =
            self.paths.iter().filter(|(chosen, _)| path.is_within(chosen)).collect();
        for (_, is_met) in &chosen {
            is_met.set(true);
        }
        if chosen.is_empty() && !self.paths.is_empty() {
            let mut others = self.others.borrow_mut();
            if others.len() < COMPARED {
                others.push(path.to_string());
            }
            return false;
        }
        let relative = path.as_path().strip_prefix(self.from.as_path());
        let relative = relative.or_else(|_| path.as_path().strip_prefix("/"));
        let relative = relative.unwrap_or(path.as_path());
        let covering = self.patterns.iter().find(|(_, pattern, _)| glob::covers(pattern, relative));
        covering.inspect(|(_, _, is_met)| is_met.set(true)).is_none()
    }

    /// Asked after all changes were: a PATH that means none is a mistake, and a pattern may be one.
    pub(super) fn check(&self, verb: &str, kept: &Kept) -> Result<()> {
        for (typed, ..) in self.patterns.iter().filter(|(_, _, is_met)| !is_met.replace(true)) {
            print::warning(&format!("`--exclude {typed}` leaves nothing out"));
        }
        let Some((path, _)) = self.paths.iter().find(|(_, is_met)| !is_met.get()) else {
            return Ok(());
        };
        let others = self.others.borrow();
        // What they have in common would make everything near.
        let above = format!("{}/", self.from);
        let typed = path.to_string();
        let below = |it: &str| it.strip_prefix(&above).map(str::to_owned);
        let names = others.iter().filter_map(|other| below(other)).collect::<Vec<_>>();
        let near = match below(&typed) {
            Some(typed) => nearest(&typed, names.iter().map(String::as_str))
                .map(|near| format!("{above}{near}")),
            None => nearest(&typed, others.iter().map(String::as_str)).map(str::to_owned),
        };
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("`bryo diff {} --name-only` lists what was changed", kept.name),
        };
        Err(Error::new(format!("no change is at `{path}`"))
            .within(format!("cannot {verb} `{}`", kept.name))
            .hint(hint))
    }
}
