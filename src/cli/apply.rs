//! `bryo apply` and `bryo undo`: kept changes are carried over to the real files, and taken back.

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::base::wording::count;
use crate::base::{Context, Error, Result};
use crate::changes::apply::{self, Conflict, Extent, OnConflict, Planned, Run, Touched, Wish};
use crate::changes::{Layer, Summary, layers_over_host};
use crate::store::{Kept, Stage, Turn};
use crate::sys::facts::Moment;
use crate::sys::file;

use super::policy::Place;
use super::progress::ProgressLine;
use super::selection::{self, Selection};
use super::stack::Neighbours;
use super::{named, print};

/// How many paths are named before the rest is counted.
const NAMED: usize = 10;

pub(super) fn command() -> Command {
    let switch = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    let command = Command::new("apply")
        .about("Carry kept changes over to the real files")
        .override_usage("bryo apply [OPTIONS] <NAME> [PATH]...");
    selection::add_arguments(command.arg(named::argument()))
        .arg(switch("dry-run", "Tell what would be done, and do nothing"))
        .arg(
            switch("force", "Overwrite what was changed outside since")
                .conflicts_with("skip-conflicts"),
        )
        .arg(switch("skip-conflicts", "Leave out what was changed outside since"))
        .arg(
            switch("resume", "Go on with an apply that was cut short")
                .conflicts_with_all(["path", "exclude"]),
        )
}

pub(super) fn undo_command() -> Command {
    Command::new("undo").about("Take the last apply back").arg(named::argument()).arg(
        Arg::new("force")
            .long("force")
            .action(ArgAction::SetTrue)
            .help("Also what was changed since: it is put among the changes"),
    )
}

pub(super) fn run(matches: &ArgMatches) -> Result<u8> {
    let _line = ProgressLine::begin();
    let place = Place::read()?;
    let kept = named::kept(matches, &place, "apply")?;
    let lock = kept.lock()?;
    kept.check_is_whole().context(|| format!("cannot apply `{}`", kept.name))?;
    let neighbours = Neighbours::hold(&place, &kept)?;
    neighbours.expect_all_below_applied(&kept)?;
    let layers = layers_over_host(&kept.layers())?;
    if let Some((turn, stage @ (Stage::Begun | Stage::TakenBackInPart))) = Turn::newest(&kept)? {
        if matches.get_flag("resume") && stage == Stage::Begun {
            return finish(&kept, &neighbours, &turn, &layers, Run::Resumed);
        }
        let verb = if stage == Stage::Begun { "apply --resume" } else { "undo" };
        return Err(Error::new("an earlier one was cut short")
            .within(format!("cannot apply `{}`", kept.name))
            .hint(format!("`bryo {verb} {}` goes on with it", kept.name)));
    }
    if matches.get_flag("resume") {
        return Err(Error::new("no apply was cut short")
            .within(format!("cannot go on with `{}`", kept.name)));
    }
    let on_conflict = match (matches.get_flag("force"), matches.get_flag("skip-conflicts")) {
        (true, _) => OnConflict::Force,
        (_, true) => OnConflict::Skip,
        _ => OnConflict::Stop,
    };
    let record = kept.record()?;
    let began = Moment { seconds: record.began.0, nanoseconds: record.began.1 };
    if file::status_of_path(kept.baseline().as_path()).is_err() {
        // The try was killed before it could.
        apply::note(&layers, began, &kept.baseline())?;
    }
    neighbours.note_above()?;
    let selection = Selection::read(matches, &place, &kept)?;
    let is_dry = matches.get_flag("dry-run");
    let wish = Wish {
        selects: &|path| selection.selects(path),
        sees: &|verb, path| {
            if is_dry {
                print::answer(&format!("{verb} {path}"));
            }
        },
        on_conflict,
        began,
        baseline: &kept.baseline(),
    };
    let turn = Turn::begin(&kept)?;
    let planned = apply::plan(&layers, &wish, &turn.paper(Stage::Planned))?;
    let may_go_on = check(&kept, &planned, on_conflict);
    let may_go_on = may_go_on.and_then(|()| selection.check("apply", &kept));
    if is_dry || may_go_on.is_err() || planned.steps == 0 {
        turn.forget()?;
        may_go_on?;
        print::note(&match planned.steps {
            0 => "there is nothing to apply".to_owned(),
            steps => format!("{} would be taken", count(steps as usize, "step")),
        });
        return Ok(0);
    }
    turn.come(Stage::Planned, Stage::Begun)?;
    let status = finish(&kept, &neighbours, &turn, &layers, Run::First);
    drop(lock);
    status
}

