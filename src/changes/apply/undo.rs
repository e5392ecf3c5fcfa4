//! Undo: an apply taken back, step by step from the last, if nobody has touched its files since.
//!
//! What the apply had put in place goes back into the layer, so that afterwards the changes are
//! kept as they were before it.

use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::base::{Context, Error, HostPath, Result};
use crate::changes::layer::Layer;
use crate::sys::facts;
use crate::sys::{Errno, entry, file};

use super::carry;
use super::conflict::{Conflict, Few};
use super::journal;
use super::place::{Place, Ways, shown};
use super::step::{Act, Mark, Step};
use super::transfer;
use super::way::parent_and_name;

const TOUCHED: &str = "it was changed since it was applied";
const FILLED: &str = "something was put into it since it was applied";
const TAKEN: &str = "its name has been taken since it was removed";

/// What stands against taking it back; nothing is touched by asking.
pub fn undo_is_possible(
    layers: &[Layer],
    paper: &HostPath,
    undo: &HostPath,
) -> Result<Few<Conflict>> {
    let ways = Ways::open(layers, undo, journal::token(paper)?)?;
    let mut question = Question { layers, ways, open: Vec::new(), removed: None };
    let mut conflicts = Few::default();
    journal::each_step(paper, |_, step| question.ask(step, &mut conflicts))?;
    question.close_all_but_above(None, &mut conflicts)?;
    Ok(conflicts)
}

/// The steps are in the order of the walk: what was put into a directory follows it at once, and
/// what took the place of something removed follows that. So a few of them are held at a time.
struct Question<'a> {
    layers: &'a [Layer],
    ways: Ways,
    /// Directories that were made, each in the one before it.
    open: Vec<Made>,
    /// A name that was removed and is taken, unless the next step says by what.
    removed: Option<Step>,
}

struct Made {
    step: Step,
    /// How many names were put into it.
    names: u64,
}

impl Question<'_> {
    fn ask(&mut self, step: Step, conflicts: &mut Few<Conflict>) -> Result<()> {
        if let Some(removed) = self.removed.take()
            && (removed.layer, &removed.path) != (step.layer, &step.path)
        {
            conflicts.push(self.conflict(&removed, TAKEN));
        }
        self.close_all_but_above(Some(&step), conflicts)?;
        if matches!(step.act, Act::MakeDirectory { .. } | Act::Add { .. })
            && let Some(above) = self.open.last_mut()
            && parent_and_name(&step.path).0 == above.step.path
        {
            above.names += 1;
        }
        match hindrance(&mut self.ways, &step)? {
            Some(TAKEN) => self.removed = Some(step),
            Some(why) => conflicts.push(self.conflict(&step, why)),
            None if matches!(step.act, Act::MakeDirectory { .. }) => {
                self.open.push(Made { step, names: 0 });
            }
            None => {}
        }
        Ok(())
    }

    /// Of directories that no more can follow in: whether they hold more than was put there. What
    /// was and is gone is told of by its own step.
    fn close_all_but_above(
        &mut self,
        step: Option<&Step>,
        conflicts: &mut Few<Conflict>,
    ) -> Result<()> {
        let is_above = |made: &Made| {
            step.is_some_and(|step| {
                made.step.layer == step.layer
                    && step
                        .path
                        .strip_prefix(made.step.path.as_slice())
                        .is_some_and(|rest| rest.starts_with(b"/"))
            })
        };
        while let Some(made) = self.open.pop_if(|made| !is_above(made)) {
            let names = self.ways.names(0, &made.step.act);
            let directory = self.ways.place(&made.step, &names)?.host.open()?;
            let mut there = 0;
            file::each_name_in(directory.as_fd(), |_| there += 1)?;
            if there > made.names {
                conflicts.push(self.conflict(&made.step, FILLED));
            }
        }
        if let (None, Some(removed)) = (step, self.removed.take()) {
            conflicts.push(self.conflict(&removed, TAKEN));
        }
        Ok(())
    }

    fn conflict(&self, step: &Step, why: &'static str) -> Conflict {
        let root = self.layers.get(step.layer).map(|layer| layer.lower.clone());
        let path = std::ffi::OsStr::from_bytes(&step.path);
        let path = root.map_or_else(|| HostPath::absolute(path), |root| root.join(path));
        Conflict { path, why: why.to_owned() }
    }
}

