//! The machine beside the homes of the runs: namespaces, sockets, and the files in the places that
//! all programs share. After the last sweep it must be as it was before the first.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use crate::support::Deadline;

const SHARED: [&str; 5] = ["/tmp", "/var/tmp", "/dev/shm", "/run/netns", "/run/lock"];
const GRACE: Duration = Duration::from_secs(3);

/// How many sweeps are at work, and what there was before the first of them.
static SWEEPS: Mutex<(u32, BTreeSet<String>)> = Mutex::new((0, BTreeSet::new()));

/// Held by every sweep; the last to let go looks.
pub(crate) struct Unchanged;

impl Unchanged {
    pub(crate) fn begin() -> Self {
        let mut sweeps = sweeps();
        if sweeps.0 == 0 {
            sweeps.1 = found();
        }
        sweeps.0 += 1;
        Self
    }
}

impl Drop for Unchanged {
    fn drop(&mut self) {
        let mut sweeps = sweeps();
        sweeps.0 -= 1;
        if sweeps.0 > 0 || std::thread::panicking() {
            return;
        }
        let deadline = Deadline::after(GRACE);
        loop {
            let new: Vec<_> = found().difference(&sweeps.1).cloned().collect();
            if new.is_empty() {
                return;
            }
            if deadline.is_over() {
                drop(sweeps);
                panic!("the machine is not as it was:\n  {}", new.join("\n  "));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn sweeps() -> MutexGuard<'static, (u32, BTreeSet<String>)> {
    SWEEPS.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn found() -> BTreeSet<String> {
    let uid = rustix::process::getuid().as_raw();
    let mut found = BTreeSet::new();
    for directory in SHARED {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            if entry.metadata().is_ok_and(|it| it.uid() == uid) {
                found.insert(format!("file {}", entry.path().display()));
            }
        }
    }
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    found.extend(table.lines().filter(|it| it.contains("bryo")).map(|it| format!("mount {it}")));
    let sockets = fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let named = sockets.lines().filter_map(|line| line.split_whitespace().nth(7));
    found.extend(named.filter(|it| it.contains("bryo")).map(|it| format!("socket {it}")));
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        // Of other users' processes nothing is told.
        for namespace in fs::read_dir(process.path().join("ns")).into_iter().flatten().flatten() {
            if let Ok(link) = fs::read_link(namespace.path()) {
                found.insert(format!("namespace {}", link.display()));
            }
        }
    }
    found
}
