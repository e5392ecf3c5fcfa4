//! What a try begins with: a place of its own, or one that it goes on with.

use clap::{Arg, ArgMatches, Command};

use crate::base::{HostPath, Result, Text};
use crate::plan::Plan;
use crate::store::{ChangeStore, Kept, Record};

/// As the flags say.
pub(super) enum Begin {
    New { name: Option<String> },
    On(Text),
}

/// The place, ready.
pub(super) struct Beginning {
    pub(super) kept: Kept,
    /// The user gave it its name.
    pub(super) is_named: bool,
    /// Of the changes that were kept there before.
    before: Option<Record>,
}

pub(super) fn add_arguments(command: Command) -> Command {
    command.arg(
        Arg::new("on")
            .long("on")
            .value_name("NAME")
            .conflicts_with("name")
            .help("Go on with these changes, and keep what is new with them"),
    )
}

impl Begin {
    pub(super) fn of(matches: &ArgMatches) -> Self {
        let given = |flag| matches.get_one::<String>(flag).cloned();
        match given("on") {
            Some(name) => Self::On(Text::from(name.as_str())),
            None => Self::New { name: given("name") },
        }
    }

    pub(super) fn goes_on(&self) -> bool {
        matches!(self, Self::On(_))
    }

    /// Where the layers would be, if there were a sandbox.
    pub(super) fn imagined(&self, store: &ChangeStore) -> Result<HostPath> {
        match self {
            Self::On(name) => Ok(store.find(name)?.layers()),
            Self::New { name } => store.imagined(name.as_deref().unwrap_or("NAME")),
        }
    }

    pub(super) fn prepare(&self, store: &ChangeStore) -> Result<Beginning> {
        match self {
            Self::New { name } => Ok(Beginning {
                kept: store.make(name.as_deref())?,
                is_named: name.is_some(),
                before: None,
            }),
            Self::On(name) => {
                let kept = store.find(name)?;
                let before = Some(kept.record()?);
                Ok(Beginning { kept, is_named: true, before })
            }
        }
    }
}

impl Beginning {
    /// What runs now, noted. When the first of its commands began stays: what was changed outside
    /// since then may be overtaken.
    pub(super) fn record(&self, plan: &Plan, directory: &HostPath) -> Result<Record> {
        match &self.before {
            None => self.kept.begin(&plan.command, directory),
            Some(before) => self.kept.go_on(before, &plan.command),
        }
    }

    /// As if it had not begun.
    pub(super) fn take_back(self) -> Result<()> {
        match self.before {
            None => self.kept.put_aside(),
            Some(before) => {
                let _lock = self.kept.lock()?;
                self.kept.write(&before)
            }
        }
    }
}
