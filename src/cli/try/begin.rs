//! What a try begins with: a place of its own, or one that it goes on with.

use clap::{Arg, ArgMatches, Command};

use crate::base::{HostPath, Result, Text};
use crate::plan::Plan;
use crate::store::{ChangeStore, Kept, Record};

/// As the flags say.
pub(super) enum Begin {
    New {
        name: Option<String>,
    },
    On(Text),
    /// A new one that lies over another.
    Stack {
        below: Text,
        name: Option<String>,
    },
}

/// The place, ready.
pub(super) struct Beginning {
    pub(super) kept: Kept,
    store: ChangeStore,
    /// The user gave it its name.
    pub(super) is_named: bool,
    /// Of the changes that were kept there before.
    before: Option<Record>,
}

pub(super) fn add_arguments(command: Command) -> Command {
    command
        .arg(
            Arg::new("on")
                .long("on")
                .value_name("NAME")
                .conflicts_with("name")
                .help("Go on with these changes, and keep what is new with them"),
        )
        .arg(
            Arg::new("stack")
                .long("stack")
                .value_name("NAME")
                .conflicts_with_all(["on", "apply", "apply-if-success"])
                .help("Go on with these changes, and keep what is new by itself"),
        )
}

impl Begin {
    pub(super) fn of(matches: &ArgMatches) -> Self {
        let given = |flag| matches.get_one::<String>(flag).cloned();
        let name = given("name");
        match (given("on"), given("stack")) {
            (Some(on), _) => Self::On(Text::from(on.as_str())),
            (_, Some(below)) => Self::Stack { below: Text::from(below.as_str()), name },
            (None, None) => Self::New { name },
        }
    }

    pub(super) fn goes_on(&self) -> bool {
        matches!(self, Self::On(_))
    }

    /// Where the layers would be, if there were a sandbox.
    pub(super) fn imagined(&self, store: &ChangeStore) -> Result<HostPath> {
        match self {
            Self::On(name) => Ok(store.find(name)?.layers()),
            Self::New { name } | Self::Stack { name, .. } => {
                store.imagined(name.as_deref().unwrap_or("NAME"))
            }
        }
    }

    /// What the layers lie on, whole.
    pub(super) fn below(&self, store: &ChangeStore) -> Result<Option<Kept>> {
        match self {
            Self::New { .. } => Ok(None),
            Self::On(name) => Ok(store.all_below(&store.find(name)?)?.into_iter().next()),
            Self::Stack { below, .. } => {
                let below = store.find(below)?;
                store.expect_room_above(&below)?;
                Ok(Some(below))
            }
        }
    }

    pub(super) fn prepare(&self, store: &ChangeStore) -> Result<Beginning> {
        let new = |name: &Option<String>| -> Result<Beginning> {
            Ok(Beginning {
                kept: store.make(name.as_deref())?,
                store: store.clone(),
                is_named: name.is_some(),
                before: None,
            })
        };
        match self {
            Self::New { name } => new(name),
            Self::On(name) => {
                let kept = store.find(name)?;
                let before = Some(kept.record()?);
                Ok(Beginning { kept, store: store.clone(), is_named: true, before })
            }
            Self::Stack { below, name } => {
                let below = store.find(below)?;
                let beginning = new(name)?;
                match beginning.kept.lay_on(&below) {
                    Ok(()) => Ok(beginning),
                    Err(error) => {
                        beginning.take_back()?;
                        Err(error)
                    }
                }
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
            Some(before) => self.kept.go_on(&self.store, before, &plan.command),
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
