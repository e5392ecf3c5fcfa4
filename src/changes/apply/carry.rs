//! Carrying out: each step of the paper, and after the last one what the directories look like.
//!
//! A step is found not done, done, or in the midst of it, by what is there; `settle` brings it out
//! of the midst, and then it is taken if it was not. It never writes into a file that is in use:
//! names change their files by renames.

use std::os::fd::AsFd;
use std::path::Path;

use crate::base::{Context, Error, HostPath, Result, progress};
use crate::changes::dialect::Dialect;
use crate::changes::disk::sync_filesystem;
use crate::changes::layer::Layer;
use crate::sys::clock::Moment;
use crate::sys::facts::Facts;
use crate::sys::{Errno, entry, file, signal};

use super::journal;
use super::overtaken::holds_any;
use super::place::{Place, Spot, Ways, shown};
use super::step::{Act, Mark, Step};
use super::transfer;

/// Whether an earlier run may have been cut short in the midst of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Run {
    First,
    Resumed,
}

/// Takes every step of the paper that was not taken before. What it replaces goes to the directory
/// `kept`, under the number of the step.
pub fn carry_out(layers: &[Layer], paper: &HostPath, kept: &HostPath, run: Run) -> Result<()> {
    let mut ways = Ways::open(layers, kept, journal::head(paper)?)?;
    // It tells of a lease that is broken, and ends who does not wait for it (fcntl(2)).
    signal::ignore(signal::SIGIO)?;
    // What is renamed into place must be on the disk before its new name is.
    for layer in layers {
        sync_filesystem(layer.upper.as_fd())?;
    }
    progress::stage("applying");
    each_place(layers, &mut ways, paper, &mut |place, step| {
        if run == Run::Resumed {
            settle(place, &step.act)?;
        }
        take(place, &step.act, run)
    })?;
    ways.sync()?;
    progress::stage("finishing");
    journal::each_step_back(paper, |number, step| {
        let clause = || format!("cannot change `{}`", shown(layers, &step));
        let names = ways.names(number, &step.act);
        let dialect = layers.get(step.layer).map_or(Dialect::Kernel, |layer| layer.dialect);
        let place = ways.place(&step, &names);
        place.and_then(|place| finish(&place, &step.act, dialect)).context(clause)
    })?;
    ways.sync()
}

/// The step that a killed run was at is either done or not afterwards.
pub(super) fn settle_all(layers: &[Layer], paper: &HostPath, kept: &HostPath) -> Result<()> {
    let mut ways = Ways::open(layers, kept, journal::head(paper)?)?;
    each_place(layers, &mut ways, paper, &mut |place, step| settle(place, &step.act))
}

