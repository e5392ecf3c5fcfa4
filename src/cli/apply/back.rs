//! `bryo undo`: the last apply is taken back.

use clap::{ArgMatches, Command};

use crate::base::{Error, Result};
use crate::changes::apply;
use crate::changes::layers_in;
use crate::cli::policy::Place;
use crate::cli::print;
use crate::store::{Stage, Turn};

use super::reasons::{self, Went};
use super::{name, named};

pub(in crate::cli) fn undo_command() -> Command {
    Command::new("undo").about("Take the last apply back").arg(name())
}

pub(in crate::cli) fn undo(matches: &ArgMatches) -> Result<u8> {
    let place = Place::read()?;
    let kept = named(matches, &place)?;
    let _lock = kept.lock()?;
    let layers = layers_in(&kept.layers())?;
    let clause = || format!("cannot take the apply of `{}` back", kept.name);
    let turn = match Turn::newest(&kept)? {
        Some((turn, Stage::Applied)) => {
            let conflicts =
                apply::undo_is_possible(&layers, &turn.paper(Stage::Applied), &turn.undo())?;
            if !conflicts.is_empty() {
                reasons::tell(&conflicts);
                return Err(Error::new("its files were changed since").within(clause()));
            }
            turn.come(Stage::Applied, Stage::TakenBackInPart)?;
            turn
        }
        Some((turn, Stage::Begun)) => {
            apply::settle(&layers, &turn.paper(Stage::Begun), &turn.undo())?;
            turn.come(Stage::Begun, Stage::TakenBackInPart)?;
            turn
        }
        Some((turn, Stage::TakenBackInPart)) => turn,
        Some((_, Stage::Planned)) | None => {
            return Err(Error::new("nothing of it was applied").within(clause()));
        }
    };
    let paper = turn.paper(Stage::TakenBackInPart);
    apply::undo(&layers, &paper, &turn.undo())
        .and_then(|()| apply::refresh(&layers, &paper, &kept.baseline(), &turn.baseline()))
        .map_err(|error| reasons::cut_short(error, &kept, Went::Back))?;
    turn.forget()?;
    print::note(&format!("{} is as it was before it was applied", kept.name));
    Ok(0)
}
