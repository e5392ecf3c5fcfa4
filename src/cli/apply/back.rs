//! `bryo undo`: the last apply is taken back.

use clap::{ArgMatches, Command};

use crate::base::{Error, Result};
use crate::changes::apply::{self, Extent, Touched};
use crate::changes::layers_over_host;
use crate::cli::flags::switch;
use crate::cli::policy::Place;
use crate::cli::progress::ProgressLine;
use crate::cli::stack::Neighbours;
use crate::cli::{named, print};
use crate::store::{Stage, Turn};

use super::reasons::{self, Went};

pub(in crate::cli) fn undo_command() -> Command {
    Command::new("undo")
        .about("Take the last apply back")
        .arg(named::argument())
        .arg(switch("force", "Also what was changed since: it is put among the changes"))
}

pub(in crate::cli) fn undo(matches: &ArgMatches) -> Result<u8> {
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
    let touched = match matches.get_flag("force") {
        true => Touched::IsTakenAlong,
        false => Touched::Stays,
    };
    let conflicts =
        apply::undo_is_possible(&layers, &turn.paper(stage), &turn.undo(), extent, touched)?;
    reasons::tell(&conflicts);
    if !conflicts.is_empty() && touched == Touched::Stays {
        return Err(Error::new("its files were changed since").within(clause()).hint(format!(
            "`bryo undo {} --force` puts them among the changes, and the old ones in their place",
            kept.name
        )));
    }
    if stage != Stage::TakenBackInPart {
        turn.come(stage, Stage::TakenBackInPart)?;
    }
    let paper = turn.paper(Stage::TakenBackInPart);
    apply::undo(&layers, &paper, &turn.undo(), touched)
        .and_then(|()| apply::refresh(&layers, &paper, &kept.baseline(), &turn.baseline()))
        .and_then(|()| neighbours.refresh_above(&layers, &paper))
        .map_err(|error| reasons::cut_short(error, &kept, Went::Back))?;
    turn.forget()?;
    print::note(&format!("{} is as it was before it was applied", kept.name));
    Ok(0)
}