fn each_place(
    layers: &[Layer],
    ways: &mut Ways,
    paper: &HostPath,
    act: &mut dyn FnMut(&Place<'_>, &Step) -> Result<()>,
) -> Result<()> {
    journal::each_step(paper, |number, step| {
        let clause = || format!("cannot change `{}`", shown(layers, &step));
        let names = ways.names(number, &step.act);
        ways.place(&step, &names).and_then(|place| act(&place, &step)).context(clause)
    })
}

fn settle(place: &Place<'_>, act: &Act) -> Result<()> {
    // A part of a copy of what goes to be kept.
    place.kept.beside(&place.part).remove()?;
    let part = place.host.beside(&place.part);
    match act {
        Act::Replace { old, new } | Act::Compose { old, new, .. } => {
            if place.kept.facts()?.is_none() {
                if place.layer.is(old.inode)? {
                    // Exchanged within one filesystem.
                    return transfer::move_to_free(&place.layer, &place.kept, &place.part);
                }
                if !part.is(old.inode)? {
                    return part.remove();
                }
                // Exchanged with a copy.
                transfer::copy_to_free(&part, &place.kept, &place.part)?;
            }
            part.remove()?;
            forget_original(&place.layer, new)
        }
        Act::Add { new } => {
            part.remove()?;
            match place.layer.is(new.inode)? && place.host_is_copy(new)? {
                true => place.layer.remove(),
                false => Ok(()),
            }
        }
        Act::Remove { old } => {
            if place.kept.facts()?.is_none() && part.is(old.inode)? {
                let host = place.host.directory()?;
                // Back, which needs no room, unless somebody has taken its name.
                match entry::rename_to_free(host, part.name, host, place.host.name) {
                    Err(e) if e.errno == Errno::EEXIST => {
                        transfer::copy_to_free(&part, &place.kept, &place.part)?;
                    }
                    result => return Ok(result?),
                }
            }
            part.remove()
        }
        // Left halfway only where the layer is on another filesystem than what is kept.
        Act::Consume { new } => match place.kept.facts()?.is_some() {
            true => forget_original(&place.layer, new),
            false => Ok(()),
        },
        Act::MakeDirectory { .. } | Act::SetDirectory { .. } => Ok(()),
    }
}

/// The layer's own file, of which the host has a copy.
fn forget_original(layer: &Spot<'_>, new: &Mark) -> Result<()> {
    if layer.is(new.inode)? { layer.remove() } else { Ok(()) }
}

/// Takes a step that is settled, if it was not taken.
fn take(place: &Place<'_>, act: &Act, run: Run) -> Result<()> {
    match act {
        Act::Replace { old, new } | Act::Compose { old, new, .. } => replace(place, old, new),
        Act::Consume { new } => consume(place, new),
        Act::Add { new } => add(place, new),
        Act::Remove { old } => remove(place, old),
        Act::MakeDirectory { .. } => make_directory(place, run),
        Act::SetDirectory { .. } => keep_attributes(place),
    }
}

fn replace(place: &Place<'_>, old: &Mark, new: &Mark) -> Result<()> {
    if place.kept.facts()?.is_some() {
        return Ok(());
    }
    expect(&place.host, old)?;
    place.layer.make_harmless(&planned(&place.layer, new)?)?;
    let (layer, host) = (place.layer.directory()?, place.host.directory()?);
    match entry::exchange(layer, place.layer.name, host, place.host.name) {
        Ok(()) => {
            if expect(&place.layer, old).is_err() {
                entry::exchange(layer, place.layer.name, host, place.host.name)?;
                return Err(overtaken());
            }
            transfer::move_to_free(&place.layer, &place.kept, &place.part)
        }
        Err(e) if e.errno == Errno::EXDEV => replace_by_copy(place, old),
        Err(e) => Err(e.into()),
    }
}

fn replace_by_copy(place: &Place<'_>, old: &Mark) -> Result<()> {
    let host = place.host.directory()?;
    let part = place.host.beside(&place.part);
    transfer::copy(place.layer.directory()?, place.layer.name, host, &place.part)?;
    entry::exchange(host, &place.part, host, place.host.name)?;
    if expect(&part, old).is_err() {
        entry::exchange(host, &place.part, host, place.host.name)?;
        part.remove()?;
        return Err(overtaken());
    }
    // The exchange is on the disk before the store says that it was made: two filesystems keep no
    // order between them.
    file::sync(host)?;
    transfer::copy_to_free(&part, &place.kept, &place.part)?;
    if expect(&part, old).is_err() {
        // Written to while it was copied.
        place.kept.remove()?;
        entry::exchange(host, &place.part, host, place.host.name)?;
        part.remove()?;
        return Err(overtaken());
    }
    part.remove()?;
    place.layer.remove()
}

fn add(place: &Place<'_>, new: &Mark) -> Result<()> {
    match (place.layer.facts()?, place.host.facts()?) {
        (None, Some(_)) => Ok(()),
        (Some(_), Some(_)) => Err(overtaken()),
        (_, None) => {
            place.layer.make_harmless(&planned(&place.layer, new)?)?;
            transfer::move_to_free(&place.layer, &place.host, &place.part)
        }
    }
}

fn remove(place: &Place<'_>, old: &Mark) -> Result<()> {
    if place.kept.facts()?.is_some() {
        return Ok(());
    }
    expect(&place.host, old)?;
    let (host, kept) = (place.host.directory()?, place.kept.directory()?);
    match entry::rename_to_free(host, place.host.name, kept, place.kept.name) {
        Ok(()) => put_back_unless(&place.kept, place, old),
        Err(e) if e.errno == Errno::EXDEV => {
            // Gone at once, then copied.
            let part = place.host.beside(&place.part);
            entry::rename_to_free(host, place.host.name, host, &place.part)?;
            put_back_unless(&part, place, old)?;
            file::sync(host)?;
            transfer::move_to_free(&part, &place.kept, &place.part)
        }
        Err(e) => Err(e.into()),
    }
}

fn consume(place: &Place<'_>, new: &Mark) -> Result<()> {
    if place.kept.facts()?.is_some() {
        return Ok(());
    }
    planned(&place.layer, new)?;
    transfer::move_to_free(&place.layer, &place.kept, &place.part)
}

/// What was taken away must be what was planned to go.
fn put_back_unless(taken: &Spot<'_>, place: &Place<'_>, old: &Mark) -> Result<()> {
    if expect(taken, old).is_ok() && !is_changed_within(taken, place.planned)? {
        return Ok(());
    }
    let host = place.host;
    entry::rename_to_free(taken.directory()?, taken.name, host.directory()?, host.name)?;
    Err(overtaken())
}

/// Whether something in a directory was changed since it was looked at.
fn is_changed_within(spot: &Spot<'_>, since: Moment) -> Result<bool> {
    match spot.facts()? {
        Some(facts) if facts.is_directory() => {
            // Steps before this one may have moved another name of the same file.
            let is_new = |it: &Facts| match it.links > 1 && !it.is_directory() {
                true => it.modified > since,
                false => it.changed > since,
            };
            holds_any(spot.open()?.as_fd(), &is_new)
        }
        _ => Ok(false),
    }
}

fn make_directory(place: &Place<'_>, run: Run) -> Result<()> {
    let is_ours =
        || -> Result<bool> { Ok(place.host.facts()?.is_some_and(|it| it.is_directory())) };
    match file::make_directory_at(place.host.directory()?, Path::new(place.host.name), 0o700) {
        Err(e) if e.errno != Errno::EEXIST => return Err(e.into()),
        Err(_) if run == Run::First || !is_ours()? => {
            return Err(overtaken());
        }
        _ => {}
    }
    // Gone from the layer if a killed run was further already.
    if place.layer.facts()?.is_none() {
        return Ok(());
    }
    transfer::mirror_attributes(place.layer.open()?.as_fd(), place.host.open()?.as_fd())
}

/// Where those of a directory change, a directory keeps those that were.
fn keep_attributes(place: &Place<'_>) -> Result<()> {
    if place.kept.facts()?.is_some() {
        return Ok(());
    }
    let (host, layer) = (place.host.open()?, place.layer.open()?);
    if transfer::own_attributes(host.as_fd())? == transfer::own_attributes(layer.as_fd())? {
        return Ok(());
    }
    let (kept, part) = (place.kept.directory()?, place.kept.beside(&place.part));
    file::make_directory_at(kept, Path::new(part.name), 0o700)?;
    transfer::mirror_attributes(host.as_fd(), part.open()?.as_fd())?;
    Ok(entry::rename_to_free(kept, part.name, kept, place.kept.name)?)
}

/// After all that is in it: what a directory looks like. What is left of it in the layer goes.
fn finish(place: &Place<'_>, act: &Act, dialect: Dialect) -> Result<()> {
    match act {
        Act::MakeDirectory { look } => {
            place.host.set_look(look)?;
            leave_layer_directory(&place.layer)
        }
        Act::SetDirectory { after, .. } => {
            if place.kept.facts()?.is_some() {
                let (layer, host) = (place.layer.open()?, place.host.open()?);
                transfer::mirror_attributes(layer.as_fd(), host.as_fd())?;
            }
            place.host.set_look(after)
        }
        Act::Remove { .. } => forget_whiteout(&place.layer, dialect),
        Act::Replace { .. } | Act::Add { .. } | Act::Compose { .. } | Act::Consume { .. } => Ok(()),
    }
}

/// Empty now, or something in it was not applied.
fn leave_layer_directory(layer: &Spot<'_>) -> Result<()> {
    let Some(directory) = layer.directory else { return Ok(()) };
    match entry::remove_directory_at(directory, layer.name) {
        Err(e) if !matches!(e.errno, Errno::ENOTEMPTY | Errno::EEXIST | Errno::ENOENT) => {
            Err(e.into())
        }
        _ => Ok(()),
    }
}

fn forget_whiteout(layer: &Spot<'_>, dialect: Dialect) -> Result<()> {
    if layer.facts()?.is_some_and(|it| dialect.is_whiteout(&it)) {
        layer.remove()?;
    }
    match dialect.note_of_deletion(layer.name) {
        Some(note) => layer.beside(&note).remove(),
        None => Ok(()),
    }
}

/// What is at the spot is what was planned to be.
fn expect(spot: &Spot<'_>, old: &Mark) -> Result<()> {
    match spot.facts()? {
        Some(there) if old.fits(&there) => Ok(()),
        _ => Err(overtaken()),
    }
}

fn planned(layer: &Spot<'_>, new: &Mark) -> Result<Facts> {
    let ours = layer.facts()?.filter(|it| it.inode == new.inode);
    ours.ok_or_else(|| Error::new("the layer does not hold what was planned"))
}

fn overtaken() -> Error {
    Error::new("it was changed outside just now").hint(
        "`bryo undo NAME` takes back what was applied; then `bryo apply NAME` tells what was \
         overtaken",
    )
}
