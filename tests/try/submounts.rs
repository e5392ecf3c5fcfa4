//! Other filesystems below the working directory: what is written to them is kept, shown, applied,
//! taken back and discarded with the rest, and none of it reaches them before.
//!
//! The kernel's driver gives each of them a layer of its own; fuse-overlayfs has one for all.

use std::fs;

use crate::support::{Bryo, Home, place};

const DRIVERS: [&str; 2] = ["kernel", "fuse"];

/// Mounts: one in memory, and one more below a directory of that; and a directory of the same
/// filesystem, bound to another place.
const MOUNTS: &str = "mkdir m bound ../elsewhere plain; echo e > ../elsewhere/e; echo p > plain/p; \
                      echo f > f; mount -t tmpfs none m; mkdir -p m/d/low m/o; echo in > m/in; \
                      echo d > m/d/d; echo o > m/o/o; mount -t tmpfs none m/d/low; \
                      echo low > m/d/low/low; mount --bind ../elsewhere bound";

/// Touches every filesystem, and the directories between them.
const CHANGES: &str = "echo 1 >> f; echo 2 >> m/in; rm m/o/o; echo 3 > m/d/low/new; \
                       echo 4 >> m/d/low/low; echo 5 >> bound/e; rm plain/p; mkdir m/fresh; \
                       echo 6 > m/fresh/n; echo 7 > m/d/n; cp m/in m/copy; cp f bound/f";

const SHOW: &str = "for f in f m/in m/o/o m/d/d m/d/n m/d/low/low m/d/low/new bound/e bound/f \
                    ../elsewhere/e plain/p m/fresh/n m/copy; do \
                    test -e $f && echo $f: $(cat $f); done; true";

const BEFORE: &str = "f: f\nm/in: in\nm/o/o: o\nm/d/d: d\nm/d/low/low: low\nbound/e: e\n\
                      ../elsewhere/e: e\nplain/p: p\n";
/// As the sandbox sees it, which does not see what is beside it.
const INSIDE: &str = "f: f 1\nm/in: in 2\nm/d/d: d\nm/d/n: 7\nm/d/low/low: low 4\n\
                      m/d/low/new: 3\nbound/e: e 5\nbound/f: f 1\nm/fresh/n: 6\n\
                      m/copy: in 2\n";
const AFTER: &str = "f: f 1\nm/in: in 2\nm/d/d: d\nm/d/n: 7\nm/d/low/low: low 4\n\
                     m/d/low/new: 3\nbound/e: e 5\nbound/f: f 1\n../elsewhere/e: e 5\nm/fresh/n: 6\n\
                     m/copy: in 2\n";
const NAMES: &str = "bound/e\nbound/f\nf\nm/copy\nm/d/low/low\nm/d/low/new\nm/d/n\nm/fresh\n\
                     m/fresh/n\nm/in\nm/o/o\nplain/p\n";

/// A script of one who may mount, as the same user: `b` is bryo, `show` shows the files.
fn session(home: &Home, driver: &str, script: &str) -> Bryo {
    let (bryo, run) = (place::binary(), format!("{MOUNTS}; {script}"));
    let functions = format!(
        "b() {{ {} \"$@\"; }}; show() {{ {SHOW}; }}; \
         attempt() {{ b try --overlay-driver {driver} \"$@\"; }}",
        bryo.display()
    );
    Bryo::program("/usr/bin/unshare")
        .at(home)
        .args(["--user", "--map-current-user", "--keep-caps", "--mount", "sh", "-ec"])
        .arg(format!("{functions}; {run}"))
        .env("CHANGES", CHANGES)
        .env("SHOW", SHOW)
        .leftovers_unjudged()
}

const TRY: &str = "attempt --name x -- sh -c \"$CHANGES\" 2>&1";

macro_rules! needs_mounts {
    () => {
        needs!("unshare");
        let home = Home::new();
        let outcome = session(&home, "auto", "echo mounted").stdout_any().stderr_any().start();
        let outcome = outcome.finish();
        if outcome.text() != "mounted\n" {
            skip!("no mounts in a user namespace: {}", outcome.talk());
        }
    };
}

fn counted(counts: &str) -> String {
    format!(
        "bryo: note: {counts}\nhint: `bryo diff x` shows them, `bryo apply x` carries them over, \
         `bryo discard x` throws them away\n"
    )
}

#[test]
fn nothing_reaches_them_and_all_of_it_is_shown() {
    needs_mounts!();
    for driver in DRIVERS {
        let home = Home::new();
        let all = counted("12 changes in x: 6 added, 4 modified, 2 deleted");
        session(
            &home,
            driver,
            &format!(
                "{TRY}; show; b diff x --name-only | sort; b try --on x -- sh -c \"$SHOW\"; \
                 for l in $XDG_DATA_HOME/bryo/changes/x/layers/*/lower; do cat $l; echo; done \
                 | sed \"s|$PWD|W|\" | sort"
            ),
        )
        .stdout(format!("{all}{BEFORE}{NAMES}{INSIDE}{}", layers(driver)))
        .stderr_any()
        .check();
    }
}

