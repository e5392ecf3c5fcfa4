//! The sandbox's own cgroup: who is in it, and that it goes. No controller is needed for that;
//! `scripts/test`, as root, starts the suite in a cgroup that belongs to its user.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;

use crate::support::{Bryo, Deadline, Home, Running};

use super::planned;

/// Leaves the test where no cgroup can be made.
macro_rules! needs_group {
    () => {
        if planned(&["--stats"], "/limits/group") == "null" {
            skip!("no cgroup of this user's own: scripts/test makes one as root");
        }
    };
}

/// Where cgroup v2 is mounted.
fn mount() -> PathBuf {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let line = mounts.lines().rev().find(|line| line.contains(" - cgroup2 ")).unwrap();
    PathBuf::from(line.split(' ').nth(4).unwrap())
}

fn cgroup_of(pid: u32) -> PathBuf {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let path = text.lines().find_map(|line| line.strip_prefix("0::/")).unwrap();
    mount().join(path)
}

fn parent_of(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}

/// The process whose arguments hold this word, and its parents up to the run.
fn inside(run: &Running, word: &str) -> Vec<u32> {
    let deadline = Deadline::after(Duration::from_secs(10));
    loop {
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
            let line = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
            if !line.starts_with("sleep\0") || !line.contains(word) {
                continue;
            }
            let mut line = vec![pid];
            while let Some(parent) =
                parent_of(*line.last().unwrap()).filter(|pid| *pid != run.pid())
            {
                if parent <= 1 {
                    break;
                }
                line.push(parent);
            }
            return line;
        }
        assert!(!deadline.is_over(), "`{word}` never ran");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn assert_goes(group: &Path) {
    let is_gone = Deadline::after(Duration::from_secs(5)).sees(|| !group.exists());
    assert!(is_gone, "left behind: {}", group.display());
}

#[test]
fn a_sandbox_is_in_a_cgroup_of_its_own() {
    needs_group!();
    let home = Home::new();
    let run = Bryo::run().at(&home).arg("--stats").command(["sleep", "1.501"]).start();
    let processes = inside(&run, "1.501");
    let group = cgroup_of(processes[0]);
    assert!(processes.len() >= 2, "payload and init: {processes:?}");
    for pid in &processes {
        assert_eq!(cgroup_of(*pid), group, "init and payload");
    }
    assert!(!cgroup_of(run.pid()).starts_with(&group), "{}", group.display());
    let inhabitants = fs::read_to_string(group.join("cgroup.procs")).unwrap();
    assert_eq!(inhabitants.lines().count(), processes.len(), "nobody else: {inhabitants}");
    assert_eq!(run.finish().status, 0);
    assert_goes(group.parent().unwrap());
}

#[test]
fn it_sees_its_cgroup_as_the_root_of_all() {
    needs_group!();
    Bryo::run()
        .arg("--stats")
        .shell("grep ^0: /proc/self/cgroup; ls /sys/fs/cgroup 2>/dev/null")
        .stdout("0::/\n")
        .stderr_contains("bryo: stats: ")
        .status(2)
        .check();
}

/// Whoever is killed, nothing stays.
#[test]
fn the_cgroup_goes_when_the_caller_is_killed() {
    needs_group!();
    for (number, signal) in [("60.502", Signal::KILL), ("60.503", Signal::TERM)] {
        let home = Home::new();
        let run = Bryo::run().at(&home).arg("--stats").command(["sleep", number]).start();
        let group = cgroup_of(inside(&run, number)[0]);
        run.signal(signal);
        run.finish();
        assert_goes(group.parent().unwrap());
    }
}

#[test]
fn the_cgroup_goes_when_init_is_killed() {
    needs_group!();
    let home = Home::new();
    let run = Bryo::run().at(&home).arg("--stats").command(["sleep", "60.504"]).start();
    let processes = inside(&run, "60.504");
    let group = cgroup_of(processes[0]);
    let init = i32::try_from(processes[1]).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(init).unwrap(), Signal::KILL)
        .unwrap();
    assert_eq!(run.finish().status, 125);
    assert_goes(group.parent().unwrap());
}

/// What a run left that was killed with all that watched over it, the next one takes away.
#[test]
fn a_stale_cgroup_is_swept_away() {
    needs_group!();
    // A scope is systemd's to sweep.
    if planned(&["--stats"], "/limits/group/made").contains("systemd") {
        let _ = Bryo::run().arg("--stats").command(["true"]).stderr_contains("stats").check();
        return;
    }
    let parent = planned(&["--stats"], "/limits/group/made/bryo/parent");
    let stale = Path::new(parent.trim_matches('"')).join("bryo-1-0");
    fs::create_dir_all(stale.join("sandbox")).unwrap();
    Bryo::run().arg("--stats").command(["true"]).stderr_contains("bryo: stats: ").check();
    assert!(!stale.exists());
}

#[test]
fn many_at_once_do_not_take_each_others_away() {
    needs_group!();
    let home = Home::new();
    let start = || Bryo::run().at(&home).arg("--stats").shell("sleep 0.3; echo done").start();
    let runs: Vec<Running> = (0..12).map(|_| start()).collect();
    for run in runs {
        let outcome = run.finish();
        assert_eq!((outcome.status, outcome.text()), (0, "done\n"), "{}", outcome.talk());
    }
}
