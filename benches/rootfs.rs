//! A start in a directory tree of its own, against an OCI runtime that is given the same tree.
//!
//! crun runs as an ordinary user without systemd only where /sys/fs/cgroup is a cgroup2 alone:
//! `scripts/bench` gives both of them a mount namespace in which it is.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::row::{Figure, Goal, Row};
use crate::{Bench, Result, turns};

pub(crate) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let bundle = bench.scratch.join("bundle");
    let tree = bundle.join("rootfs");
    make_tree(&tree)?;
    fs::write(bundle.join("config.json"), config(&bundle)?.to_string())?;

    let mut bryo = Command::new(&bench.bryo);
    bryo.args(["run", "--rootfs"]).arg(&tree).args(["--", "/bin/true"]);
    let mut crun = Command::new("crun");
    crun.arg("--root").arg(bench.scratch.join("crun")).arg("--cgroup-manager=disabled");
    crun.args(["run", "--bundle"]).arg(&bundle).arg(format!("bench-{}", std::process::id()));

    let runs = bench.starts();
    let times = turns::median_times(runs, &mut [bryo, crun])?;
    Ok(vec![Row {
        case: "`bryo run --rootfs DIR`, an overlay above it, against `crun run` of \
               the tree itself"
            .to_owned(),
        bryo: Figure::Time(times[0]),
        peer: Figure::Time(times[1]),
        goal: Goal::AtMost(0.5),
        runs,
    }])
}

/// A small root file system: busybox, and the places that are mounted over.
fn make_tree(tree: &Path) -> Result<()> {
    for directory in ["bin", "dev", "etc", "home", "proc", "root", "sys", "tmp"] {
        fs::create_dir_all(tree.join(directory))?;
    }
    fs::copy("/bin/busybox", tree.join("bin/busybox"))
        .map_err(|error| format!("/bin/busybox (package busybox-static): {error}"))?;
    for name in ["true", "sh"] {
        symlink("busybox", tree.join("bin").join(name))?;
    }
    Ok(())
}

/// What `crun spec --rootless` writes, less the parts that need a cgroup or the host's /sys, with
/// the ids, the cgroup namespace and the /tmp that bryo gives.
fn config(bundle: &Path) -> Result<Value> {
    let (uid, gid) = fs::metadata(bundle).map(|it| (it.uid(), it.gid()))?;
    let namespaces = ["pid", "network", "ipc", "uts", "user", "mount", "cgroup"];
    let mount = |at: &str, kind: &str, options: &[&str]| json!({"destination": at, "type": kind, "source": kind, "options": options});
    Ok(json!({
        "ociVersion": "1.0.0",
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": ["/bin/true"],
            "env": ["PATH=/bin", "TERM=xterm"],
            "cwd": "/",
            "capabilities": {},
            "noNewPrivileges": true,
        },
        "root": {"path": "rootfs", "readonly": false},
        "hostname": "crun",
        "mounts": [
            mount("/proc", "proc", &[]),
            mount("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
            mount("/dev/pts", "devpts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]),
            mount("/dev/shm", "tmpfs", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
            mount("/tmp", "tmpfs", &["nosuid", "nodev", "mode=1777"]),
        ],
        "linux": {
            "namespaces": namespaces.map(|kind| json!({"type": kind})),
            "uidMappings": mappings("/etc/subuid", uid)?,
            "gidMappings": mappings("/etc/subgid", gid)?,
            "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/scsi"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    }))
}

/// The user's own id as 0, and the first subordinate range behind it.
fn mappings(file: &str, own: u32) -> Result<Value> {
    let user = std::env::var("USER")?;
    let text = fs::read_to_string(file)?;
    let range = text.lines().find_map(|line| line.strip_prefix(&format!("{user}:")));
    let (start, count) = range
        .and_then(|range| range.split_once(':'))
        .ok_or_else(|| format!("no range for {user} in {file}"))?;
    let (start, count): (u32, u32) = (start.parse()?, count.trim().parse()?);
    Ok(json!([
        {"containerID": 0, "hostID": own, "size": 1},
        {"containerID": 1, "hostID": start, "size": count},
    ]))
}
