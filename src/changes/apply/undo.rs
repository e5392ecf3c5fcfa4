//! Undo: an apply taken back, step by step from the last, if nobody has touched its files since.
//!
//! What the apply had put in place goes back into the layer, so that afterwards the changes are
//! kept as they were before it.

use std::os::fd::AsFd;
use std::path::Path;

use crate::base::{Context, Error, HostPath, Result, progress};
use crate::changes::layer::Layer;
use crate::sys::facts::Facts;
use crate::sys::{Errno, entry, file};

use super::carry;
use super::journal;
use super::place::{Place, Ways, shown};
use super::step::{Act, Mark};
use super::transfer;
use super::undoable::{TAKEN, TOUCHED};

/// What is done with a file that was changed since it was applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Touched {
    /// Nothing: taking back ends there.
    Stays,
    /// It goes into the layer, as it is now; one that was put together of both sides stays.
    IsTakenAlong,
}

/// The step at which an apply was cut short is either done or not afterwards. To be called before
/// the first undo of such a one, and not after it.
pub fn settle(layers: &[Layer], paper: &HostPath, kept: &HostPath) -> Result<()> {
    carry::settle_all(layers, paper, kept)
}

/// Takes back every step that was taken. A run that was killed is gone on with by the same call.
pub fn undo(layers: &[Layer], paper: &HostPath, kept: &HostPath, touched: Touched) -> Result<()> {
    progress::stage("taking back");
    let mut ways = Ways::open(layers, kept, journal::head(paper)?)?;
    // The directories of the layer went when they were empty: first they are made again.
    journal::each_step(paper, |number, step| {
        let names = ways.names(number, &step.act);
        match &step.act {
            Act::MakeDirectory { look } => remake(&ways.place(&step, &names)?, look.mode),
            _ => Ok(()),
        }
    })?;
    journal::each_step_back(paper, |number, step| {
        let clause = || format!("cannot take the change of `{}` back", shown(layers, &step));
        let names = ways.names(number, &step.act);
        let place = ways.place(&step, &names);
        place.and_then(|place| take_back(&place, &step.act, touched)).context(clause)
    })?;
    // What was kept of it may be forgotten after this.
    ways.sync()
}

fn remake(place: &Place<'_>, mode: u32) -> Result<()> {
    let (directory, name) = (place.layer.directory()?, Path::new(place.layer.name));
    match file::make_directory_at(directory, name, mode | 0o700) {
        Err(e) if e.errno != Errno::EEXIST => return Err(e.into()),
        _ => {}
    }
    match place.host.facts()? {
        Some(there) if there.is_directory() => {
            let (host, layer) = (place.host.open()?, place.layer.open()?);
            transfer::mirror_attributes(host.as_fd(), layer.as_fd())
        }
        _ => Ok(()),
    }
}

fn take_back(place: &Place<'_>, act: &Act, touched: Touched) -> Result<()> {
    // What a killed run was copying.
    for spot in [&place.host, &place.layer] {
        spot.beside(&place.part).remove()?;
    }
    match act {
        Act::Add { new } => take_addition_back(place, new, touched),
        Act::Replace { old, new } => put_old_back(place, old, new, touched),
        Act::Compose { old, new, .. } => {
            // It has no place among the changes, which hold what it was put together of.
            if touched == Touched::IsTakenAlong && is_touched(place, old, new)? {
                return Ok(());
            }
            put_old_back(place, old, new, touched)
        }
        Act::Consume { .. } => match place.kept.facts()? {
            Some(_) => transfer::move_to_free(&place.kept, &place.layer, &place.part),
            None => Ok(()),
        },
        Act::Remove { old } => {
            bring_back(place, old, touched)?;
            match entry::make_whiteout_at(place.layer.directory()?, place.layer.name) {
                Err(e) if e.errno == Errno::EEXIST => Ok(()),
                result => Ok(result?),
            }
        }
        Act::MakeDirectory { look } => {
            // It is none where what stood in its way was not removed yet.
            if place.host.facts()?.is_some_and(|it| it.is_directory()) {
                unmake(place, touched)?;
            }
            place.layer.set_look(look)
        }
        Act::SetDirectory { before, .. } => {
            if place.kept.facts()?.is_some() {
                let (kept, host) = (place.kept.open()?, place.host.open()?);
                transfer::mirror_attributes(kept.as_fd(), host.as_fd())?;
            }
            place.host.set_look(before)
        }
    }
}

fn is_touched(place: &Place<'_>, old: &Mark, new: &Mark) -> Result<bool> {
    let Some(there) = place.host.facts()? else { return Ok(false) };
    Ok(!new.is_of(&there) && !old.is_of(&there))
}

/// With what others have put into it, it stays.
fn unmake(place: &Place<'_>, touched: Touched) -> Result<()> {
    match entry::remove_directory_at(place.host.directory()?, place.host.name) {
        Err(e) if e.errno == Errno::ENOTEMPTY && touched == Touched::IsTakenAlong => Ok(()),
        result => Ok(result?),
    }
}

