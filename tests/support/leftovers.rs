//! What a run has left behind. A process is known as the run's by its process group or session,
//! or by naming the run's home in its arguments, environment, directory or mounts: the path of a
//! home is unique, and every run carries it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::stat::{fields, is_alive, is_exiting};
use super::{Deadline, Home};

/// The kernel ends the processes of a dead sandbox by itself, but not in no time.
const GRACE: Duration = Duration::from_secs(2);
/// Of those that it is ending: what they had, a network device say, may be slow to go.
const EXIT: Duration = Duration::from_secs(20);
const EXITING: &str = "exiting process ";

/// How long what is left is waited for.
pub(crate) struct Grace {
    of_all: Deadline,
    of_exiting: Deadline,
}

impl Grace {
    pub(crate) fn begin() -> Self {
        Self { of_all: Deadline::after(GRACE), of_exiting: Deadline::after(EXIT) }
    }

    /// Whether it is over for these, as they were named.
    pub(crate) fn is_over(&self, left: &[String]) -> bool {
        match left.iter().all(|it| it.starts_with(EXITING)) {
            true => self.of_exiting.is_over(),
            false => self.of_all.is_over(),
        }
    }

    /// Names a process.
    pub(crate) fn process(pid: &str) -> String {
        format!("{}{pid}", if is_exiting(pid) { EXITING } else { "process " })
    }
}

#[derive(Debug)]
pub(crate) struct Leftovers {
    home: Home,
    before: BTreeSet<String>,
}

impl Leftovers {
    /// Remembers what is there already, to see what is new.
    pub(crate) fn watch(home: &Home) -> Self {
        Self { home: home.clone(), before: found(home, None) }
    }

    /// Fails if anything is left of the run that had this process number.
    #[track_caller]
    pub(crate) fn assert_none(&self, pid: u32) {
        let grace = Grace::begin();
        loop {
            let left = found(&self.home, Some(pid));
            let new: Vec<_> = left.difference(&self.before).cloned().collect();
            if new.is_empty() {
                return;
            }
            assert!(!grace.is_over(&new), "left behind:\n  {}", new.join("\n  "));
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn found(home: &Home, pid: Option<u32>) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    all.extend(processes(home.root(), pid));
    all.extend(mounts(home.root()));
    for directory in [home.runtime(), home.data(), home.config(), home.home()] {
        collect_files(&directory, &mut all);
    }
    all
}

fn processes(root: &Path, run: Option<u32>) -> Vec<String> {
    let root = root.to_string_lossy();
    let own = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == own || !name.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let directory = entry.path();
        let of_run = run.is_some_and(|run| is_of_group_or_session(&name, run));
        if is_alive(&name) && (of_run || names(&directory, &root)) {
            found.push(format!("{}: {}", Grace::process(&name), command_line(&directory)));
        }
    }
    found
}

fn is_of_group_or_session(pid: &str, run: u32) -> bool {
    let run = run.to_string();
    fields(pid).iter().skip(2).take(2).any(|field| *field == run)
}

/// A root is followed by `/` or an end wherever it is named, since its name ends in `.d`.
fn names(process: &Path, root: &str) -> bool {
    let holds = |file: &str| {
        let bytes = fs::read(process.join(file)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).contains(root)
    };
    let leads =
        |link: &str| fs::read_link(process.join(link)).is_ok_and(|target| target.starts_with(root));
    holds("cmdline") || holds("environ") || leads("cwd") || holds("mountinfo")
}

fn command_line(process: &Path) -> String {
    let bytes = fs::read(process.join("cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

fn mounts(root: &Path) -> Vec<String> {
    let root = root.to_string_lossy().into_owned();
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    table.lines().filter(|line| line.contains(&root)).map(|line| format!("mount {line}")).collect()
}

/// Every file, and every directory but bryo's own empty ones (`run/bryo`, `data/bryo`).
fn collect_files(directory: &Path, all: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path: PathBuf = entry.path();
        if entry.file_name() != "bryo" {
            all.insert(format!("file {}", path.display()));
        }
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect_files(&path, all);
        }
    }
}
