//! A cgroup for one sandbox: made below one of the user's own, bounded, read, removed. Nothing
//! else is ever moved into it, and no process of the user out of where it is but the caller
//! itself.
//!
//! The limits are those of the outer of two cgroups, and the sandbox is in the inner one: should it
//! come to see cgroups at all, by a door that was opened, it sees that one and below, and finds no
//! limit of its own to raise.
//!
//! It is locked by whoever uses it, for as long as one of them lives; one that nobody locks is
//! stale, and goes with the next run.

use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use crate::base::size::Size;
use crate::base::{Context, Error, HostPath, Result};
use crate::plan::{self, DiskBounds};
use crate::spec::IoBound;
use crate::sys::file::FileKind;
use crate::sys::poll::wait_for;
use crate::sys::{Errno, entry, file, process};

use super::{Excess, Resource};

const PREFIX: &str = "bryo-";
const INNER: &str = "sandbox";

/// How often a name is tried that a sweep may take away at the same moment.
const TRIES: u32 = 16;

/// How many of others a run looks at: a thousand runs must not each look at a thousand.
const SWEPT: usize = 16;

/// In microseconds, the kernel's own default (cgroups(7)).
const PERIOD: u64 = 100_000;

#[derive(Debug)]
pub(super) struct Group {
    parent: HostPath,
    directory: HostPath,
    lock: OwnedFd,
    /// Open for the clone.
    inner: OwnedFd,
}

impl Group {
    /// Sweeps the parent, and makes a new one in it.
    pub(super) fn make(parent: &HostPath) -> Result<Self> {
        let base = file::open_path_for_reading(parent.as_path())?;
        sweep(parent, base.as_fd());
        for attempt in 0..TRIES {
            let name = OsString::from(format!("{PREFIX}{}-{attempt}", process::own_pid()));
            match file::make_directory_at(base.as_fd(), Path::new(&name), 0o755) {
                Ok(()) => {}
                Err(e) if e.errno == Errno::EEXIST => continue,
                Err(e) => return Err(e.into()),
            }
            // Until it is locked, another run may take it for stale.
            let Ok(lock) = entry::open_directory_at(base.as_fd(), &name) else { continue };
            if entry::try_lock(lock.as_fd())? && entry::status_at(base.as_fd(), &name).is_ok() {
                file::make_directory_at(lock.as_fd(), Path::new(INNER), 0o755)?;
                let inner = entry::open_directory_at(lock.as_fd(), INNER.as_ref())?;
                let directory = parent.join(&name);
                return Ok(Self { parent: parent.clone(), directory, lock, inner });
            }
        }
        Err(Error::new("every name that was tried is in use"))
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }

    pub(super) fn locks(&self) -> BorrowedFd<'_> {
        self.lock.as_fd()
    }

    pub(super) fn take_in(&self, pid: i32) -> Result<()> {
        self.write(&format!("{INNER}/cgroup.procs"), &pid.to_string())
    }

    /// Writes what the controllers are to hold.
    pub(super) fn bound(&self, limits: &plan::Limits, controllers: &[String]) -> Result<()> {
        let has = |name: &str| controllers.iter().any(|it| it == name);
        if let (true, Some(memory)) = (has("memory"), limits.memory) {
            self.bound_memory(memory).context(|| "cannot bound the memory".to_owned())?;
        }
        if has("cpu") {
            let cannot = || "cannot bound the processor time".to_owned();
            if let Some(cpus) = limits.cpus {
                let quota = u64::from(cpus.0) * PERIOD / 1000;
                self.write("cpu.max", &format!("{quota} {PERIOD}")).context(cannot)?;
            }
            if let Some(weight) = limits.cpu_weight {
                self.write("cpu.weight", &weight.0.to_string()).context(cannot)?;
            }
        }
        if has("pids") {
            // Init is one of them.
            self.write("pids.max", &(u64::from(limits.pids) + 1).to_string())
                .context(|| "cannot bound the number of processes".to_owned())?;
        }
        if has("io") {
            self.bound_disks(limits)
                .context(|| "cannot bound the traffic with disks".to_owned())?;
        }
        Ok(())
    }

    /// Swap too: none is used, so what is bounded is the sum of both. One process too many is the
    /// end of all, for half a sandbox is no use.
    fn bound_memory(&self, memory: Size) -> Result<()> {
        self.write("memory.max", &memory.0.to_string())?;
        match self.write("memory.swap.max", "0") {
            // A kernel that does not swap, or was told not to count it.
            Err(e) if e.errno() == Some(Errno::ENOENT) => {}
            result => result?,
        }
        self.write("memory.oom.group", "1")
    }

    fn bound_disks(&self, limits: &plan::Limits) -> Result<()> {
        if let Some(weight) = limits.io_weight {
            self.write("io.weight", &format!("default {}", weight.0)).map_err(|e| {
                match e.errno() {
                    Some(Errno::ENOENT) => Error::new("this kernel shares disks by no weight"),
                    _ => e,
                }
            })?;
        }
        for disk in &limits.io_max {
            self.write("io.max", &line_of(disk)).context(|| format!("disk {}", disk.disk))?;
        }
        Ok(())
    }

    /// Whether the kernel has killed for memory here.
    pub(super) fn memory_excess(&self, limit: Size) -> Option<Excess> {
        let events = self.read("memory.events")?;
        let killed = ["oom_kill", "oom_group_kill"]
            .into_iter()
            .any(|name| value_of(&events, name).is_some_and(|number| number > 0));
        let peak = self.number("memory.peak").unwrap_or(limit.0);
        killed.then_some(Excess { of: Resource::Memory, peak, limit: limit.0 })
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.read(name)?.trim().parse().ok()
    }

    /// A number of a file of named ones.
    pub(super) fn number_in(&self, name: &str, key: &str) -> Option<u64> {
        value_of(&self.read(name)?, key)
    }

    fn read(&self, name: &str) -> Option<String> {
        let content = file::read_path(self.directory.join(name).as_path(), 1 << 16).ok()?;
        String::from_utf8(content).ok()
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        Ok(file::write_path_once(self.directory.join(name).as_path(), text.as_bytes())?)
    }

    /// Everything in it is dead or dying. What cannot be removed now, the next run sweeps away.
    pub(super) fn remove(&self) {
        /// A process that was killed is in its cgroup until it has given up its memory.
        const PATIENCE: u32 = 200;
        for _ in 0..PATIENCE {
            match remove_tree(&self.directory, 0) {
                Err(e) if e.errno() == Some(Errno::EBUSY) => {
                    let _ = wait_for(&mut [], Some(Duration::from_millis(5)));
                }
                _ => return,
            }
        }
    }

    pub(super) fn parent(&self) -> &HostPath {
        &self.parent
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.remove();
    }
}

