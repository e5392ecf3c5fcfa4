//! A cgroup from the user's systemd: a scope whose subtree is handed to the user. A process of
//! ours, the keeper, stays in it beside the sandbox, so that the scope lives until all was read
//! from it; with the last of them, systemd takes it away.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::base::{Context, Error, HostPath, Result};
use crate::plan;
use crate::sandbox::helper::Helper;
use crate::sys::poll::wait_for;
use crate::sys::{capability, file, process};

use super::group::{self, Group};
use super::systemd::{Property, start_scope};

/// It is milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// The cgroup of the keeper below the scope's: one with processes in it hands nothing down.
const KEEPER: &str = "keeper";

pub(super) struct Scope {
    directory: HostPath,
    keeper: Helper,
}

impl Scope {
    /// Has systemd put the keeper and init into a new scope, and waits until they are there.
    pub(super) fn start(
        socket: &HostPath,
        mount: &HostPath,
        init: i32,
        limits: &plan::Limits,
    ) -> Result<Self> {
        let keeper = Helper::fork("the keeper of the scope".to_owned(), |voice| {
            let kept = capability::die_with_parent()
                .and_then(|()| process::set_session())
                .and_then(|()| process::close_all_but(&[voice]));
            match kept {
                Err(e) => e.into(),
                Ok(()) => loop {
                    if let Err(e) = wait_for(&mut [], None) {
                        break e.into();
                    }
                },
            }
        })?;
        let name = format!("bryo-{}.scope", process::own_pid());
        start_scope(socket, &name, &properties(keeper.pid(), init, limits))?;
        let found = await_member(keeper.pid(), &name)?;
        await_member(init, &name)?;
        Ok(Self { directory: mount.join(found.trim_start_matches('/')), keeper })
    }

    /// The sandbox's own cgroup below the scope's: there the limits are ours to write, and to read
    /// when all in it are dead.
    pub(super) fn group_for(&self, init: i32, controllers: &[String]) -> Result<Group> {
        let scope = &self.directory;
        let cannot = || format!("cannot make a cgroup in `{scope}`");
        let base = file::open_path_for_reading(scope.as_path()).context(cannot)?;
        file::make_directory_at(std::os::fd::AsFd::as_fd(&base), Path::new(KEEPER), 0o755)
            .context(cannot)?;
        let keeper = scope.join(KEEPER).join("cgroup.procs");
        file::write_path_once(keeper.as_path(), self.keeper.pid().to_string().as_bytes())
            .context(cannot)?;
        let group = Group::make(scope).context(cannot)?;
        group.take_in(init).context(cannot)?;
        group::hand_down(scope, controllers).context(cannot)?;
        Ok(group)
    }
}

/// What competes with the user's other scopes is the scope's own; the rest is its child's.
fn properties(keeper: i32, init: i32, limits: &plan::Limits) -> Vec<(&'static str, Property)> {
    let mut properties = vec![
        ("Description", Property::Text("A sandbox of bryo".to_owned())),
        ("PIDs", Property::Numbers([keeper, init].map(|pid| pid as u32).to_vec())),
        ("Delegate", Property::Truth(true)),
        ("CollectMode", Property::Text("inactive-or-failed".to_owned())),
    ];
    let weight = |weight: crate::spec::Weight| Property::Number(u64::from(weight.0));
    properties.extend(limits.cpu_weight.map(|it| ("CPUWeight", weight(it))));
    properties.extend(limits.io_weight.map(|it| ("IOWeight", weight(it))));
    properties
}

/// Waits until the process is in the scope; the path of that in the tree of cgroups.
fn await_member(pid: i32, scope: &str) -> Result<String> {
    let deadline = Instant::now() + PATIENCE;
    let path = format!("/proc/{pid}/cgroup");
    loop {
        let content = file::read_path(Path::new(&path), 1 << 16)?;
        let text = String::from_utf8_lossy(&content).into_owned();
        let own = text.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or_default();
        if own.ends_with(&format!("/{scope}")) {
            return Ok(own.to_owned());
        }
        if Instant::now() > deadline {
            return Err(Error::new(format!("process {pid} was not put into `{scope}`"))
                .hint("`journalctl --user -n 20` tells what your systemd says of it"));
        }
        wait_for(&mut [], Some(Duration::from_millis(1)))?;
    }
}
