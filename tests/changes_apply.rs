//! Apply and undo: cut short at every call, overtaken by changes outside, by others, by damage.

mod damage;
mod exact;
mod hostile;
mod interactive;
mod merge;
mod overtaken;
mod progress;
mod race;
mod reasons;

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::time::Duration;

use crate::support::{Bryo, Home, place};

/// A try called `it` in the working directory of a home.
fn tried(home: &Home, script: &str) {
    tried_in(home, home.work(), script);
}

fn tried_in(home: &Home, directory: PathBuf, script: &str) {
    Bryo::verb("try")
        .at(home)
        .cwd(directory)
        .args(["--name", "it"])
        .shell(script)
        .stderr_any()
        .leftovers_unjudged()
        .check();
}

fn verb(home: &Home, verb: &str) -> Bryo {
    Bryo::verb(verb).at(home).leftovers_unjudged()
}

fn apply(home: &Home) {
    verb(home, "apply").arg("it").stderr_contains("applied all of it").check();
}

fn undo(home: &Home) {
    verb(home, "undo").arg("it").stderr_contains("it is as it was before").check();
}

/// A verb under strace(1), which puts a fault in the place of one call: `syncfs:signal=SIGSTOP:when=1`.
fn injected(home: &Home, fault: &str, words: &[&str]) -> Bryo {
    let call = fault.split(':').next().unwrap();
    Bryo::program("/usr/bin/strace")
        .at(home)
        .args(["-qq", "-o", "/dev/null", "-e", &format!("trace={call}")])
        .args(["-e", &format!("inject={fault}")])
        .arg(place::binary())
        .args(words)
        .leftovers_unjudged()
}

fn store(home: &Home) -> PathBuf {
    home.data().join("bryo/changes/it")
}

fn upper(home: &Home) -> PathBuf {
    store(home).join("layers/0/upper")
}

// ---------------------------------------------------------------- cut short

/// Past the capture of the test harness: `scripts/test` repeats the line.
fn tell(line: &str) {
    let _ = std::io::stderr().write_all(format!("\n{line}\n").as_bytes());
}

/// By `kill.py`, which says what it compares. Of the calls that change something every `stride`th;
/// with BRYO_FAULTS=complete every call there is.
fn sweep(lower: Option<&Elsewhere>, stride: &str, fault: &str) {
    let is_complete = std::env::var_os("BRYO_FAULTS").is_some_and(|it| it == "complete");
    let share = if is_complete { "all" } else { stride };
    let home = Home::new();
    let outcome = Bryo::program("/usr/bin/python3")
        .at(&home)
        .arg(place::tree().join("tests/changes/kill.py"))
        .arg(place::binary())
        .arg(lower.map_or_else(|| home.work(), |it| it.0.clone()))
        .args([share, fault])
        .limit(Duration::from_secs(if is_complete { 7200 } else { 300 }))
        .stdout_contains("kill sweep: ")
        .leftovers_unjudged()
        .check();
    tell(outcome.text().trim_end());
}

fn sweep_between_two(stride: &str, fault: &str) {
    match Elsewhere::new() {
        Some(lower) => sweep(Some(&lower), stride, fault),
        None => skip!("/dev/shm is on the same filesystem"),
    }
}

#[test]
fn slow_killed_at_every_call_all_verbs_lead_both_ways() {
    needs!("strace", "python3", "setfattr");
    sweep(None, "9", "signal=SIGKILL");
}

#[test]
fn slow_killed_between_two_filesystems_they_do_too() {
    needs!("strace", "python3", "setfattr");
    sweep_between_two("13", "signal=SIGKILL");
}

#[test]
fn slow_an_error_of_the_disk_at_any_call_loses_nothing() {
    needs!("strace", "python3", "setfattr");
    sweep(None, "17", "error=ENOSPC");
    sweep(None, "19", "error=EIO");
}

