//! The directory on disk that holds the uppers of one run: made fresh to be thrown away, or kept
//! from run to run. Made and locked by the caller, before there is a sandbox.
//!
//! A lock says that the directory is in use, and goes with the last process of the run, however it
//! ends. What nobody locks is stale.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::base::{Context, Error, HostPath, Result, Text};
use crate::plan::{OverlayDriverPlan, OverlayPlan, Plan, ScratchPlan};
use crate::sys::{Errno, entry, file, process};

use super::{Keeping, named};

/// How often a name is tried that somebody else might take or sweep away at the same moment.
const TRIES: u32 = 16;

#[derive(Debug)]
pub(in crate::sandbox) struct Scratch {
    pub(super) directory: HostPath,
    pub(super) keeping: Keeping,
    /// The directories above it that this run made, the innermost first.
    pub(super) made: Vec<PathBuf>,
    /// Held, not used.
    _lock: OwnedFd,
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

    /// By path and not by an inherited descriptor: overlayfs takes layers only from mounts of
    /// init's own mount namespace.
    pub(super) fn open_inside(&self) -> Result<OwnedFd> {
        let path = &self.directory;
        file::open_path_for_reading(path.as_path()).context(|| format!("cannot open `{path}`"))
    }
}

fn fresh(parent: &HostPath) -> Result<Scratch> {
    for attempt in 0..TRIES {
        // The last run to end takes an empty parent away with it, at any moment.
        let made = entry::make_directories(parent.as_path(), 0o700)?;
        let Ok(base) = file::open_path_for_reading(parent.as_path()) else { continue };
        let name = format!("run-{}-{attempt}", process::own_pid());
        match file::make_directory_at(base.as_fd(), named(&name), 0o700) {
            Ok(()) => {}
            Err(e) if matches!(e.errno, Errno::EEXIST | Errno::ENOENT) => continue,
            Err(e) => return Err(e.into()),
        }
        // Until it is locked, another run may take it for stale and sweep it away.
        let Ok(lock) = entry::open_directory_at(base.as_fd(), name.as_ref()) else { continue };
        let is_locked = entry::try_lock(lock.as_fd())?;
        if is_locked && entry::status_at(base.as_fd(), name.as_ref()).is_ok() {
            let directory = parent.join(&name);
            return Ok(Scratch { directory, keeping: Keeping::ThrownAway, made, _lock: lock });
        }
    }
    Err(Error::new("every name that was tried is in use"))
}

fn kept(directory: &HostPath, overlay: &OverlayPlan) -> Result<Scratch> {
    entry::make_directories(directory.as_path(), 0o700)?;
    let lock = entry::open_or_make_file(directory.join("lock").as_path(), 0o600)?;
    if !entry::try_lock(lock.as_fd())? {
        let holder = file::read_all(lock.as_fd(), 32).unwrap_or_default();
        let holder = Text::from(std::ffi::OsStr::from_bytes(&holder).to_owned());
        return Err(Error::new(format!("process {holder} is using it"))
            .hint("wait until that run has ended, or name another directory"));
    }
    entry::truncate(lock.as_fd())?;
    file::write_all(lock.as_fd(), process::own_pid().to_string().as_bytes())?;
    record_driver(directory, &overlay.driver)?;
    let directory = directory.clone();
    Ok(Scratch { directory, keeping: Keeping::Kept, made: Vec::new(), _lock: lock })
}

/// Written once; that it says the same again was decided with the plan.
fn record_driver(directory: &HostPath, driver: &OverlayDriverPlan) -> Result<()> {
    let base = file::open_path_for_reading(directory.as_path())?;
    let word = match driver {
        OverlayDriverPlan::Kernel => "kernel",
        OverlayDriverPlan::Fuse { .. } => "fuse",
    };
    match file::create_below(base.as_fd(), named("driver"), 0o600) {
        Ok(fd) => Ok(file::write_all(fd.as_fd(), word.as_bytes())?),
        Err(e) if e.errno == Errno::EEXIST => Ok(()),
        Err(e) => Err(e.into()),
    }
}
