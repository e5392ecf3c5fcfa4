//! What is to become of the changes of a try: said ahead by a flag, or asked for at the end.

use clap::{ArgGroup, ArgMatches, Command};

use crate::base::wording::count;
use crate::base::{Error, Result};
use crate::changes::Summary;
use crate::cli::apply;
use crate::cli::flags::switch;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// Where somebody can be asked; kept otherwise.
    Ask,
    Keep,
    Discard,
    Apply,
    /// Only if the command ended with 0.
    ApplyIfSuccess,
}

const FLAGS: [(&str, Answer, &str); 4] = [
    ("apply", Answer::Apply, "At the end, carry the changes over to the real files"),
    ("apply-if-success", Answer::ApplyIfSuccess, "The same if the command ends with 0, else keep"),
    ("keep", Answer::Keep, "Keep the changes, and do not ask"),
    ("discard", Answer::Discard, "Throw the changes away"),
];

pub(super) fn add_arguments(command: Command) -> Command {
    command
        .args(FLAGS.map(|(name, _, help)| switch(name, help)))
        .group(ArgGroup::new("answer").args(FLAGS.map(|(name, ..)| name)))
}

impl Answer {
    pub(super) fn of(matches: &ArgMatches) -> Self {
        let given = FLAGS.into_iter().find(|(name, ..)| matches.get_flag(name));
        given.map_or(Self::Ask, |(_, answer, _)| answer)
    }
}

/// `12 changes in brave-fern: 3 added, 8 modified, 1 deleted`.
pub(super) fn line(name: &str, summary: Summary) -> String {
    format!("{} in {name}: {summary}", count(summary.total() as usize, "change"))
}

/// All of them, as `bryo apply NAME` does.
pub(super) fn apply(name: &str) -> Result<u8> {
    let matches = apply::command()
        .try_get_matches_from(["apply", name])
        .map_err(|e| Error::new(e.to_string()))?;
    apply::run(&matches)
}