fn hindrance(ways: &mut Ways, step: &Step) -> Result<Option<&'static str>> {
    let names = ways.names(0, &step.act);
    let host = match ways.place(step, &names) {
        Ok(place) => place.host,
        Err(e) if e.errno().is_some_and(facts::is_gone) => return Ok(Some(TOUCHED)),
        Err(e) => return Err(e),
    };
    let there = host.facts()?;
    Ok(match &step.act {
        Act::Replace { new, .. } | Act::Add { new } | Act::Compose { new, .. } => {
            (!there.is_some_and(|it| new.is_of(&it))).then_some(TOUCHED)
        }
        Act::Remove { .. } => there.is_some().then_some(TAKEN),
        Act::MakeDirectory { .. } => host.open().is_err().then_some(TOUCHED),
        Act::SetDirectory { .. } | Act::Consume { .. } => None,
    })
}

/// The step at which an apply was cut short is either done or not afterwards. To be called before
/// the first undo of such a one, and not after it.
pub fn settle(layers: &[Layer], paper: &HostPath, kept: &HostPath) -> Result<()> {
    carry::settle_all(layers, paper, kept)
}

/// Takes back every step that was taken. A run that was killed is gone on with by the same call.
pub fn undo(layers: &[Layer], paper: &HostPath, kept: &HostPath) -> Result<()> {
    let mut ways = Ways::open(layers, kept, journal::token(paper)?)?;
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
        ways.place(&step, &names).and_then(|place| take_back(&place, &step.act)).context(clause)
    })
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

fn take_back(place: &Place<'_>, act: &Act) -> Result<()> {
    // What a killed run was copying.
    for spot in [&place.host, &place.layer] {
        spot.beside(&place.part).remove()?;
    }
    match act {
        Act::Add { new } => take_addition_back(place, new),
        Act::Replace { new, .. } | Act::Compose { new, .. } => put_old_back(place, new),
        Act::Consume { .. } => match place.kept.facts()? {
            Some(_) => transfer::move_to_free(&place.kept, &place.layer, &place.part),
            None => Ok(()),
        },
        Act::Remove { old } => {
            bring_back(place, old)?;
            match entry::make_whiteout_at(place.layer.directory()?, place.layer.name) {
                Err(e) if e.errno == Errno::EEXIST => Ok(()),
                result => Ok(result?),
            }
        }
        Act::MakeDirectory { look } => {
            // It is none where what stood in its way was not removed yet.
            if place.host.facts()?.is_some_and(|it| it.is_directory()) {
                entry::remove_directory_at(place.host.directory()?, place.host.name)?;
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

fn take_addition_back(place: &Place<'_>, new: &Mark) -> Result<()> {
    match (place.layer.facts()?, place.host.facts()?) {
        (_, None) => Ok(()),
        (None, Some(_)) => transfer::move_to_free(&place.host, &place.layer, &place.part),
        // Copied back already; somebody else's file of that name stays.
        (Some(_), Some(_)) if place.host_is_copy(new)? => place.host.remove(),
        (Some(_), Some(_)) => Ok(()),
    }
}

/// The name has the one file or the other at every moment.
fn put_old_back(place: &Place<'_>, new: &Mark) -> Result<()> {
    let Some(kept) = place.kept.facts()? else { return Ok(()) };
    let (host, undo) = (place.host.directory()?, place.kept.directory()?);
    // Exchanged before, by a run that was killed here.
    if kept.inode == new.inode {
        return transfer::move_to_free(&place.kept, &place.layer, &place.part);
    }
    match entry::exchange(undo, place.kept.name, host, place.host.name) {
        Ok(()) => transfer::move_to_free(&place.kept, &place.layer, &place.part),
        Err(e) if e.errno == Errno::EXDEV => {
            if place.layer.facts()?.is_none() {
                transfer::copy_to_free(&place.host, &place.layer, &place.part)?;
            }
            transfer::copy(undo, place.kept.name, host, &place.part)?;
            entry::rename_between(host, &place.part, host, place.host.name)?;
            file::sync(host)?;
            place.kept.remove()
        }
        Err(e) => Err(e.into()),
    }
}

fn bring_back(place: &Place<'_>, old: &Mark) -> Result<()> {
    if place.kept.facts()?.is_none() {
        return Ok(());
    }
    match place.host.facts()? {
        None => transfer::move_to_free(&place.kept, &place.host, &place.part),
        // Copied back already.
        Some(there) if old.is_of(&there) => place.kept.remove(),
        Some(_) => Err(Error::new(TAKEN)),
    }
}
