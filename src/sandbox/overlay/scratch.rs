//! The directory on disk that holds the uppers of one run: made fresh to be thrown away, or kept
//! from run to run. Made and locked by the caller, before there is a sandbox.
//!
//! A lock says that the directory is in use, and goes with the last process of the run, however it
//! ends. What nobody locks is stale.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use crate::base::{Context, Error, HostPath, Result, Text};
use crate::plan::{OverlayDriverPlan, OverlayPlan, Plan, ScratchPlan};
use crate::sys::small_file::{self, Durability};
use crate::sys::{Errno, entry, file, process};

use super::lock::{Lock, Locked};
use super::{Keeping, named, removal, spare, unsynced};

/// How often a name is tried that somebody else might take or sweep away at the same moment.
const TRIES: u32 = 16;

#[derive(Debug)]
pub(in crate::sandbox) struct Scratch {
    pub(super) directory: HostPath,
    pub(super) keeping: Keeping,
    /// The directories above it that this run made, the innermost first.
    pub(super) made: Made,
    /// Held, not used.
    _lock: Held,
}

#[derive(Debug)]
enum Held {
    ThrownAway {
        _own: OwnedFd,
    },
    /// With the layers below, which nobody changes meanwhile.
    Kept {
        _own: Lock,
        _below: Vec<Lock>,
    },
}

impl Scratch {
    /// `None`: the uppers are in memory, or there are none.
    pub(in crate::sandbox) fn prepare(plan: &Plan) -> Result<Option<Self>> {
        let Some(overlay) = &plan.view.overlay else { return Ok(None) };
        match &overlay.scratch {
            ScratchPlan::Memory { .. } => Ok(None),
            ScratchPlan::Disk { parent } => fresh(parent)
                .context(|| format!("cannot make a directory for an overlay in `{parent}`"))
                .map(Some),
            ScratchPlan::Kept { directory } => kept(directory, overlay)
                .context(|| format!("cannot keep an overlay in `{directory}`"))
                .map(Some),
        }
    }

    /// Removes what was put aside with the place and nobody needs; what stays is in nobody's way.
    pub(in crate::sandbox) fn clear_away(&self) {
        if self.keeping == Keeping::Kept {
            let _ = spare::clear_away(&self.directory);
        }
    }

    /// The run is over, and nobody writes there any more.
    pub(super) fn end(&self) -> Result<()> {
        match self.keeping {
            Keeping::Kept => unsynced::sync(&self.directory)
                .context(|| format!("cannot keep all of an overlay in `{}`", self.directory)),
            Keeping::ThrownAway => Ok(()),
        }
    }

    /// By path and not by an inherited descriptor: overlayfs takes layers only from mounts of
    /// init's own mount namespace.
    pub(super) fn open_inside(&self) -> Result<OwnedFd> {
        let path = &self.directory;
        file::open_path_for_reading(path.as_path()).context(|| format!("cannot open `{path}`"))
    }
}

/// The cleaner has removed it, files of every id of the sandbox included. If there never was a
/// cleaner, it is empty, or holds what init has made as the caller.
impl Drop for Scratch {
    fn drop(&mut self) {
        let path = self.directory.as_path();
        if let (Keeping::ThrownAway, Some(parent), Some(name)) =
            (self.keeping, path.parent(), path.file_name())
            && let Ok(parent) = file::open_path_for_reading(parent)
        {
            let _ = removal::remove(parent.as_fd(), name);
        }
    }
}

/// Directories that were made for a run: gone with it, unless another run uses them now.
#[derive(Debug, Default)]
pub(super) struct Made(Vec<PathBuf>);

impl Made {
    pub(super) fn remove(&self) {
        for directory in &self.0 {
            let _ = entry::remove_empty_directory(directory);
        }
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        self.remove();
    }
}