#[test]
fn slow_an_error_of_either_of_two_disks_loses_nothing() {
    needs!("strace", "python3", "setfattr");
    sweep_between_two("29", "error=EDQUOT");
    sweep_between_two("31", "error=EIO");
}

/// Not injected: a small filesystem, filled but for a few pages.
#[test]
fn slow_a_disk_that_is_full_loses_nothing() {
    needs!("python3", "unshare", "mount");
    for side in ["store", "host"] {
        let home = Home::new();
        let outcome = Bryo::program("/usr/bin/unshare")
            .at(&home)
            .args(["--user", "--map-root-user", "--mount", "python3"])
            .arg(place::tree().join("tests/changes/full.py"))
            .arg(place::binary())
            .arg(side)
            .limit(Duration::from_secs(120))
            .stdout_contains("kill sweep: ")
            .leftovers_unjudged()
            .check();
        tell(outcome.text().trim_end());
    }
}

/// A directory on another filesystem than the homes.
struct Elsewhere(PathBuf);

impl Elsewhere {
    fn new() -> Option<Self> {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = PathBuf::from(format!("/dev/shm/bryo-test-{}-{count}.d", std::process::id()));
        fs::create_dir(&path).ok()?;
        let elsewhere = Self(path);
        let device = |path: &std::path::Path| fs::metadata(path).map(|it| it.dev()).ok();
        let is_elsewhere = device(&elsewhere.0) != device(&std::env::temp_dir());
        is_elsewhere.then_some(elsewhere)
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = std::process::Command::new("chmod").args(["-R", "u+rwx"]).arg(&self.0).status();
        let _ = fs::remove_dir_all(&self.0);
    }
}

// ---------------------------------------------------------------- others and damage

fn home_with_tree() -> Home {
    let home = Home::new();
    home.scratch().write("work/a", "a\n");
    home.scratch().write("work/d/b", "b\n");
    home
}

#[test]
fn nothing_is_applied_while_the_sandbox_lives() {
    let home = home_with_tree();
    let sandbox = Bryo::verb("try")
        .at(&home)
        .args(["--name", "it"])
        .shell("echo x >> a; echo ready; read line")
        .stdin_piped()
        .start();
    sandbox.wait_for("ready");
    for word in ["apply", "undo"] {
        verb(&home, word).arg("it").stderr_contains("is using them").status(125).check();
    }
    assert_eq!(home.scratch().read("work/a"), "a\n");
    sandbox.finish();
}

#[test]
fn every_damage_to_the_paper_is_named_and_nothing_is_done() {
    let home = home_with_tree();
    tried(&home, "echo x >> a; rm -r d; mkdir -p n/m; echo n > n/m/o");
    apply(&home);
    let paper = store(&home).join("applied/1/applied");
    let whole = fs::read(&paper).unwrap();
    let mut damages: Vec<Vec<u8>> =
        (0..whole.len()).step_by(29).map(|length| whole[..length].to_vec()).collect();
    for at in (0..whole.len()).step_by(31) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        damages.push(flipped);
    }
    for damaged in damages {
        fs::write(&paper, &damaged).unwrap();
        verb(&home, "undo")
            .arg("it")
            .stderr_contains("applied/1/")
            .stderr_contains("is damaged")
            .status(125)
            .check();
        assert_eq!(home.scratch().read("work/a"), "a\nx\n");
    }
    fs::write(&paper, &whole).unwrap();
    undo(&home);
    assert_eq!(home.scratch().read("work/d/b"), "b\n");
}

/// Longer than a record may be.
#[test]
fn a_long_command_is_noted_in_part() {
    let home = home_with_tree();
    let word = "\n".repeat(100_000);
    for on in [["--name", "it"], ["--on", "it"]] {
        let words = ["sh", "-c", "echo x >> a", "sh"].into_iter();
        Bryo::verb("try")
            .at(&home)
            .args(on)
            .command(words.chain([word.as_str(); 9]))
            .stderr_any()
            .leftovers_unjudged()
            .check();
        verb(&home, "changes").stdout_contains("sh -c echo x >> a sh …").check();
    }
    apply(&home);
}