/// `8:0 rbps=1048576 wiops=100`
fn line_of(disk: &DiskBounds) -> String {
    let bounds = disk.bounds.iter().map(|(bound, value)| {
        let name = IoBound::ALL.into_iter().find(|(known, _)| known == bound).map_or("", |it| it.1);
        format!(" {name}={value}")
    });
    format!("{}{}", disk.disk, bounds.collect::<String>())
}

fn value_of(text: &str, key: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.find(|(name, _)| *name == key)?.1.trim().parse().ok()
}

/// Hands controllers down to the children of a cgroup.
pub(super) fn hand_down(parent: &HostPath, controllers: &[String]) -> Result<()> {
    write_subtree_control(parent, controllers, '+')
}

fn write_subtree_control(parent: &HostPath, controllers: &[String], sign: char) -> Result<()> {
    if controllers.is_empty() {
        return Ok(());
    }
    let words: Vec<String> = controllers.iter().map(|name| format!("{sign}{name}")).collect();
    let file = parent.join("cgroup.subtree_control");
    Ok(file::write_path_once(file.as_path(), words.join(" ").as_bytes())?)
}

/// A cgroup of ours and those below it: a sandbox that was let see its own may have made some.
fn remove_tree(directory: &HostPath, depth: u32) -> Result<()> {
    const DEEPEST: u32 = 32;
    let _ = entry::remove_empty_directory(directory.join(INNER).as_path());
    if entry::remove_empty_directory(directory.as_path()).is_ok() {
        return Ok(());
    }
    if depth < DEEPEST
        && let Ok(fd) = file::open_path_for_reading(directory.as_path())
    {
        for name in file::names_in(fd.as_fd()).unwrap_or_default() {
            let is_cgroup = entry::status_at(fd.as_fd(), &name)
                .is_ok_and(|status| status.kind == FileKind::Directory);
            if is_cgroup {
                remove_tree(&directory.join(&name), depth + 1)?;
            }
        }
    }
    Ok(entry::remove_empty_directory(directory.as_path())?)
}

/// What runs left that were killed with all that watched over them.
fn sweep(parent: &HostPath, base: BorrowedFd<'_>) {
    let names = file::names_in(base).unwrap_or_default();
    let ours =
        names.into_iter().filter(|name| name.as_encoded_bytes().starts_with(PREFIX.as_bytes()));
    for name in ours.take(SWEPT) {
        let Ok(directory) = entry::open_directory_at(base, &name) else { continue };
        if entry::try_lock(directory.as_fd()).unwrap_or(false) {
            // Nobody is left to wait for what runs in it.
            let kill = parent.join(&name).join("cgroup.kill");
            let _ = file::write_path_once(kill.as_path(), b"1");
            let _ = remove_tree(&parent.join(&name), 0);
        }
    }
}

/// The caller, in a cgroup of its own beside the sandbox's, so that their common parent can hand
/// down controllers.
#[derive(Debug)]
pub(super) struct Aside {
    group: Group,
    controllers: Vec<String>,
}

impl Aside {
    pub(super) fn step(parent: &HostPath, controllers: &[String]) -> Result<Self> {
        let group = Group::make(parent)?;
        group.take_in(process::own_pid())?;
        Ok(Self { group, controllers: controllers.to_vec() })
    }

    /// Puts whoever calls this back to where the caller was. Another run may have come to use the
    /// parent's controllers meanwhile: then all stays as it is until that one has ended.
    pub(super) fn step_back(&self) {
        let parent = self.group.parent();
        let _ = write_subtree_control(parent, &self.controllers, '-');
        let procs = parent.join("cgroup.procs");
        if file::write_path_once(procs.as_path(), b"0").is_ok() {
            self.group.remove();
        }
    }

    pub(super) fn lock(&self) -> BorrowedFd<'_> {
        self.group.locks()
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        self.step_back();
    }
}
