//! What a run has left: processes, by the mark that all of them inherit; mounts, files and sockets,
//! by the home that they lie in; control groups. Cheap enough to look after each of many runs.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use rustix::process::getuid;

use crate::support::{Grace, Home, stat};
use crate::tracer::Mark;

const GROUPS: &str = "/sys/fs/cgroup";

/// What was there before the run.
pub(crate) struct Before {
    home: Home,
    processes: BTreeSet<String>,
    others: BTreeSet<String>,
}

impl Before {
    pub(crate) fn look(home: &Home) -> Self {
        Self { home: home.clone(), processes: processes(), others: others(home) }
    }

    /// What the run with this mark has left, once there was time for it to go.
    pub(crate) fn left(&self, mark: Mark) -> Vec<String> {
        let grace = Grace::begin();
        loop {
            let mut left: Vec<_> = others(&self.home).difference(&self.others).cloned().collect();
            let new = processes().difference(&self.processes).cloned().collect::<Vec<_>>();
            left.extend(new.into_iter().filter(|pid| has(pid, mark)).map(|pid| process(&pid)));
            if left.is_empty() || grace.is_over(&left) {
                return left;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Whether something that was left is there still.
pub(crate) fn is_there(left: &str) -> bool {
    left.strip_prefix("file ").is_none_or(|path| fs::symlink_metadata(path).is_ok())
}

fn processes() -> BTreeSet<String> {
    let names = fs::read_dir("/proc").unwrap().flatten();
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).collect()
}

fn has(pid: &str, mark: Mark) -> bool {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max realtime timeout"));
    let value = line.and_then(|line| line.split_whitespace().next());
    value == Some(&mark.to_string()) && stat::is_alive(pid)
}

fn process(pid: &str) -> String {
    let words = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let state = stat::fields(pid).into_iter().take(4).collect::<Vec<_>>().join(" ");
    let words = words.replace('\0', " ");
    format!("{} ({}) {state} `{}`", Grace::process(pid), name.trim_end(), words.trim_end())
}

fn others(home: &Home) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let root = home.root().to_string_lossy();
    found.extend(table.lines().filter(|it| it.contains(&*root)).map(|it| format!("mount {it}")));
    collect_files(home.root(), &mut found);
    collect_groups(Path::new(GROUPS), &mut found);
    found
}

/// Every file, and every directory but bryo's own empty ones (`run/bryo`, `data/bryo`, and the one
/// that is named for scratch directories).
fn collect_files(directory: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_name() != "bryo" && entry.file_name() != "scratch" {
            found.insert(format!("file {}", entry.path().display()));
        }
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect_files(&entry.path(), found);
        }
    }
}

/// Control groups that bryo has made as this user, wherever they are.
fn collect_groups(directory: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let is_ours = entry.metadata().is_ok_and(|it| it.uid() == getuid().as_raw());
        if is_ours && entry.file_name().to_string_lossy().contains("bryo") {
            found.insert(format!("group {}", entry.path().display()));
        }
        collect_groups(&entry.path(), found);
    }
}
