//! Whether an apply can be taken back: whether its files are what it made of them, and what they
//! were is kept. Nothing is touched by asking.

use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

use crate::base::{HostPath, Result, progress};
use crate::changes::layer::Layer;
use crate::sys::facts::{self, Facts};
use crate::sys::file;

use super::baseline::is_above;
use super::conflict::{Conflict, Few};
use super::journal;
use super::place::{Place, Ways, part_prefix};
use super::step::{Act, Look, Step};
use super::undo::Touched;
use super::way::parent_and_name;

pub(super) const TOUCHED: &str = "it was changed since it was applied";
const FILLED: &str = "something was put into it since it was applied";
pub(super) const TAKEN: &str = "its name has been taken since it was removed";
const LOST: &str = "what it was before is not in the store any more";

const TOUCHED_TOGETHER: &str =
    "it was put together of both sides, and changed since it was applied: it stays";

/// How much of an apply there is to take back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    Whole,
    /// It was cut short, or taking it back was: each step was taken or not.
    Part,
}

/// What stands against taking it back.
pub fn undo_is_possible(
    layers: &[Layer],
    paper: &HostPath,
    undo: &HostPath,
    extent: Extent,
    touched: Touched,
) -> Result<Few<Conflict>> {
    progress::stage("checking");
    let head = journal::head(paper)?;
    let part = part_prefix(&head.token);
    let ways = Ways::open(layers, undo, head)?;
    let conflicts = Few::default();
    let mut question = Question {
        layers,
        ways,
        extent,
        touched,
        part,
        made: Vec::new(),
        removed: None,
        conflicts,
    };
    journal::each_step(paper, |number, step| question.ask(number, step))?;
    question.finish()
}

/// The steps are in the order of the walk: what was put into a directory follows it at once, and
/// what took the place of something removed follows that. So few of them are held at a time.
struct Question<'a> {
    layers: &'a [Layer],
    ways: Ways,
    extent: Extent,
    touched: Touched,
    /// How the names begin that the copies of the apply bear until they are whole.
    part: String,
    /// Directories that were made, each in the one before it.
    made: Vec<Made>,
    /// A name that was removed and is taken, unless the next step says by what.
    removed: Option<Step>,
    conflicts: Few<Conflict>,
}

struct Made {
    step: Step,
    /// How many names are in it that were put there.
    names: u64,
}

/// What was found at a name.
struct Found {
    there: Option<Facts>,
    why: Option<&'static str>,
}

impl Question<'_> {
    fn ask(&mut self, number: u64, step: Step) -> Result<()> {
        let makes = matches!(step.act, Act::MakeDirectory { .. } | Act::Add { .. });
        if let Some(removed) = self.removed.take()
            && !(makes && (removed.layer, &removed.path) == (step.layer, &step.path))
        {
            self.tell(&removed, TAKEN);
        }
        self.leave(Some(&step))?;
        let found = self.find(number, &step)?;
        if let Some(above) = self.made.last_mut()
            && makes
            && found.there.is_some()
            && parent_and_name(&step.path).0 == above.step.path
        {
            above.names += 1;
        }
        match found.why {
            Some(TAKEN) => self.removed = Some(step),
            // What was put together and is gone has nothing to stay.
            Some(_) if found.there.is_none() && self.touched == Touched::IsTakenAlong => {}
            Some(why) => self.tell(&step, why),
            // It may be what was there before.
            None if matches!(step.act, Act::MakeDirectory { .. })
                && found.there.is_some_and(|it| it.is_directory()) =>
            {
                self.made.push(Made { step, names: 0 });
            }
            None => {}
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Few<Conflict>> {
        if let Some(removed) = self.removed.take() {
            self.tell(&removed, TAKEN);
        }
        self.leave(None)?;
        Ok(self.conflicts)
    }

    /// The directories that this step is not in: whether they hold more than was put there. What
    /// was and is gone is told of by its own step.
    fn leave(&mut self, step: Option<&Step>) -> Result<()> {
        let holds = |made: &Made| {
            let it = &made.step;
            step.is_some_and(|step| step.layer == it.layer && is_above(&it.path, &step.path))
        };
        while let Some(made) = self.made.pop_if(|made| !holds(made)) {
            let names = self.ways.names(0, &made.step.act);
            let directory = self.ways.place(&made.step, &names)?.host.open()?;
            let mut there = 0;
            file::each_name_in(directory.as_fd(), |name| {
                there += u64::from(!name.starts_with(self.part.as_bytes()));
            })?;
            if there > made.names {
                self.tell(&made.step, FILLED);
            }
        }
        Ok(())
    }

    fn find(&mut self, number: u64, step: &Step) -> Result<Found> {
        let names = self.ways.names(number, &step.act);
        let place = match self.ways.place(step, &names) {
            Ok(place) => place,
            Err(e) if e.errno().is_some_and(facts::is_gone) => {
                return Ok(Found { there: None, why: Some(TOUCHED) });
            }
            Err(e) => return Err(e),
        };
        let why = hindrance(&place, step, self.extent == Extent::Part)?;
        Ok(Found { there: place.host.facts()?, why })
    }

    fn tell(&mut self, step: &Step, why: &'static str) {
        let why = match (&step.act, self.touched) {
            (Act::Compose { .. }, Touched::IsTakenAlong) => TOUCHED_TOGETHER,
            (_, Touched::IsTakenAlong) => return,
            (_, Touched::Stays) => why,
        };
        let path = OsStr::from_bytes(&step.path);
        let path = match self.layers.get(step.layer) {
            Some(layer) => layer.lower.join(path),
            None => HostPath::absolute(path),
        };
        self.conflicts.push(Conflict { path, why: why.to_owned() });
    }
}

fn hindrance(place: &Place<'_>, step: &Step, is_part: bool) -> Result<Option<&'static str>> {
    let (there, kept) = (place.host.facts()?, place.kept.facts()?);
    Ok(match &step.act {
        Act::Replace { old, new } | Act::Compose { old, new, .. } => match (kept, there) {
            (None, _) => (!is_part).then_some(LOST),
            // A run that was killed was here, and what is there is not looked at again.
            (Some(kept), _) if is_part && kept.inode == new.inode => None,
            (Some(_), Some(there)) if new.is_of(&there) => None,
            (Some(_), Some(there)) if is_part && old.is_of(&there) => None,
            (Some(_), _) => Some(TOUCHED),
        },
        Act::Add { new } => match there {
            Some(there) if new.is_of(&there) => None,
            _ if is_part && place.layer.facts()?.is_some() => None,
            _ => Some(TOUCHED),
        },
        Act::Remove { old } => match (kept, there) {
            (None, _) => (!is_part).then_some(LOST),
            (Some(_), None) => None,
            (Some(_), Some(there)) if is_part && old.is_of(&there) => None,
            // Where something of the same name was made instead, that step answers for it.
            (Some(_), Some(_)) => Some(TAKEN),
        },
        Act::Consume { .. } => (!is_part && kept.is_none()).then_some(LOST),
        Act::MakeDirectory { .. } => match there {
            Some(there) if there.is_directory() => place.host.open().is_err().then_some(TOUCHED),
            _ => (!is_part).then_some(TOUCHED),
        },
        Act::SetDirectory { before, after } => match there {
            Some(there) if there.is_directory() => {
                let is = |look: &Look| (look.mode ^ there.mode) & 0o777 == 0;
                (!(is(after) || is_part && is(before))).then_some(TOUCHED)
            }
            _ => Some(TOUCHED),
        },
    })
}
