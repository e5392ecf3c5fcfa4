//! What is enforced, read back from the kernel by the payload itself, when nothing but the filter
//! of system calls is still to come. Nothing here is taken from the plan.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::base::Result;
use crate::sys::capability::{self, CAPABILITIES, CapabilitySet};
use crate::sys::{file, process};

use super::{Keyring, Prepared};
use crate::sandbox::view::{CLOSED_IN_PROC, MASKED_IN_PROC};

const NAMESPACES: [&str; 8] = ["user", "mnt", "pid", "uts", "ipc", "net", "cgroup", "time"];

#[derive(Debug, Serialize, Deserialize)]
pub(in crate::sandbox) struct Enforced {
    /// By the number of each namespace's inode.
    namespaces: BTreeMap<String, u64>,
    ids: Ids,
    capabilities: Capabilities,
    no_new_privs: bool,
    securebits: u32,
    landlock: Option<Domain>,
    keyring: Keyring,
    /// How many user namespaces may be made inside.
    max_user_namespaces: Option<u64>,
    proc: Proc,
    /// Open in the payload.
    descriptors: Vec<i32>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Ids {
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
    uid_map: Vec<String>,
    gid_map: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Capabilities {
    effective: Vec<String>,
    permitted: Vec<String>,
    inheritable: Vec<String>,
    bounding: Vec<String>,
    ambient: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Domain {
    abi: u32,
    /// The bits of `struct landlock_ruleset_attr`.
    handled_access_fs: u64,
    handled_access_net: u64,
    scoped: u64,
    rules: usize,
}

#[derive(Debug, Serialize, Deserialize)]
struct Proc {
    masked: Vec<String>,
    read_only: Vec<String>,
}

/// In the payload, confined: looks at itself.
pub(in crate::sandbox) fn read(confined: &Prepared<'_>, keyring: Keyring) -> Result<Enforced> {
    Ok(Enforced {
        namespaces: namespaces(),
        ids: Ids {
            uid: process::uid(),
            gid: process::gid(),
            groups: process::groups()?,
            uid_map: map("uid_map"),
            gid_map: map("gid_map"),
        },
        capabilities: capabilities()?,
        no_new_privs: capability::has_no_new_privs(),
        securebits: capability::securebits()?,
        landlock: confined.fence().map(|fence| Domain {
            abi: fence.abi,
            handled_access_fs: fence.handled.files,
            handled_access_net: fence.handled.network,
            scoped: fence.handled.scopes,
            rules: fence.rules,
        }),
        keyring,
        max_user_namespaces: number("/proc/sys/user/max_user_namespaces"),
        proc: proc(),
        descriptors: descriptors(),
    })
}

fn namespaces() -> BTreeMap<String, u64> {
    let number = |name: &str| {
        let target = file::link_target(&Path::new("/proc/self/ns").join(name)).ok()?;
        let target = target.to_str()?.strip_suffix(']')?.rsplit_once('[')?.1.parse().ok()?;
        Some((name.to_owned(), target))
    };
    NAMESPACES.into_iter().filter_map(number).collect()
}

fn text(path: &str) -> Option<String> {
    let content = file::read_path(Path::new(path), 1 << 16).ok()?;
    Some(String::from_utf8_lossy(&content).into_owned())
}

fn number(path: &str) -> Option<u64> {
    text(path)?.trim().parse().ok()
}

/// Its lines, single spaces.
fn map(name: &str) -> Vec<String> {
    let content = text(&format!("/proc/self/{name}")).unwrap_or_default();
    content.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

fn capabilities() -> Result<Capabilities> {
    let names = |set: CapabilitySet| {
        let held = CAPABILITIES.iter().filter(|(_, number)| set.contains(*number));
        held.map(|(name, _)| (*name).to_owned()).collect()
    };
    let held = capability::held()?;
    Ok(Capabilities {
        effective: names(held.effective),
        permitted: names(held.permitted),
        inheritable: names(held.inheritable),
        bounding: names(capability::bounding_set()),
        ambient: names(capability::ambient_set()),
    })
}

/// A part of /proc that something covers is on another filesystem than /proc itself.
fn proc() -> Proc {
    let path = |name: &str| Path::new("/proc").join(name);
    let device = |path: &Path| Some(file::status_of_path(path).ok()?.inode.device);
    let own = device(Path::new("/proc"));
    let is_masked = |name: &&str| device(&path(name)).is_some_and(|device| Some(device) != own);
    let is_closed = |name: &&str| file::is_on_read_only_mount(&path(name));
    let names = |names: &[&str], is: &dyn Fn(&&str) -> bool| {
        names.iter().filter(|name| is(name)).map(|name| (*name).to_owned()).collect()
    };
    Proc {
        masked: names(&MASKED_IN_PROC, &is_masked),
        read_only: names(&CLOSED_IN_PROC, &is_closed),
    }
}

/// Those that stay at exec.
fn descriptors() -> Vec<i32> {
    let Ok(directory) = file::open_path_for_reading(Path::new("/proc/self/fd")) else {
        return Vec::new();
    };
    let names = file::names_in(directory.as_fd()).unwrap_or_default();
    let numbers = names.iter().filter_map(|name| name.to_str()?.parse().ok());
    let mut open: Vec<i32> = numbers.filter(|fd| process::stays_at_exec(*fd)).collect();
    open.sort_unstable();
    open
}
