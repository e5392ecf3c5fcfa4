//! The words of a spec as flags of a command line, and a shape that other flags share.

use std::ffi::OsString;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::base::{Error, Result};
use crate::spec::word::{Takes, Word};
use crate::spec::words::WORDS;
use crate::spec::{Origin, Spec};

/// A flag of a verb that takes no value.
pub(super) fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

/// Adds every word to a command.
pub(super) fn add_words(command: Command) -> Command {
    WORDS.iter().fold(command, |command, word| command.arg(flag(word)))
}

fn flag(word: &Word) -> Arg {
    let arg =
        Arg::new(word.name).long(word.name).help(word.help).help_heading(word.group.heading());
    let arg = match word.short {
        Some(letter) => arg.short(letter),
        None => arg,
    };
    let value = |arg: Arg, name: &'static str| {
        arg.value_name(name).value_parser(clap::value_parser!(OsString)).action(ArgAction::Append)
    };
    match word.takes {
        Takes::Nothing => arg.action(ArgAction::SetTrue),
        Takes::One(name) | Takes::Each(name) => value(arg, name).allow_hyphen_values(false),
        Takes::Maybe { value: name, given } => {
            value(arg, name).num_args(0..=1).require_equals(true).default_missing_value(given)
        }
    }
}

/// The spec that the flags make, each value applied in the order in which it was typed.
pub(super) fn spec_of(matches: &ArgMatches) -> Result<Spec> {
    let mut given: Vec<(usize, &Word, OsString)> = Vec::new();
    for word in WORDS {
        if word.takes == Takes::Nothing {
            if matches.get_flag(word.name) {
                given.push((0, word, "true".into()));
            }
            continue;
        }
        let values = matches.get_many::<OsString>(word.name).into_iter().flatten();
        let indices = matches.indices_of(word.name).into_iter().flatten();
        given.extend(indices.zip(values).map(|(index, value)| (index, word, value.clone())));
    }
    given.sort_by_key(|(index, _, _)| *index);
    let mut spec = Spec::default();
    for (_, word, value) in given {
        (word.set)(&mut spec, &value, Origin::Flag(word.name))
            .map_err(|why| Error::new(why).within(format!("cannot use `--{}`", word.name)))?;
    }
    Ok(spec)
}
