//! `bryo try`, `bryo changes` and `bryo discard`: what is kept, under which name, until when; and
//! that no real file changes before it is applied.

mod home;
mod installer;
mod make_install;
mod mistakes;
mod prompt;
mod reader;
mod registry;
mod spare;
mod stack;
mod submounts;
mod system;
mod unsynced;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::{Bryo, Home};

/// `bryo try …` at a home that outlives it, and what it keeps there.
fn attempt(home: &Home) -> Bryo {
    Bryo::verb("try").at(home).leftovers_unjudged()
}

fn verb(home: &Home, verb: &str) -> Bryo {
    Bryo::verb(verb).at(home).leftovers_unjudged()
}

fn kept(home: &Home, name: &str) -> PathBuf {
    home.data().join("bryo/changes").join(name)
}

/// A home with a few files in its working directory.
fn home() -> Home {
    let home = Home::new();
    home.scratch().write("work/a", "a\n");
    home.scratch().write("work/d/b", "b\n");
    home.scratch().write("work/d/e/c", "c\n");
    home
}

const SCRIPT: &str = "echo new > n; echo more >> a; rm -r d; mkdir d; echo y > d/y";

#[test]
fn no_real_file_is_changed_and_the_changes_are_counted() {
    for driver in ["kernel", "fuse"] {
        let home = home();
        attempt(&home)
            .args(["--name", "one", "--overlay-driver", driver])
            .shell(&format!("{SCRIPT}; cat a; exit 3"))
            .stdout("a\nmore\n")
            .status(3)
            .stderr_contains("note: 5 changes in one: 2 added, 1 modified, 2 deleted\n")
            .stderr_contains("`bryo diff one`")
            .stderr_contains("`bryo apply one`")
            .stderr_contains("`bryo discard one`")
            .check();
        assert_eq!(home.scratch().read("work/a"), "a\n");
        assert_eq!(home.scratch().read("work/d/e/c"), "c\n");
        assert!(!home.work().join("n").exists());
        verb(&home, "discard").arg("one").stderr_contains("discarded one").check();
        assert!(!kept(&home, "one").exists());
    }
}

#[test]
fn what_is_to_become_of_them_can_be_said_ahead() {
    let home = home();
    let write = |flag: &str, status: i32| {
        attempt(&home).arg(flag).shell(&format!("echo x > n; exit {status}")).status(status)
    };
    write("--discard", 1).stderr_contains("discarded ").check();
    assert!(!home.work().join("n").exists());
    let told = "nothing was applied, since the command ended with 4";
    write("--apply-if-success", 4).stderr_contains(told).check();
    assert!(!home.work().join("n").exists());
    write("--apply-if-success", 0).stderr_contains("applied all of").check();
    let applied = verb(&home, "changes").stdout_contains("  all applied  ").check();
    assert!(!applied.text().contains("nothing"));
    verb(&home, "changes").arg("--json").stdout_contains("\"apply\": \"done\"").check();
    assert_eq!(home.scratch().read("work/n"), "x\n");
    fs::remove_file(home.work().join("n")).unwrap();
    write("--apply", 5).stderr_contains("applied all of").check();
    assert_eq!(home.scratch().read("work/n"), "x\n");

    let both = attempt(&home).args(["--keep", "--apply"]).shell("true").status(125);
    both.stderr_contains("`--keep` and `--apply` do not go together").check();
}

#[test]
fn an_apply_that_was_asked_for_and_fails_is_an_error_of_bryo() {
    let home = home();
    let outside = home.work().join("a");
    let mut running = attempt(&home)
        .args(["--name", "late", "--apply"])
        .shell("echo inside > a; echo here; read go")
        .stdin_piped()
        .start();
    running.wait_for("here");
    fs::write(&outside, "outside\n").unwrap();
    running.send("\n");
    let outcome = running.finish();
    assert_eq!(outcome.status, 125, "{}", outcome.talk());
    assert_eq!(fs::read_to_string(&outside).unwrap(), "outside\n");
    verb(&home, "changes").stdout_contains("1 modified").check();
}

#[test]
fn names_are_checked_unique_and_may_be_begun_or_misspelt() {
    let home = home();
    attempt(&home).args(["--name", "brave-fern"]).shell("echo > n").stderr_any().check();
    let taken = attempt(&home).args(["--name", "brave-fern"]).shell("true").status(125);
    taken.stderr_contains("changes called `brave-fern` are kept already").check();
    for name in ["../x", ".x", "a/b", "", "a b"] {
        let refused = attempt(&home).args(["--name", name]).shell("true").status(125);
        refused.stderr_contains("is not a name").check();
    }
    let near = verb(&home, "discard").arg("brave-fren").status(125);
    near.stderr_contains("did you mean `brave-fern`?").check();
    attempt(&home).args(["--name", "brave-oak"]).shell("echo > n").stderr_any().check();
    let either = verb(&home, "discard").arg("brave").status(125);
    either.stderr_contains("may be `brave-fern` or `brave-oak`").check();
    verb(&home, "discard").arg("brave-f").stderr_contains("discarded brave-fern").check();
}