/// Which directories have a layer.
fn layers(driver: &str) -> &'static str {
    match driver {
        "kernel" => "W\nW/bound\nW/m/d/low\nW/m/o\nW/plain\n",
        _ => "W\n",
    }
}

#[test]
fn they_are_applied_and_taken_back() {
    needs_mounts!();
    for driver in DRIVERS {
        let home = Home::new();
        session(
            &home,
            driver,
            &format!(
                "({TRY}) > log; b apply x; show; b undo x; show; b apply x m/d bound; \
                      show | grep -c 1; b apply x; show; b undo x; b undo x; show"
            ),
        )
        .stdout(format!("{AFTER}{BEFORE}1\n{AFTER}{BEFORE}"))
        .stderr_any()
        .check();
    }
}

#[test]
fn a_part_on_one_of_them_is_discarded() {
    needs_mounts!();
    for driver in DRIVERS {
        let home = Home::new();
        let script = format!(
            "({TRY}) > log; b discard x m/d/low m/o bound/e 2>&1; \
             b try --on x -- cat m/d/low/low m/o/o bound/e bound/f m/in 2> log; \
             b apply x; cat m/d/low/low m/o/o bound/e bound/f m/in"
        );
        let seen = "low\no\ne\nf\n1\nin\n2\n";
        session(&home, driver, &script)
            .stdout(format!("bryo: note: discarded 4 changes of x\n{seen}{seen}"))
            .stderr_contains("applied all of x")
            .check();
    }
}

#[test]
fn a_conflict_on_one_of_them_is_seen() {
    needs_mounts!();
    for driver in DRIVERS {
        let home = Home::new();
        let script =
            format!("({TRY}) > log; echo outside > m/d/low/low; b apply x && exit 9; show");
        let before = BEFORE.replace("low: low", "low: outside");
        session(&home, driver, &script)
            .stdout(before)
            .stderr_contains("m/d/low/low`: it was changed outside since the sandbox began")
            .stderr_contains("1 change overtaken")
            .check();
    }
}

#[test]
fn a_try_is_stacked_over_them() {
    needs_mounts!();
    for driver in DRIVERS {
        let home = Home::new();
        let top = "cat m/d/low/low m/fresh/n; ls m/o; echo top >> m/d/low/low; rm m/d/low/new; \
                   echo o > m/o/o; rm -r m/fresh; rm bound/e; echo t > plain/t";
        let script = format!(
            "({TRY}) > log; b try --name top --stack x -- sh -c '{top}' 2> log; cat log >&2; \
             b apply top 2>&1 | head -n 1; b diff top --name-only | sort; b apply x; show; \
             b apply top; show; cat plain/t; b undo top; show; b undo x; show"
        );
        let inside = "low\n4\n6\n";
        let early =
            "bryo: error: cannot apply `top`: they lie on `x`, which still has 12 changes\n";
        let names = "bound/e\nm/d/low/low\nm/d/low/new\nm/fresh\nm/o/o\nplain/t\n";
        let last = "f: f 1\nm/in: in 2\nm/o/o: o\nm/d/d: d\nm/d/n: 7\nm/d/low/low: low 4 top\n\
                    bound/f: f 1\nm/copy: in 2\nt\n";
        session(&home, driver, &script)
            .stdout(format!("{inside}{early}{names}{AFTER}{last}{AFTER}{BEFORE}"))
            .stderr_contains("6 changes in top: 2 added, 1 modified, 3 deleted")
            .check();
    }
}

#[test]
fn mounts_that_came_or_went_since_are_no_ground_for_a_stack() {
    needs_mounts!();
    let home = Home::new();
    let script = "attempt --name x -- sh -c 'echo 1 >> plain/p; echo 2 > m/d/low/new' 2>log; \
                  umount m/d/low; b try --name top --stack x -- true 2>&1 && exit 9; \
                  ls $XDG_DATA_HOME/bryo/changes; mkdir plain/sub; mount -t tmpfs none plain/sub; \
                  b try --name top --stack x -- true 2>&1 | grep -c 'other filesystems'";
    let outcome = session(&home, "kernel", script).stdout_any().check();
    assert!(outcome.text().contains("was written when other filesystems were mounted there"));
    assert!(outcome.text().ends_with("\nx\n1\n"), "{}", outcome.text());
    assert!(!fs::exists(home.data().join("bryo/changes/top")).unwrap());
}
