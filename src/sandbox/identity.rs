//! The id maps: written by the sandbox itself, or from outside by newuidmap and newgidmap; and
//! the payload's own ids.

use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::base::idrange::IdMap;
use crate::base::{Context, Error, HostPath, Result};
use crate::plan::{Groups, Identity};
use crate::sys::capability::{self, CapabilitySet};
use crate::sys::process::Change;
use crate::sys::{Errno, file, process};

/// Inside, in a user namespace without maps: writes the one line that the kernel allows everybody,
/// the own id. `setgroups` is denied first, or the kernel refuses the gid map
/// (user_namespaces(7), "Defining user and group ID mappings").
pub(super) fn write_own_maps(identity: &Identity) -> Result<()> {
    let write = |file: &str, content: &str| {
        file::write_path_once(Path::new(file), content.as_bytes())
            .context(|| "cannot map your own id into the sandbox".to_owned())
    };
    write("/proc/self/uid_map", &identity.uid_map.to_kernel())?;
    write("/proc/self/setgroups", "deny")?;
    write("/proc/self/gid_map", &identity.gid_map.to_kernel())
}

/// Outside: newuidmap and newgidmap at work, side by side. Each is a setuid program, and its start
/// is most of its time.
pub(super) struct MapHelpers {
    uid: Child,
    gid: Child,
    pid: i32,
}

/// Starts both for a process that waits for them. It is our child and not yet waited for, so its
/// number cannot come to mean another process.
pub(super) fn start_map_helpers(
    pid: i32,
    newuidmap: &HostPath,
    newgidmap: &HostPath,
    identity: &Identity,
) -> Result<MapHelpers> {
    Ok(MapHelpers {
        uid: start(newuidmap, pid, &identity.uid_map)?,
        gid: start(newgidmap, pid, &identity.gid_map)?,
        pid,
    })
}

fn start(program: &HostPath, pid: i32, map: &IdMap) -> Result<Child> {
    let mut command = Command::new(program.as_path());
    command.arg(pid.to_string()).env_clear().stdin(Stdio::null()).stdout(Stdio::null());
    for line in &map.0 {
        command.args([line.inside, line.outside, line.count].map(|n| n.to_string()));
    }
    command
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| Error::new(reason(&e)).within(format!("cannot run `{program}`")))
}

/// As all other reasons are worded.
fn reason(error: &std::io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), |number| Errno(number).to_string())
}

impl MapHelpers {
    /// Waits for both and reads back what the kernel holds now.
    pub(super) fn finish(self, identity: &Identity) -> Result<()> {
        let pid = self.pid;
        finish(self.uid, "newuidmap")?;
        finish(self.gid, "newgidmap")?;
        check_map(pid, "uid_map", &identity.uid_map)?;
        check_map(pid, "gid_map", &identity.gid_map)
    }
}

fn finish(child: Child, name: &str) -> Result<()> {
    // Its few words wait in the pipe; read before its end, they would have us wait for one that
    // was stopped.
    let end =
        process::wait_for_end(child.id() as i32).context(|| format!("cannot wait for {name}"))?;
    if end == Change::Exited(0) {
        return Ok(());
    }
    let said = child.stderr.map(|pipe| file::read_all(pipe.as_fd(), 4096)).transpose()?;
    let said = said.unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let said = said.lines().next().unwrap_or("it gave no reason").trim();
    let said = said.strip_prefix(name).map_or(said, |rest| rest.trim_start_matches([':', ' ']));
    Err(Error::new(format!("{name}: {said}"))
        .within("cannot map subordinate ids")
        .hint("`--ids single` runs with your own id alone; `bryo doctor` tells what is wrong"))
}

fn check_map(pid: i32, name: &str, planned: &IdMap) -> Result<()> {
    let path = format!("/proc/{pid}/{name}");
    let content = file::read_path(Path::new(&path), 1 << 16)
        .context(|| format!("cannot read `{path}` back"))?;
    let read = IdMap::from_kernel(&String::from_utf8_lossy(&content));
    if read.as_ref() == Some(planned) {
        return Ok(());
    }
    Err(Error::new(format!("`{path}` does not hold what was asked for"))
        .within("cannot map subordinate ids"))
}

/// In the payload: takes on its ids and gives up every capability that it is not to have.
pub(super) fn become_payload(identity: &Identity) -> Result<()> {
    let keep = capability_set(&identity.capabilities);
    capability::limit_bounding_set(keep)?;
    if identity.groups == Groups::Cleared {
        process::set_groups(&[])?;
    }
    capability::keep_capabilities_across_setuid()?;
    process::set_gid(identity.gid)?;
    process::set_uid(identity.uid)?;
    capability::clear_ambient_set()?;
    // Root has what its bounding set leaves it by being root, which must go on when it becomes
    // another user and back, as package managers do; anybody else has it by the ambient set.
    match identity.uid {
        0 if keep != CapabilitySet::EMPTY => {
            capability::set_capabilities(keep, CapabilitySet::EMPTY)?;
        }
        _ => {
            capability::set_capabilities(keep.and(SETPCAP), keep)?;
            capability::raise_ambient(keep)?;
            capability::lock_securebits()?;
            capability::set_capabilities(keep, keep)?;
        }
    }
    capability::set_no_new_privs()?;
    Ok(())
}

/// What it takes to lock the securebits.
const SETPCAP: CapabilitySet = CapabilitySet(1 << 8);

pub(super) fn capability_set(names: &[&str]) -> CapabilitySet {
    let bits = capability::CAPABILITIES
        .iter()
        .filter(|(name, _)| names.contains(name))
        .fold(0, |bits, (_, number)| bits | 1 << number);
    CapabilitySet(bits)
}