#[test]
fn what_changed_nothing_is_kept_only_if_it_was_meant_to_be() {
    let home = home();
    attempt(&home).shell("true").stderr("bryo: note: nothing was changed\n").check();
    attempt(&home).command(["no-such-program"]).status(127).stderr_any().check();
    attempt(&home).args(["--ro", "/nonexistent"]).shell("true").status(125).stderr_any().check();
    assert_eq!(fs::read_dir(kept(&home, "")).unwrap().count(), 0);
    let told = "nothing was changed; x is kept all the same";
    attempt(&home).args(["--name", "x"]).shell("true").stderr_contains(told).check();
    attempt(&home).arg("--keep").shell("true").stderr_contains("kept all the same").check();
    assert_eq!(fs::read_dir(kept(&home, "")).unwrap().count(), 2);
}

#[test]
fn a_try_goes_on_with_what_another_left() {
    let home = home();
    attempt(&home).args(["--name", "x"]).shell("echo one > n; rm a").stderr_any().check();
    let began = json(&home, ".[0].began");
    attempt(&home)
        .args(["--on", "x"])
        .shell("cat n; ls a 2>/dev/null; echo two >> n; exit 9")
        .status(9)
        .stdout("one\n")
        .stderr_contains("2 changes in x: 1 added, 1 deleted")
        .check();
    assert_eq!(json(&home, ".[0].began"), began);
    assert_eq!(json(&home, ".[0].ended.status"), "9");
    assert!(json(&home, ".[0].command[2]").contains("two"));

    // Neither one that never ran nor one from elsewhere does any harm.
    attempt(&home).args(["--on", "x"]).command(["no-such"]).status(127).stderr_any().check();
    assert_eq!(json(&home, ".[0].ended.status"), "9");
    let elsewhere = attempt(&home).cwd(home.work().join("d")).args(["--on", "x"]);
    let elsewhere = elsewhere.shell("true").status(125);
    elsewhere.stderr_contains("cannot use `--on`").stderr_contains("the same directory").check();
    attempt(&home).args(["--on", "y"]).shell("true").status(125).stderr_any().check();
}

/// What a query of `jq` finds in the list.
fn json(home: &Home, query: &str) -> String {
    let outcome = verb(home, "changes").arg("--json").stdout_any().check();
    let value: serde_json::Value = serde_json::from_slice(&outcome.stdout).unwrap();
    let pointer = query.replace(['[', ']', '.'], "/").replace("//", "/").replace("//", "/");
    value.pointer(pointer.trim_end_matches('/')).map_or_else(String::new, ToString::to_string)
}

#[test]
fn a_killed_try_leaves_a_place_that_can_be_used() {
    for driver in ["kernel", "fuse"] {
        let home = home();
        let running = attempt(&home)
            .args(["--name", "x", "--overlay-driver", driver])
            .shell("echo new > n; rm a; echo here; sleep 60")
            .start();
        running.wait_for("here");
        let listed = verb(&home, "changes").stdout_contains("in use").check();
        assert!(listed.text().contains("sleep 60"), "{}", listed.text());
        let held = verb(&home, "discard").arg("x").status(125);
        held.stderr_contains("is using them").check();
        let on = attempt(&home).args(["--on", "x"]).shell("true").status(125);
        on.stderr_contains("is using them").check();
        assert!(json(&home, ".[0].command[2]").contains("sleep"));
        running.signal(Signal::KILL);
        assert_eq!(running.finish().status, 137);
        let said = wait_until(|| {
            let listed = verb(&home, "changes").stdout_any().check().text().to_owned();
            listed.contains("cut short").then_some(listed)
        });
        assert!(said.contains("1 added, 1 deleted"), "{driver}: {said}");
        verb(&home, "diff").arg("x").stdout_contains("+new").check();
        verb(&home, "apply").arg("x").stderr_contains("applied all of x").check();
        assert_eq!(home.scratch().read("work/n"), "new\n");
        assert!(!home.work().join("a").exists());
        verb(&home, "discard").arg("x").stderr_any().check();
    }
}

fn wait_until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..200 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("it never came");
}

#[test]
fn a_command_that_is_killed_keeps_what_it_wrote() {
    let home = home();
    attempt(&home)
        .args(["--name", "x"])
        .shell("echo new > n; kill -9 $$")
        .status(137)
        .stderr_contains("1 change in x")
        .check();
    verb(&home, "changes").stdout_contains("137").check();
}

