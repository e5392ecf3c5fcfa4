//! What `--report` writes: the layers of one run, as the payload found them in force, beside what
//! was decided, and what the run left behind. Written to its place in one piece, once the payload
//! runs, and again when it has ended.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::base::{Context, Error, Result};
use crate::plan::{Files, Plan};
use crate::sys::{file, process};

use super::Integrity;
use super::confine::Enforced;

/// The place of the report, and what is known for it so far.
#[derive(Debug)]
pub(super) struct Paper {
    directory: OwnedFd,
    name: PathBuf,
    enforced: Option<Enforced>,
    /// As it was written.
    content: Option<Value>,
}

/// The filter of system calls, as the kernel counts it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Filters {
    /// 2 where there is one (`SECCOMP_MODE_FILTER`).
    mode: u32,
    count: u32,
}

impl Paper {
    /// Before anything starts: a place that cannot be written to is found out now. The directory
    /// is held, for the payload may be able to put another in its place.
    pub(super) fn prepare(plan: &Plan) -> Result<Option<Self>> {
        let Some(path) = &plan.confinement.report else { return Ok(None) };
        let cannot = || format!("cannot write the report `{path}`");
        let (Some(parent), Some(name)) = (path.as_path().parent(), path.as_path().file_name())
        else {
            return Err(Error::new("it is a directory").within(cannot()));
        };
        let directory = file::open_path_for_reading(parent).context(cannot)?;
        let name = PathBuf::from(name);
        if file::is_directory_at(directory.as_fd(), &name) {
            return Err(Error::new("it is a directory").within(cannot()));
        }
        let paper = Self { directory, name, enforced: None, content: None };
        // Access alone would not know of a full quota or a read-only mount.
        let trial = paper.temporary();
        paper.create(&trial).context(cannot)?;
        file::remove_file_at(paper.directory.as_fd(), &trial).context(cannot)?;
        Ok(Some(paper))
    }

    pub(super) fn note(&mut self, enforced: Enforced) {
        self.enforced = Some(enforced);
    }

    /// The payload runs: all that was noted is true of it.
    pub(super) fn write(&mut self, plan: &Plan, filters: Option<Filters>) -> Result<()> {
        let Some(enforced) = self.enforced.take() else { return Ok(()) };
        let content = content(plan, &enforced, filters);
        self.put(&content)?;
        self.content = Some(content);
        Ok(())
    }

    /// The payload has ended: what it left behind. What it may have done to the report in a place
    /// that it could write to is undone by this.
    pub(super) fn complete(mut self, plan: &Plan, integrity: &Integrity) -> Result<()> {
        let Some(mut content) = self.content.take() else { return Ok(()) };
        content["integrity"] = json!({
            "mode": plan.confinement.integrity,
            "findings": integrity.findings,
            "more": integrity.more,
            "cut": integrity.cut,
        });
        self.put(&content)
    }

    fn put(&self, content: &Value) -> Result<()> {
        let text = serde_json::to_string_pretty(content).map_err(|e| Error::new(e.to_string()))?;
        let temporary = self.temporary();
        let directory = self.directory.as_fd();
        self.create(&temporary)
            .and_then(|fd| file::write_all(fd.as_fd(), (text + "\n").as_bytes()))
            .and_then(|()| file::rename_at(directory, &temporary, &self.name))
            .inspect_err(|_| drop(file::remove_file_at(directory, &temporary)))
            .context(|| "cannot write the report".to_owned())
    }

    fn temporary(&self) -> PathBuf {
        let pid = process::own_pid();
        PathBuf::from(format!(".{}.{pid}", self.name.display()))
    }

    fn create(&self, name: &Path) -> crate::sys::Result<OwnedFd> {
        file::create_below(self.directory.as_fd(), name, 0o600)
    }
}

/// In init, when the payload was executed: what the kernel says of its filter. The payload could
/// not say itself, for its filter may forbid it to look.
pub(super) fn filters_of(pid: i32) -> Option<Filters> {
    let status = file::read_path(Path::new(&format!("/proc/{pid}/status")), 1 << 14).ok()?;
    let status = String::from_utf8_lossy(&status).into_owned();
    let number = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim().parse().ok()
    };
    Some(Filters { mode: number("Seccomp:")?, count: number("Seccomp_filters:").unwrap_or(0) })
}

fn content(plan: &Plan, enforced: &Enforced, filters: Option<Filters>) -> Value {
    let confinement = &plan.confinement;
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "command": plan.command,
        "enforced": enforced,
        "seccomp": { "filter": confinement.seccomp, "kernel": filters },
        "network": plan.network,
        "streams": match confinement.landlock.files {
            Files::Rules(_) => "closed by landlock",
            Files::Relay => "relayed by pipe",
        },
        "limits": plan.limits,
        "doors": confinement.doors,
        "downgrades": plan.warnings,
        "choices": plan.rungs,
        "integrity": null,
    })
}