fn take_addition_back(place: &Place<'_>, new: &Mark, touched: Touched) -> Result<()> {
    let may_go = |there: &Facts| new.is_of(there) || touched == Touched::IsTakenAlong;
    match (place.layer.facts()?, place.host.facts()?) {
        (_, None) => Ok(()),
        (None, Some(there)) if !may_go(&there) => Err(Error::new(TOUCHED)),
        (None, Some(_)) => {
            transfer::move_to_free(&place.host, &place.layer, &place.part)?;
            if place.layer.facts()?.is_some_and(|it| may_go(&it)) {
                return Ok(());
            }
            // Replaced just now.
            transfer::move_to_free(&place.layer, &place.host, &place.part)?;
            Err(Error::new(TOUCHED))
        }
        // Copied back already; somebody else's file of that name stays.
        (Some(_), Some(_)) if place.host_is_copy(new)? => place.host.remove(),
        (Some(_), Some(_)) => Ok(()),
    }
}

/// The name has the one file or the other at every moment.
fn put_old_back(place: &Place<'_>, old: &Mark, new: &Mark, touched: Touched) -> Result<()> {
    let Some(kept) = place.kept.facts()? else { return Ok(()) };
    let (host, undo) = (place.host.directory()?, place.kept.directory()?);
    let may_go = |there: &Facts| new.is_of(there) || touched == Touched::IsTakenAlong;
    // Exchanged before, by a run that was killed here.
    if kept.inode == new.inode || is_moved_back(place, old)? {
        return transfer::move_to_free(&place.kept, &place.layer, &place.part);
    }
    match entry::exchange(undo, place.kept.name, host, place.host.name) {
        Ok(()) if !place.kept.facts()?.is_some_and(|it| may_go(&it)) => {
            // Replaced just now.
            entry::exchange(undo, place.kept.name, host, place.host.name)?;
            Err(Error::new(TOUCHED))
        }
        Ok(()) => transfer::move_to_free(&place.kept, &place.layer, &place.part),
        Err(e) if e.errno == Errno::ENOENT && touched == Touched::IsTakenAlong => {
            transfer::move_to_free(&place.kept, &place.host, &place.part)
        }
        Err(e) if e.errno == Errno::EXDEV => match place.host.facts()? {
            Some(there) => put_old_back_by_copy(place, old, may_go(&there)),
            None if touched == Touched::IsTakenAlong => {
                transfer::move_to_free(&place.kept, &place.host, &place.part)
            }
            None => Err(Error::new(TOUCHED)),
        },
        Err(e) => Err(e.into()),
    }
}

fn put_old_back_by_copy(place: &Place<'_>, old: &Mark, may_go: bool) -> Result<()> {
    let host = place.host.directory()?;
    let part = place.host.beside(&place.part);
    if place.layer.facts()?.is_none() {
        if !may_go {
            return Err(Error::new(TOUCHED));
        }
        transfer::copy_to_free(&place.host, &place.layer, &place.part)?;
    }
    transfer::copy(place.kept.directory()?, place.kept.name, host, part.name)?;
    entry::exchange(host, part.name, host, place.host.name)?;
    let copied = place.layer.facts()?.map(|it| Mark::of(&it));
    // The old one, if a run that was killed here had put it back.
    let is_known = |it: Facts| copied.is_some_and(|copied| copied.is_of(&it)) || old.is_of(&it);
    if !part.facts()?.is_some_and(is_known) {
        // Replaced just now.
        entry::exchange(host, part.name, host, place.host.name)?;
        part.remove()?;
        return Err(Error::new(TOUCHED));
    }
    part.remove()?;
    file::sync(host)?;
    place.kept.remove()
}

/// The very inode, and not a copy that bears its number, which was free again.
fn is_moved_back(place: &Place<'_>, old: &Mark) -> Result<bool> {
    Ok(place.host.is(old.inode)? && !place.host.is_younger(place.planned)?)
}

fn bring_back(place: &Place<'_>, old: &Mark, touched: Touched) -> Result<()> {
    if place.kept.facts()?.is_none() {
        return Ok(());
    }
    match place.host.facts()? {
        None => transfer::move_to_free(&place.kept, &place.host, &place.part),
        // Exchanged before, by a run that was killed here.
        Some(_) if is_moved_back(place, old)? => {
            transfer::move_to_free(&place.kept, &place.layer, &place.part)
        }
        // Copied back already.
        Some(there) if old.is_of(&there) => place.kept.remove(),
        Some(there) if touched == Touched::IsTakenAlong => take_along(place, &there),
        Some(_) => Err(taken()),
    }
}

/// What has taken the name goes into the layer.
fn take_along(place: &Place<'_>, there: &Facts) -> Result<()> {
    let (host, undo) = (place.host.directory()?, place.kept.directory()?);
    match place.layer.facts()? {
        // Copied there by a run that was killed here.
        Some(ours) if Mark::of(&ours).is_of(there) => place.host.remove()?,
        Some(_) => return Err(taken()),
        None => match entry::exchange(undo, place.kept.name, host, place.host.name) {
            Err(e) if e.errno == Errno::EXDEV => {
                transfer::move_to_free(&place.host, &place.layer, &place.part)?;
            }
            result => {
                result?;
                return transfer::move_to_free(&place.kept, &place.layer, &place.part);
            }
        },
    }
    transfer::move_to_free(&place.kept, &place.host, &place.part)
}

fn taken() -> Error {
    Error::new(TAKEN).hint("give it another name; then `bryo undo NAME` goes on")
}