#[test]
fn damaged_places_are_named_and_can_be_discarded() {
    let home = home();
    for name in ["record", "layers", "upper", "driver", "gone"] {
        attempt(&home).args(["--name", name]).shell("echo > n").stderr_any().check();
    }
    fs::write(kept(&home, "record/record.json"), "{\"version\": 1, ").unwrap();
    fs::rename(kept(&home, "layers/layers"), home.root().join("1")).unwrap();
    fs::rename(kept(&home, "upper/layers/0/upper"), home.root().join("2")).unwrap();
    fs::write(kept(&home, "driver/layers/driver"), "tape").unwrap();
    fs::remove_file(kept(&home, "gone/record.json")).unwrap();
    fs::write(kept(&home, "stray file"), "").unwrap();
    let listed = verb(&home, "changes")
        .stdout_contains("`record.json` is damaged")
        .stdout_contains("names no overlay driver")
        .stderr_contains("`stray file` in ")
        .check();
    let damaged = listed.text().lines().filter(|line| line.contains("  damaged  ")).count();
    assert_eq!(damaged, 5, "{}", listed.text());
    verb(&home, "discard").arg("record").stderr_any().check();
    verb(&home, "discard").arg("--all").stderr_contains("the changes of 4 tries").check();
    let left: Vec<_> = fs::read_dir(kept(&home, "")).unwrap().collect();
    assert_eq!(left.len(), 1);
}

#[test]
fn a_part_is_discarded_as_if_it_had_not_been_written() {
    for driver in ["kernel", "fuse"] {
        let home = home();
        attempt(&home)
            .args(["--name", "x", "--overlay-driver", driver])
            .shell(SCRIPT)
            .stderr_contains("5 changes")
            .check();
        let part = |paths: &[&str]| verb(&home, "discard").arg("x").args(paths);
        part(&["d/e"]).stderr_contains("discarded 1 change of x").check();
        attempt(&home)
            .args(["--on", "x"])
            .shell("cat d/e/c d/y; ls d")
            .stdout("c\ny\ne\ny\n")
            .stderr_any()
            .check();
        let missed = part(&["d", "nothing/here"]).status(125);
        missed.stderr_contains("nothing/here").stderr_contains("discarded 2 changes").check();
        attempt(&home)
            .args(["--on", "x"])
            .shell("cat d/b d/e/c; ls d; cat a n")
            .stdout("b\nc\nb\ne\na\nmore\nnew\n")
            .stderr_contains("2 changes in x: 1 added, 1 modified")
            .check();
        part(&["."]).stderr_contains("discarded 2 changes").check();
        verb(&home, "changes").stdout_contains("nothing").check();
        assert_eq!(home.scratch().read("work/d/e/c"), "c\n");
    }
}

#[test]
fn files_of_subordinate_ids_can_be_discarded() {
    needs!("newuidmap");
    let home = home();
    let write = |flags: &[&str]| {
        attempt(&home)
            .args(["--name", "x", "--root", "--ids", "subids"])
            .args(flags)
            .shell("mkdir -p n/m; echo > n/m/f; chown -R 5:7 n; chmod 700 n")
    };
    write(&[]).stderr_any().check();
    verb(&home, "discard").arg("x").stderr("bryo: note: discarded x\n").check();
    assert!(!kept(&home, "x").exists());
    // By the process that has just looked at them.
    write(&["--discard"]).stderr_contains("discarded x").check();
    assert!(!kept(&home, "x").exists());
}

#[test]
fn nothing_kept_and_no_name_are_told() {
    let home = home();
    let none = "bryo: note: no changes are kept; `bryo try -- COMMAND` makes some\n";
    verb(&home, "changes").stderr(none).check();
    verb(&home, "changes").arg("--json").stdout("[]\n").check();
    verb(&home, "discard").status(125).stderr_contains("no name given").check();
    verb(&home, "discard").arg("x").status(125).stderr_contains("no changes are called").check();
    let dir = attempt(&home).args(["--overlay-dir", "x"]).shell("true").status(125);
    dir.stderr_contains("cannot use `--overlay-dir`").check();
}

#[test]
fn what_cannot_be_recorded_is_kept_and_told() {
    let home = home();
    let run = attempt(&home).args(["--name", "one"]).stdin_piped();
    let mut run = run.shell("echo x > n; echo written; read go").start();
    run.wait_for("written\n");
    let record = kept(&home, "one").join("record.json");
    fs::remove_file(&record).unwrap();
    fs::create_dir(&record).unwrap();
    run.close_stdin();
    let outcome = run.finish();
    assert_eq!(outcome.status, 125);
    let talk = outcome.talk();
    assert!(talk.contains("cannot write the record of `one`"), "{talk}");
    assert!(talk.ends_with("is kept: `bryo diff one`\n"), "{talk}");
    fs::remove_dir(&record).unwrap();
    verb(&home, "diff").arg("one").stdout_contains("+x\n").check();
}
