//! Cgroup delegation: whether this user may bound a whole sandbox at once.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::base::HostPath;
use crate::base::wording::all_of;
use crate::host::mounts;
use crate::sys::file;

use super::Finding;

const TOPIC: &str = "cgroups";

/// What a sandbox would be bounded by.
const WANTED: [&str; 3] = ["cpu", "memory", "pids"];

const UNIFY: &str = "an administrator can boot with `systemd.unified_cgroup_hierarchy=1`";
const DELEGATE: &str = "where systemd runs your session, `systemd-run --user --scope -p Delegate=yes bryo run …` starts bryo in a cgroup of your own";

pub(super) fn find() -> Finding {
    let mounts = mounts::read();
    let Some(mount) = mounts.iter().rev().find(|mount| mount.filesystem == "cgroup2") else {
        return Finding::degraded(TOPIC, "cgroup v2 is not mounted: only rlimits bound", UNIFY);
    };
    let Some(own) = own_cgroup() else {
        return Finding::degraded(TOPIC, "this process is in no cgroup of v2", UNIFY);
    };
    let directory = mount.path.join(own.trim_start_matches('/'));
    judged(&directory, &controllers_of(&directory))
}

fn judged(directory: &HostPath, controllers: &[String]) -> Finding {
    let missing: Vec<&str> =
        WANTED.into_iter().filter(|name| !controllers.iter().any(|it| it == name)).collect();
    if missing.len() == WANTED.len() {
        let said = "cgroup v2 has no controllers here, v1 holds them: only rlimits bound";
        return Finding::degraded(TOPIC, said, UNIFY);
    }
    let writable = file::is_writable(directory.as_path())
        && file::is_writable(directory.join("cgroup.procs").as_path());
    if !writable {
        let said = format!("`{directory}` is not yours to write: only rlimits bound");
        return Finding::degraded(TOPIC, said, DELEGATE);
    }
    if !missing.is_empty() {
        let said = format!("`{directory}` is yours, without {}", all_of(&missing));
        return Finding::degraded(TOPIC, said, DELEGATE);
    }
    Finding::works(TOPIC, format!("`{directory}` is yours, with {}", all_of(&WANTED)))
}

/// The line `0::/path` of /proc/self/cgroup (cgroups(7)).
fn own_cgroup() -> Option<String> {
    let content = file::read_path(Path::new("/proc/self/cgroup"), 1 << 16).ok()?;
    let line = content.split(|b| *b == b'\n').find_map(|line| line.strip_prefix(b"0::"))?;
    Some(OsStr::from_bytes(line).to_string_lossy().into_owned())
}

fn controllers_of(directory: &HostPath) -> Vec<String> {
    let file = directory.join("cgroup.controllers");
    let content = file::read_path(file.as_path(), 4096).unwrap_or_default();
    String::from_utf8_lossy(&content).split_ascii_whitespace().map(str::to_owned).collect()
}
