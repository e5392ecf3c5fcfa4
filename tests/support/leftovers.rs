//! What a run has left behind. A process is known as the run's by its process group or session,
//! or by naming the run's home in its arguments, environment, directory or mounts: the path of a
//! home is unique, and every run carries it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Home, patient};

/// The kernel ends the processes of a dead sandbox by itself, but not in no time.
const GRACE: Duration = Duration::from_secs(2);

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
        let deadline = Instant::now() + patient(GRACE);
        loop {
            let left = found(&self.home, Some(pid));
            let new: Vec<_> = left.difference(&self.before).cloned().collect();
            if new.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "left behind:\n  {}", new.join("\n  "));
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
        let of_run = run.is_some_and(|run| is_of_group_or_session(&directory, run));
        if is_alive(&directory) && (of_run || names(&directory, &root)) {
            found.push(format!("process {name}: {}", command_line(&directory)));
        }
    }
    found
}

fn is_of_group_or_session(process: &Path, run: u32) -> bool {
    let run = run.to_string();
    fields(process).iter().skip(2).take(2).any(|field| *field == run)
}

/// A zombie that nobody has reaped yet runs no more.
fn is_alive(process: &Path) -> bool {
    fields(process).first().is_some_and(|state| state != "Z" && state != "X")
}

/// The fields of `stat` behind the name, which may itself hold spaces and brackets: state, parent,
/// group, session, … (proc_pid_stat(5)).
fn fields(process: &Path) -> Vec<String> {
    let stat = fs::read_to_string(process.join("stat")).unwrap_or_default();
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    behind_name.split_whitespace().map(str::to_owned).collect()
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
