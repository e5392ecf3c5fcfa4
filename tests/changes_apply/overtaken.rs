//! What was changed outside since the sandbox began, or since its changes were applied.

use std::fs;
use std::process::Command;

use crate::support::{Bryo, Home};

use super::{Elsewhere, apply, home_with_tree, tried, tried_in, undo, upper, verb};

/// Something that happens outside between the try and the apply, and what is said of it.
type Case = (&'static str, fn(&Home), &'static str);

const OVERTAKEN: [Case; 6] = [
    ("echo x >> a", |home| fs::write(home.work().join("a"), "outside").unwrap(), "it was changed"),
    ("rm a", |home| fs::write(home.work().join("a"), "outside").unwrap(), "it was changed"),
    ("echo x > n", |home| fs::write(home.work().join("n"), "outside").unwrap(), "it was made"),
    ("echo x >> a", |home| fs::remove_file(home.work().join("a")).unwrap(), "it was removed"),
    ("echo x > d/n", |home| fs::remove_dir_all(home.work().join("d")).unwrap(), "it was removed"),
    (
        "rm -r d",
        |home| fs::write(home.work().join("d/b"), "outside").unwrap(),
        "something in it was changed",
    ),
];

#[test]
fn what_was_changed_outside_stops_an_apply_before_it_touches_anything() {
    for (script, outside, said) in OVERTAKEN {
        let home = home_with_tree();
        tried(&home, &format!("{script}; echo y > other"));
        outside(&home);
        verb(&home, "apply")
            .arg("it")
            .stderr_contains(said)
            .stderr_contains("nothing was touched")
            .status(125)
            .check();
        assert!(!home.work().join("other").exists(), "{script}");
        verb(&home, "apply").args(["it", "--skip-conflicts"]).stderr_contains(said).check();
        assert!(home.work().join("other").exists(), "{script}");
        verb(&home, "undo").arg("it").stderr_any().check();
        verb(&home, "apply").args(["it", "--force"]).stderr_any().check();
        assert!(home.work().join("other").exists(), "{script}");
    }
}

#[test]
fn an_apply_after_an_undo_knows_its_own_files() {
    for lower in [None, Elsewhere::new()] {
        let home = Home::new();
        let work = lower.as_ref().map_or_else(|| home.work(), |it| it.0.clone());
        fs::write(work.join("a"), "a\n").unwrap();
        fs::create_dir(work.join("d")).unwrap();
        fs::write(work.join("d/b"), "b\n").unwrap();
        tried_in(&home, work.clone(), "echo x >> a; rm -r d; echo n > n");
        for _ in 0..3 {
            apply(&home);
            assert_eq!(fs::read_to_string(work.join("a")).unwrap(), "a\nx\n");
            undo(&home);
            assert_eq!(fs::read_to_string(work.join("a")).unwrap(), "a\n");
            assert_eq!(fs::read_to_string(work.join("d/b")).unwrap(), "b\n");
        }
        fs::write(work.join("a"), "outside").unwrap();
        verb(&home, "apply").arg("it").stderr_contains("it was changed").status(125).check();
    }
}

#[test]
fn an_undo_stops_where_its_files_were_changed_since() {
    let home = home_with_tree();
    tried(&home, "echo x >> a; mkdir e");
    apply(&home);
    fs::write(home.work().join("a"), "outside").unwrap();
    fs::write(home.work().join("e/f"), "outside").unwrap();
    verb(&home, "undo")
        .arg("it")
        .stderr_contains("it was changed since")
        .stderr_contains("something was put into it")
        .status(125)
        .check();
    assert_eq!(home.scratch().read("work/a"), "outside");
}

/// What the sandbox does, what is removed outside before it has ended, and what is said of which
/// name: `None` where that name may have been renamed in the sandbox, as far as anything tells.
type Removal = (&'static str, &'static str, Option<&'static str>);

const REMOVED: [Removal; 8] = [
    ("echo x >> a; ln c l", "a", Some("a")),
    ("chmod 700 a; mv c n", "a", Some("a")),
    ("chmod 700 a; sed -i s/c/x/ c", "a", Some("a")),
    ("echo x >> d/b; mkdir e; echo n > e/n", "d", Some("d/b")),
    ("mv c n", "a", None),
    ("mv c n; echo x >> n", "a", None),
    ("ln c l; echo x >> c", "a", None),
    ("rm a; echo x > a; mkdir e; mv c e/c", "a", None),
];

#[test]
fn what_was_removed_outside_while_the_sandbox_lived_is_a_conflict() {
    for driver in ["kernel", "fuse"] {
        if driver == "fuse" {
            needs_fuse!();
        }
        for (script, removed, said) in REMOVED {
            let home = home_with_tree();
            home.scratch().write("work/c", "c\n");
            let sandbox = Bryo::verb("try")
                .at(&home)
                .args(["--name", "it", "--overlay-driver", driver])
                .shell(&format!("{script}; echo ready; read line"))
                .stdin_piped()
                .start();
            sandbox.wait_for("ready");
            Command::new("rm").arg("-r").arg(home.work().join(removed)).status().unwrap();
            sandbox.finish();
            let apply = verb(&home, "apply").arg("it");
            let Some(name) = said else {
                apply.stderr_contains("applied all").check();
                continue;
            };
            let said = "it, or what it was made from, was removed outside";
            apply
                .stderr_contains(format!("work/{removed}"))
                .stderr_contains(said)
                .status(125)
                .check();
            // The next run of the sandbox, and an apply of something else, are no reason to forget it.
            let on = Bryo::verb("try").at(&home).args(["--on", "it"]).shell("echo y > y");
            on.stderr_any().leftovers_unjudged().check();
            verb(&home, "apply").args(["it", "y"]).stderr_any().check();
            let apply = verb(&home, "apply").args(["it", "--skip-conflicts"]);
            apply.stderr_contains(said).stderr_any().check();
            assert!(!home.work().join(name).exists(), "{driver}: {script}");
            verb(&home, "apply").args(["it", "--force"]).stderr_contains("applied all").check();
            assert!(home.work().join(name).exists(), "{driver}: {script}");
        }
    }
}

/// With `--force`, what was changed since is among the changes afterwards, and the old is back.
#[test]
fn an_undo_by_force_puts_what_was_changed_since_among_the_changes() {
    for lower in [None, Elsewhere::new()] {
        let home = Home::new();
        let work = lower.as_ref().map_or_else(|| home.work(), |it| it.0.clone());
        let write = |name: &str, text: &str| fs::write(work.join(name), text).unwrap();
        let read = |name: &str| fs::read_to_string(work.join(name)).unwrap();
        fs::create_dir(work.join("d")).unwrap();
        ["a", "c", "d/b"].iter().for_each(|name| write(name, "old\n"));
        tried_in(&home, work.clone(), "echo x >> a; echo x >> c; mkdir e; echo n > n; rm d/b");
        verb(&home, "apply").arg("it").stderr_any().check();
        ["a", "n", "e/f", "d/b"].iter().for_each(|name| write(name, "outside"));
        fs::remove_file(work.join("c")).unwrap();
        verb(&home, "undo").arg("it").stderr_contains("--force").stderr_any().status(125).check();
        verb(&home, "undo").args(["it", "--force"]).stderr_contains("as it was").check();
        assert!(!work.join("n").exists());
        assert_eq!(["a", "c", "d/b", "e/f"].map(read), ["old\n", "old\n", "old\n", "outside"]);
        for name in ["a", "n", "d/b"] {
            assert_eq!(fs::read_to_string(upper(&home).join(name)).unwrap(), "outside");
        }
    }
}
