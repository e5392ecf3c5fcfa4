//! Undo: an apply taken back, step by step from the last, if nobody has touched its files since.
//!
//! What the apply had put in place goes back into the layer, so that afterwards the changes are
//! kept as they were before it.

use std::ffi::OsString;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::base::{Context, HostPath, Result};
use crate::changes::layer::Layer;
use crate::sys::facts;
use crate::sys::{Errno, entry, file};

use super::carry::{Place, Ways, shown};
use super::conflict::Conflict;
use super::journal;
use super::step::{Act, Mark, Step};
use super::transfer;

const TOUCHED: &str = "it was changed since it was applied";
const FILLED: &str = "something was put into it since it was applied";
const TAKEN: &str = "its name has been taken since it was removed";

/// What stands against taking it back; nothing is touched by asking.
pub fn undo_is_possible(
    layers: &[Layer],
    paper: &HostPath,
    undo: &HostPath,
) -> Result<Vec<Conflict>> {
    let mut ways = Ways::open(layers, undo)?;
    let mut conflicts = Vec::new();
    let mut made: Vec<(usize, Vec<u8>)> = Vec::new();
    journal::each_step(paper, |_, step| {
        if matches!(step.act, Act::MakeDirectory { .. } | Act::Add { .. }) {
            made.push((step.layer, step.path.clone()));
        }
        Ok(())
    })?;
    made.sort();
    journal::each_step(paper, |_, step| {
        if let Some(why) = hindrance(&mut ways, &step, &made)? {
            let root = layers.get(step.layer).map(|layer| layer.lower.clone());
            let path = std::ffi::OsStr::from_bytes(&step.path);
            let path = root.map_or_else(|| HostPath::absolute(path), |root| root.join(path));
            conflicts.push(Conflict { path, why });
        }
        Ok(())
    })?;
    Ok(conflicts)
}

fn hindrance(
    ways: &mut Ways,
    step: &Step,
    made: &[(usize, Vec<u8>)],
) -> Result<Option<&'static str>> {
    let (directory, name) = match ways.on_host(step) {
        Ok(place) => place,
        Err(e) if e.errno().is_some_and(facts::is_gone) => return Ok(Some(TOUCHED)),
        Err(e) => return Err(e),
    };
    if name.is_empty() {
        return Ok(None);
    }
    let there = facts::facts_at(directory, name)?;
    Ok(match &step.act {
        Act::Replace { new, .. } | Act::Add { new } => {
            (!there.is_some_and(|it| is_as_applied(new, &it))).then_some(TOUCHED)
        }
        // Where a directory of the same name was made instead, that step answers for it.
        Act::Remove { .. } => {
            let ours = made.binary_search(&(step.layer, step.path.clone())).is_ok();
            (there.is_some() && !ours).then_some(TAKEN)
        }
        Act::MakeDirectory { .. } => {
            let Ok(directory) = entry::open_directory_at(directory, name) else {
                return Ok(Some(TOUCHED));
            };
            let is_ours = |name: &OsString| {
                let path = [step.path.as_slice(), name.as_bytes()].join(&b'/');
                made.binary_search(&(step.layer, path)).is_ok()
            };
            let names = file::names_in(directory.as_fd())?;
            (!names.iter().all(is_ours)).then_some(FILLED)
        }
        Act::SetDirectory { .. } => None,
    })
}

/// Its inode is another one if it was copied from another filesystem.
fn is_as_applied(new: &Mark, there: &facts::Facts) -> bool {
    new.size == there.size && new.modified == there.modified
}

/// Takes back every step that was taken.
pub fn undo(layers: &[Layer], paper: &HostPath, undo: &HostPath) -> Result<()> {
    let mut ways = Ways::open(layers, undo)?;
    // The directories of the layer went when they were empty: first they are made again.
    journal::each_step(paper, |_, step| {
        let (place, _) = ways.place(&step)?;
        if let Act::MakeDirectory { look } = &step.act {
            remake(&place, look.mode)?;
        }
        Ok(())
    })?;
    journal::each_step_back(paper, |number, step| {
        let clause = || format!("cannot take the change of `{}` back", shown(layers, &step));
        take_back(&mut ways, number, &step).context(clause)
    })
}

fn remake(place: &Place<'_>, mode: u32) -> Result<()> {
    match file::make_directory_at(place.upper, Path::new(place.name), mode | 0o700) {
        Ok(()) => {}
        Err(e) if e.errno == Errno::EEXIST => return Ok(()),
        Err(e) => return Err(e.into()),
    }
    if let Ok(source) = entry::open_directory_at(place.host, place.name) {
        let made = entry::open_directory_at(place.upper, place.name)?;
        transfer::copy_attributes(source.as_fd(), made.as_fd())?;
    }
    Ok(())
}

fn take_back(ways: &mut Ways, number: u64, step: &Step) -> Result<()> {
    let kept = OsString::from(number.to_string());
    let (place, undo) = ways.place(step)?;
    match &step.act {
        Act::Add { .. } => match place.in_layer()? {
            Some(_) => Ok(()),
            None => transfer::move_to_free(place.host, place.name, place.upper, place.name),
        },
        Act::Replace { .. } => {
            if facts::facts_at(undo, &kept)?.is_none() {
                return Ok(());
            }
            if place.in_layer()?.is_none() {
                transfer::move_to_free(place.host, place.name, place.upper, place.name)?;
            }
            transfer::move_to_free(undo, &kept, place.host, place.name)
        }
        Act::Remove { .. } => {
            if facts::facts_at(undo, &kept)?.is_some() {
                transfer::move_to_free(undo, &kept, place.host, place.name)?;
            }
            match entry::make_whiteout_at(place.upper, place.name) {
                Err(e) if e.errno == Errno::EEXIST => Ok(()),
                result => Ok(result?),
            }
        }
        Act::MakeDirectory { look } => {
            match entry::remove_directory_at(place.host, place.name) {
                Err(e) if e.errno == Errno::ENOENT => {}
                result => result?,
            }
            let made = entry::open_directory_at(place.upper, place.name)?;
            entry::change_mode(made.as_fd(), look.mode)?;
            Ok(entry::change_modified(made.as_fd(), look.modified)?)
        }
        Act::SetDirectory { before, .. } => place.set_look(before),
    }
}
