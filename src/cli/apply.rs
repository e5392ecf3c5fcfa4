//! `bryo apply` and `bryo undo`: kept changes are carried over to the real files, and taken back.

mod back;
mod choose;
mod reasons;

use clap::{ArgMatches, Command};

use super::flags::switch;
use super::policy::Place;
use super::progress::ProgressLine;
use super::selection::{self, Selection};
use super::stack::{self, Neighbours};
use super::{named, print};
use crate::base::wording::count;
use crate::base::{Context, Error, Result};
use crate::changes::apply::{self, Composer, OnConflict, Overtaken, Run, Whereabouts, Wish};
use crate::changes::{Layer, Summary, layers_over_host};
use crate::store::{Kept, Stage, Turn};

pub(super) use back::{undo, undo_command};
use choose::Dialogue;
use reasons::Went;

/// As a shell tells of a command that `^C` ended.
const INTERRUPTED: u8 = 130;

pub(super) fn command() -> Command {
    let command = Command::new("apply")
        .about("Carry kept changes over to the real files")
        .override_usage("bryo apply [OPTIONS] <NAME> [PATH]...");
    selection::add_arguments(command.arg(named::argument()))
        .arg(switch("interactive", "Ask about each change, and each hunk of a text").short('i'))
        .arg(switch("dry-run", "Tell what would be done, and do nothing"))
        .arg(
            switch("force", "Overwrite what was changed outside since")
                .conflicts_with_all(["skip-conflicts", "merge"]),
        )
        .arg(switch("merge", "Bring texts together with what was changed outside since"))
        .arg(switch("skip-conflicts", "Leave out what was changed outside since"))
        .arg(switch("resume", "Go on with an apply that was cut short").conflicts_with_all([
            "path",
            "exclude",
            "interactive",
            "merge",
        ]))
}

pub(super) fn run(matches: &ArgMatches) -> Result<u8> {
    let place = Place::read()?;
    let kept = named::kept(matches, &place, "apply")?;
    let dialogue = match matches.get_flag("interactive") {
        true => Some(Dialogue::open(&kept.name)?),
        false => None,
    };
    // Nothing is written over a question.
    let _line = dialogue.is_none().then(ProgressLine::begin);
    let _lock = kept.lock()?;
    kept.check_is_whole().context(|| format!("cannot apply `{}`", kept.name))?;
    let neighbours = Neighbours::hold(&place, &kept)?;
    neighbours.expect_all_below_applied(&kept)?;
    let layers = layers_over_host(&kept.layers())?;
    if let Some(turn) = cut_short(matches, &kept)? {
        return finish(&kept, &neighbours, &turn, &layers, Run::Resumed);
    }
    neighbours.note_above()?;
    let turn = Turn::begin(&kept)?;
    match prepare(matches, &place, (&kept, &layers, &turn), dialogue) {
        Ok(None) => {
            turn.come(Stage::Planned, Stage::Begun)?;
            finish(&kept, &neighbours, &turn, &layers, Run::First)
        }
        Ok(Some(status)) => {
            turn.forget()?;
            Ok(status)
        }
        Err(error) => {
            // What is left of it goes with the next one, if not now.
            let _ = turn.forget();
            Err(error)
        }
    }
}

/// All is planned and nothing touched; `Some`: nothing is to be, and that is the exit status.
fn prepare(
    matches: &ArgMatches,
    place: &Place,
    (kept, layers, turn): (&Kept, &[Layer], &Turn),
    dialogue: Option<Dialogue>,
) -> Result<Option<u8>> {
    let whereabouts = whereabouts(kept, turn, layers)?;
    let selection = Selection::read(matches, place, kept, layers)?;
    let is_dry = matches.get_flag("dry-run");
    let mut wish = Wish {
        selects: &|path| selection.selects(path),
        choices: None,
        sees: &|_, _| {},
        on_conflict: on_conflict(matches),
        overtaken: match matches.get_flag("merge") {
            true => Overtaken::Merged,
            false => Overtaken::Nothing,
        },
        place: &whereabouts,
    };
    let mut composer = Composer::new(&whereabouts.undo);
    let plan = |wish: &Wish<'_>, composer: &mut Composer| {
        let planned = apply::plan(layers, wish, composer, &turn.paper(Stage::Planned))?;
        // Whoever was asked was told before.
        if wish.choices.is_none() {
            reasons::warn(&planned, wish.on_conflict);
        }
        reasons::check(kept, &planned, wish.on_conflict, wish.overtaken)?;
        selection.check("apply", kept)?;
        Result::Ok(planned.steps)
    };
    let is_asked = dialogue.is_some();
    let mut choices = None;
    if let Some(dialogue) = dialogue {
        // Nobody is asked in vain.
        plan(&wish, &mut composer)?;
        choices = dialogue.choose(kept, &place.home, layers, &wish, &mut composer)?;
        if choices.is_none() {
            print::note("nothing was applied");
            return Ok(Some(INTERRUPTED));
        }
    }
    wish.choices = choices.as_ref();
    if is_dry {
        wish.sees = &|verb, path| print::answer(&format!("{verb} {path}"));
    }
    let steps = plan(&wish, &mut composer)?;
    match steps {
        0 if is_asked => print::note("nothing was applied"),
        0 => print::note("there is nothing to apply"),
        steps if is_dry => {
            print::note(&format!("{} would be taken", count(steps as usize, "step")));
        }
        _ => return Ok(None),
    }
    Ok(Some(0))
}

/// The one that `--resume` goes on with, which no other may overtake.
fn cut_short(matches: &ArgMatches, kept: &Kept) -> Result<Option<Turn>> {
    let resumes = matches.get_flag("resume");
    match Turn::newest(kept)? {
        Some((turn, Stage::Begun)) if resumes => Ok(Some(turn)),
        Some((_, Stage::Begun | Stage::TakenBackInPart)) => {
            Err(named::cut_short(kept).within(format!("cannot apply `{}`", kept.name)))
        }
        _ if resumes => Err(Error::new("no apply was cut short")
            .within(format!("cannot go on with `{}`", kept.name))),
        _ => Ok(None),
    }
}

fn whereabouts(kept: &Kept, turn: &Turn, layers: &[Layer]) -> Result<Whereabouts> {
    stack::note_late(kept, layers)?;
    Ok(Whereabouts {
        began: kept.record()?.began.into(),
        baseline: kept.baseline(),
        bases: kept.bases(),
        undo: turn.undo(),
    })
}

fn on_conflict(matches: &ArgMatches) -> OnConflict {
    match (matches.get_flag("force"), matches.get_flag("skip-conflicts")) {
        (true, _) => OnConflict::Force,
        (_, true) => OnConflict::Skip,
        _ => OnConflict::Stop,
    }
}

fn finish(
    kept: &Kept,
    neighbours: &Neighbours,
    turn: &Turn,
    layers: &[Layer],
    run: Run,
) -> Result<u8> {
    let paper = turn.paper(Stage::Begun);
    apply::carry_out(layers, &paper, &turn.undo(), run)
        .and_then(|()| apply::advance(layers, &paper, &kept.baseline(), &turn.baseline()))
        .and_then(|()| neighbours.refresh_above(layers, &paper))
        .and_then(|()| turn.come(Stage::Begun, Stage::Applied))
        .map_err(|error| reasons::cut_short(error, kept, Went::Forward))?;
    let left = Summary::of(&kept.layers())?;
    let name = &kept.name;
    print::note(&match left.total() {
        0 => format!("applied all of {name}; `bryo undo {name}` takes it back"),
        left => format!("applied a part of {name}; {} left", count(left as usize, "change")),
    });
    Ok(0)
}