// ---------------------------------------------------------------- modes and depth

#[test]
fn closed_directories_are_carried_over_and_back() {
    let home = home_with_tree();
    tried(
        &home,
        "mkdir -p shut/in; echo s > shut/in/leaf; chmod 0 shut/in/leaf; chmod 555 shut/in; \
         chmod 0 shut; echo x >> d/b; chmod 555 d",
    );
    let mode = |name: &str| fs::metadata(home.work().join(name)).unwrap().mode() & 0o7777;
    for _ in 0..2 {
        apply(&home);
        assert_eq!((mode("shut"), mode("d")), (0, 0o555));
        fs::set_permissions(home.work().join("shut"), fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!((mode("shut/in"), mode("shut/in/leaf")), (0o555, 0));
        fs::set_permissions(home.work().join("shut"), fs::Permissions::from_mode(0o000)).unwrap();
        undo(&home);
        assert_eq!(mode("d"), 0o755);
        assert_eq!(home.scratch().read("work/d/b"), "b\n");
        assert!(!home.work().join("shut").exists());
    }
}

#[test]
fn slow_four_thousand_levels_are_carried_over_and_back() {
    needs!("python3");
    let home = home_with_tree();
    let script = "import os\nfor _ in range(4000):\n os.mkdir('d0')\n os.chdir('d0')\n\
                  open('leaf', 'w').write('deep')";
    Bryo::verb("try")
        .at(&home)
        .args(["--name", "it"])
        .command(["python3", "-c", script])
        .stderr_any()
        .leftovers_unjudged()
        .limit(Duration::from_secs(60))
        .check();
    let limit = Duration::from_secs(120);
    verb(&home, "apply").arg("it").limit(limit).stderr_contains("applied all").check();
    assert!(home.work().join("d0/d0/d0").exists());
    verb(&home, "undo").arg("it").limit(limit).stderr_contains("as it was").check();
    assert!(!home.work().join("d0").exists());
}

// ---------------------------------------------------------------- what is meant

#[test]
fn a_part_is_chosen_by_paths_and_patterns() {
    let home = home_with_tree();
    tried(&home, "echo x > one; mkdir -p n/m; echo y > n/m/two; echo z > n/m/log.tmp; rm a");
    verb(&home, "apply")
        .args(["it", "n", "nothing"])
        .stderr_contains("no change is at")
        .stderr_contains("hint: ")
        .status(125)
        .check();
    verb(&home, "apply")
        .args(["it", "onee"])
        .stderr_contains("did you mean `")
        .stderr_contains("/one`?")
        .status(125)
        .check();
    let listed = verb(&home, "apply")
        .args(["it", "--dry-run", "n", "--exclude", "*.tmp"])
        .stdout_contains("add ")
        .stdout_contains("/n/m/two\n")
        .stdout_lacks("log.tmp")
        .stderr_contains("3 steps would be taken")
        .check();
    assert_eq!(listed.text().lines().count(), 3);
    assert!(!home.work().join("n").exists());
    let part = |arguments: &[&str]| {
        verb(&home, "apply").arg("it").args(arguments).stderr_contains("applied").check();
    };
    part(&["n", "--exclude", "*.tmp"]);
    assert!(home.work().join("n/m/two").exists() && !home.work().join("n/m/log.tmp").exists());
    assert!(home.work().join("a").exists() && !home.work().join("one").exists());
    // The rest, in turns of its own, each taken back from the last.
    part(&["one"]);
    part(&[]);
    assert!(home.work().join("n/m/log.tmp").exists() && !home.work().join("a").exists());
    for _ in 0..3 {
        undo(&home);
    }
    assert!(home.work().join("a").exists() && !home.work().join("n").exists());
    apply(&home);
}
