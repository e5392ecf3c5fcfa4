//! What is stacked, and on what: other directories, the home, the system, random trees.

use std::fs;

use crate::support::{Bryo, Home, place};

use super::super::{attempt, kept, verb};
use super::{DRIVERS, base, home};

#[test]
fn it_is_stacked_from_where_and_as_the_base_was_made() {
    let home = home();
    base(&home, "kernel");
    let refused = |run: Bryo| run.status(125).stderr_contains("cannot use `--stack`");
    let stack = || attempt(&home).args(["--name", "top", "--stack", "base"]).shell("true");
    refused(stack().cwd(home.work().join("d")))
        .stderr_contains("which would be no overlay here")
        .stderr_contains("hint: run it from the same directory")
        .check();
    let plan = attempt(&home).args(["--stack", "base", "--explain"]).command(["true"]);
    plan.stdout_contains(", stacked on ").check();
    let other = attempt(&home).args(["--stack", "base", "--overlay-driver", "fuse"]).shell("true");
    other.status(125).stderr_contains("were written by the kernel driver").check();
    let within = attempt(&home).args(["--stack", "base", "--overlay", "d"]).shell("true");
    refused(within).stderr_contains("would hide what").check();
    assert_eq!(fs::read_dir(kept(&home, "")).unwrap().count(), 1);
}

#[test]
fn a_home_under_an_overlay_is_stacked_as_well() {
    for driver in DRIVERS {
        let home = home();
        home.scratch().write("home/.bashrc", "alias l=ls\n");
        let run = |words: &[&str]| attempt(&home).args(["--home", "overlay"]).args(words);
        run(&["--name", "base", "--overlay-driver", driver])
            .shell("echo one >> ~/.bashrc; echo b > b")
            .stderr_any()
            .check();
        run(&["--name", "top", "--stack", "base"])
            .shell("cat b ~/.bashrc; echo two >> ~/.bashrc; rm b")
            .stdout("b\nalias l=ls\none\n")
            .stderr_contains("2 changes in top: 1 modified, 1 deleted")
            .check();
        let without = attempt(&home).args(["--stack", "base"]).shell("true").status(125);
        without.stderr_contains("the same `--home`").check();
        verb(&home, "apply").arg("base").stderr_any().check();
        verb(&home, "apply").arg("top").stderr_any().check();
        assert_eq!(home.scratch().read("home/.bashrc"), "alias l=ls\none\ntwo\n");
        assert!(!home.work().join("b").exists());
    }
}

#[test]
fn the_system_under_an_overlay_is_stacked_as_well() {
    let device = fs::File::options().read(true).write(true).open("/dev/fuse");
    if crate::support::program("fuse-overlayfs").is_none() || device.is_err() {
        skip!("fuse-overlayfs cannot be used");
    }
    let home = home();
    let run = |words: &[&str]| attempt(&home).args(["--root", "--system"]).args(words);
    run(&["--name", "base"])
        .shell("echo one > /etc/bryo-test.conf; echo '# x' >> /etc/profile; rm /etc/passwd")
        .stderr_contains("in base: ")
        .check();
    run(&["--name", "top", "--stack", "base"])
        .shell(
            "cat /etc/bryo-test.conf; stat -c %u:%g /etc/bryo-test.conf /etc/profile; \
                tail -n 1 /etc/profile; echo two >> /etc/bryo-test.conf",
        )
        .stdout("one\n0:0\n0:0\n# x\n")
        .stderr_contains("1 change in top: 1 modified")
        .check();
    let diff = verb(&home, "diff").arg("top").stdout_contains(" one\n+two\n").check();
    assert!(!diff.text().contains("owner"), "{}", diff.text());
}

#[test]
fn random_changes_on_top_of_random_changes() {
    needs!("python3");
    for seed in 1..=4_u32 {
        let home = Home::new();
        let script = home.work().join("random_tree.py");
        fs::copy(place::tree().join("tests/changes/random_tree.py"), &script).unwrap();
        for name in ["plain", "tried"] {
            fs::create_dir(home.work().join(name)).unwrap();
        }
        let seeds = [seed, seed + 1000, seed + 2000].map(|seed| seed.to_string());
        // Never applied; and what the top writes to a hard link of the base is a file of its own,
        // as in every overlay.
        let without = ["fifo", "socket", "hard_link", "hard_link_of_a_file"];
        let python = |words: &[&str]| {
            let run = Bryo::program("/usr/bin/python3").at(&home).arg(&script).args(words);
            run.stdout_any().check().text().to_owned()
        };
        python(&["make", &seeds[0], "20", "250", "plain", "tried"]);
        for seed in &seeds[1..] {
            python(&[&["change", seed, "20", "250", "plain"], without.as_slice()].concat());
        }
        let script = script.to_str().unwrap();
        let attempt = |words: [&str; 4], seed: &str| {
            let change = ["python3", script, "change", seed, "20", "250", "."];
            let run = attempt(&home).cwd(home.work().join("tried")).args(words);
            run.args(["--ro", script])
                .command(change)
                .args(without)
                .stdout_any()
                .stderr_any()
                .check();
        };
        let before = python(&["show", "tried"]);
        attempt(["--name", "base", "--overlay-driver", "kernel"], &seeds[1]);
        attempt(["--name", "top", "--stack", "base"], &seeds[2]);
        assert_eq!(python(&["show", "tried"]), before);
        verb(&home, "apply").arg("base").stderr_any().check();
        verb(&home, "apply").arg("top").stderr_any().check();
        let (wanted, is) = (python(&["show", "plain"]), python(&["show", "tried"]));
        for (wanted, is) in wanted.lines().zip(is.lines()) {
            assert_eq!(wanted, is, "seed {seed}");
        }
        assert_eq!(wanted.lines().count(), is.lines().count());
        verb(&home, "undo").arg("top").stderr_any().check();
        verb(&home, "undo").arg("base").stderr_any().check();
        assert_eq!(python(&["show", "tried"]), before, "seed {seed}");
    }
}