fn fresh(parent: &HostPath) -> Result<Scratch> {
    for attempt in 0..TRIES {
        // The last run to end takes an empty parent away with it, at any moment.
        let made = Made(entry::make_directories(parent.as_path(), 0o700)?);
        let Ok(base) = file::open_path_for_reading(parent.as_path()) else { continue };
        check_whose(parent)?;
        let name = format!("run-{}-{attempt}", process::own_pid());
        match file::make_directory_at(base.as_fd(), named(&name), 0o700) {
            Ok(()) => {}
            Err(e) if matches!(e.errno, Errno::EEXIST | Errno::ENOENT) => continue,
            Err(e) => return Err(e.into()),
        }
        match locked(base.as_fd(), &name) {
            Ok(Some(lock)) => {
                let directory = parent.join(&name);
                let keeping = Keeping::ThrownAway;
                let _lock = Held::ThrownAway { _own: lock };
                return Ok(Scratch { directory, keeping, made, _lock });
            }
            Ok(None) => {}
            Err(error) => {
                let _ = entry::remove_directory_at(base.as_fd(), name.as_ref());
                return Err(error);
            }
        }
    }
    Err(Error::new("every name that was tried is in use"))
}

/// Until it is locked, another run may take the directory for stale and sweep it away.
fn locked(base: BorrowedFd<'_>, name: &str) -> Result<Option<OwnedFd>> {
    let lock = match entry::open_directory_at(base, name.as_ref()) {
        Ok(lock) => lock,
        Err(e) if e.errno == Errno::ENOENT => return Ok(None),
        Err(e) => return Err(e.into()),
    };
    if !entry::try_lock(lock.as_fd())? {
        return Ok(None);
    }
    match entry::status_at(base, name.as_ref()) {
        Ok(_) => Ok(Some(lock)),
        Err(e) if e.errno == Errno::ENOENT => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// Below /var/tmp anybody may have taken the name before; what is ours there, nobody can exchange.
fn check_whose(parent: &HostPath) -> Result<()> {
    const ROOT: u32 = 0;
    match file::status_of_path(parent.as_path()) {
        Ok(status) if [ROOT, process::effective_uid()].contains(&status.uid) => Ok(()),
        Ok(_) => Err(Error::new(format!("`{parent}` belongs to another user"))
            .hint("name a directory of yours with `BRYO_SCRATCH=DIRECTORY`")),
        // Taken away meanwhile: nothing can be made in it.
        Err(e) if e.errno == Errno::ENOENT => Ok(()),
        Err(e) => Err(e.into()),
    }
}

fn kept(directory: &HostPath, overlay: &OverlayPlan) -> Result<Scratch> {
    entry::make_directories(directory.as_path(), 0o700)?;
    let lock = match Lock::try_take(directory)? {
        Locked::Ours(lock) => lock,
        Locked::Held(holders) => {
            return Err(Error::new(format!("{} using it", who(&holders)))
                .hint("wait until that run has ended, or name another directory"));
        }
    };
    let below = overlay.below.iter().map(hold_below).collect::<Result<_>>()?;
    let base = file::open_path_for_reading(directory.as_path())?;
    record_driver(base.as_fd(), &overlay.driver)?;
    unsynced::mark(directory, base.as_fd(), &lock)?;
    Ok(Scratch {
        directory: directory.clone(),
        keeping: Keeping::Kept,
        made: Made::default(),
        _lock: Held::Kept { _own: lock, _below: below },
    })
}

/// Others may read it meanwhile as we do; nobody writes to it.
fn hold_below(layers: &HostPath) -> Result<Lock> {
    let clause = || format!("cannot stack it on `{layers}`");
    unsynced::check_is_whole(layers).context(clause)?;
    match Lock::try_take_with_others(layers).context(clause)? {
        Locked::Ours(lock) => Ok(lock),
        Locked::Held(holders) => Err(Error::new(format!("{} using them", who(&holders)))
            .within(clause())
            .hint("wait until it has ended")),
    }
}

/// `process 17 is`.
fn who(holders: &[Text]) -> String {
    let numbers: Vec<String> = holders.iter().map(ToString::to_string).collect();
    match numbers.as_slice() {
        [only] => format!("process {only} is"),
        several => format!("processes {} are", several.join(" and ")),
    }
}

/// Written once; that it says the same again was decided with the plan.
fn record_driver(base: BorrowedFd<'_>, driver: &OverlayDriverPlan) -> Result<()> {
    let word = match driver {
        OverlayDriverPlan::Kernel => "kernel",
        OverlayDriverPlan::Fuse { .. } => "fuse",
    };
    match entry::status_at(base, "driver".as_ref()) {
        Err(e) if e.errno == Errno::ENOENT => {
            let durability = Durability::InMemory;
            Ok(small_file::write(base, "driver", word.as_bytes(), durability).map(drop)?)
        }
        result => Ok(result.map(drop)?),
    }
}