fn finish(
    kept: &Kept,
    neighbours: &Neighbours,
    turn: &Turn,
    layers: &[Layer],
    run: Run,
) -> Result<u8> {
    apply::carry_out(layers, &turn.paper(Stage::Begun), &turn.undo(), run)?;
    neighbours.refresh_above(layers, &turn.paper(Stage::Begun))?;
    turn.come(Stage::Begun, Stage::Applied)?;
    let left = Summary::of(&kept.layers())?;
    let name = &kept.name;
    print::note(&match left.total() {
        0 => format!("applied all of {name}; `bryo undo {name}` takes it back"),
        left => format!("applied a part of {name}; {} left", count(left as usize, "change")),
    });
    Ok(0)
}

fn check(kept: &Kept, planned: &Planned, on_conflict: OnConflict) -> Result<()> {
    for path in planned.refused.iter().take(NAMED) {
        print::warning(&format!("`{path}` is not applied: it is a device, a FIFO or a socket"));
    }
    for path in planned.disarmed.iter().take(NAMED) {
        print::warning(&format!("`{path}` is applied without its set-user-id or set-group-id bit"));
    }
    if let Some(directory) = planned.forbidden.first() {
        return Err(Error::new(format!("you may not write to `{directory}`"))
            .within(format!("cannot apply `{}`", kept.name))
            .hint("nothing was touched; `--exclude GLOB` leaves a part out"));
    }
    if planned.conflicts.is_empty() || on_conflict == OnConflict::Force {
        return Ok(());
    }
    tell(&planned.conflicts);
    if on_conflict == OnConflict::Skip {
        return Ok(());
    }
    Err(Error::new(format!(
        "{} overtaken by changes outside",
        count(planned.conflicts.len(), "change")
    ))
    .within(format!("cannot apply `{}`", kept.name))
    .hint("nothing was touched; `--skip-conflicts` leaves these out, `--force` overwrites them"))
}

fn tell(conflicts: &[Conflict]) {
    for Conflict { path, why } in conflicts.iter().take(NAMED) {
        print::warning(&format!("`{path}`: {why}"));
    }
    if let Some(more) = conflicts.len().checked_sub(NAMED).filter(|more| *more > 0) {
        print::warning(&format!("and {more} more"));
    }
}

pub(super) fn undo(matches: &ArgMatches) -> Result<u8> {
    let _line = ProgressLine::begin();
    let place = Place::read()?;
    let kept = named::kept(matches, &place, "undo")?;
    let _lock = kept.lock()?;
    let neighbours = Neighbours::hold(&place, &kept)?;
    neighbours.expect_none_above_applied(&kept)?;
    let layers = layers_over_host(&kept.layers())?;
    let clause = || format!("cannot take the apply of `{}` back", kept.name);
    let (turn, stage) = match Turn::newest(&kept)? {
        Some((_, Stage::Planned)) | None => {
            return Err(Error::new("nothing of it was applied").within(clause()));
        }
        Some(newest) => newest,
    };
    if stage == Stage::Begun {
        apply::settle(&layers, &turn.paper(stage), &turn.undo())?;
    }
    let extent = if stage == Stage::Applied { Extent::Whole } else { Extent::Part };
    let conflicts = apply::undo_is_possible(&layers, &turn.paper(stage), &turn.undo(), extent)?;
    let touched = match matches.get_flag("force") {
        true => Touched::IsTakenAlong,
        false => Touched::Stays,
    };
    if !conflicts.is_empty() && touched == Touched::Stays {
        tell(&conflicts);
        return Err(Error::new("its files were changed since").within(clause()).hint(format!(
            "`bryo undo {} --force` puts them among the changes, and the old ones in their place",
            kept.name
        )));
    }
    if stage != Stage::TakenBackInPart {
        turn.come(stage, Stage::TakenBackInPart)?;
    }
    apply::undo(&layers, &turn.paper(Stage::TakenBackInPart), &turn.undo(), touched)?;
    apply::refresh(&layers, &turn.paper(Stage::TakenBackInPart), &kept.baseline())?;
    neighbours.refresh_above(&layers, &turn.paper(Stage::TakenBackInPart))?;
    turn.forget()?;
    print::note(&format!("{} is as it was before it was applied", kept.name));
    Ok(0)
}
