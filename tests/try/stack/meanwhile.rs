//! What happens beside a stack: changes outside, a try that is killed, others at work, damage.

use std::fs;

use rustix::process::Signal;

use crate::support::Bryo;

use super::super::{attempt, kept, verb, wait_until};
use super::{DRIVERS, TOP, base, home, plainly, top, tree};

#[test]
fn what_others_changed_meanwhile_is_a_conflict_all_the_same() {
    let changed = "it was changed outside since the sandbox began";
    let within = "something in it was changed outside since the sandbox began";
    let cases = [
        // Of the base, and changed after it was applied.
        ("echo outside > n", "/n", changed),
        ("touch del/z", "/del", within),
        // Of the host, which the base has not changed.
        ("echo outside > h", "/h", changed),
        ("echo outside > del/stray", "/del", within),
        ("mkdir del/stray", "/del", within),
        // Removed by the base, made again by the top and by somebody else.
        ("echo outside > gone", "/gone", "it was made outside since the sandbox began"),
        ("rm n", "/n", "it was removed outside since the sandbox began"),
    ];
    for (number, (outside, path, why)) in cases.into_iter().enumerate() {
        let home = home();
        base(&home, DRIVERS[number % 2]);
        top(&home);
        verb(&home, "apply").arg("base").stderr_any().check();
        Bryo::program("/bin/sh").at(&home).args(["-c", outside]).check();
        let before = tree(&home.work());
        let refused = verb(&home, "apply").arg("top").status(125);
        let refused = refused.stderr_contains("1 change overtaken by changes outside");
        refused.stderr_contains(format!("work{path}`: {why}")).check();
        assert_eq!(tree(&home.work()), before);
    }
}

#[test]
fn what_was_changed_before_the_base_was_applied_is_a_conflict_of_both() {
    let home = home();
    base(&home, "kernel");
    top(&home);
    home.scratch().write("work/del/stray", "outside\n");
    home.scratch().write("work/a", "outside\n");
    verb(&home, "apply").arg("base").status(125).stderr_contains("1 change overtaken").check();
    verb(&home, "apply").args(["base", "--force"]).stderr_any().check();
    let refused = verb(&home, "apply").arg("top").status(125);
    refused.stderr_contains("1 change overtaken").stderr_contains("work/del`").check();
}

#[test]
fn a_try_that_was_killed_before_it_could_look_below_is_applied_as_well() {
    let [_, both] = plainly();
    for driver in DRIVERS {
        let home = home();
        base(&home, driver);
        let running = attempt(&home)
            .args(["--name", "top", "--stack", "base"])
            .shell(&format!("{TOP}; echo here; sleep 60"))
            .start();
        running.wait_for("here");
        running.signal(Signal::KILL);
        assert_eq!(running.finish().status, 137);
        let listed = || verb(&home, "changes").stdout_any().check().text().contains("cut short");
        wait_until(|| listed().then_some(()));
        assert!(!kept(&home, "top/baseline").exists());
        verb(&home, "apply").arg("base").stderr_any().check();
        verb(&home, "apply").arg("top").stderr_any().check();
        assert_eq!(tree(&home.work()), both, "{driver}");
    }
}

#[test]
fn two_at_once_over_one_and_nobody_changes_it_meanwhile() {
    for driver in DRIVERS {
        let home = home();
        base(&home, driver);
        let start = |name: &str| {
            let run = attempt(&home).args(["--name", name, "--stack", "base"]).stdin_piped();
            let running = run.shell("cat n; echo here; read go; echo $go > n").start();
            running.wait_for("here");
            running
        };
        let (mut one, mut two) = (start("one"), start("two"));
        let both = [one.pid(), two.pid()].map(|pid| pid.to_string());
        for run in [
            verb(&home, "apply").arg("base"),
            verb(&home, "undo").arg("base"),
            verb(&home, "discard").arg("base"),
            verb(&home, "discard").args(["base", "a"]),
            attempt(&home).args(["--on", "base"]).shell("true"),
        ] {
            let outcome = run.status(125).stderr_contains("are using them").check();
            assert!(both.iter().all(|pid| outcome.talk().contains(pid)), "{}", outcome.talk());
        }
        one.send("1\n");
        two.send("2\n");
        for (running, name, content) in [(one, "one", "1\n"), (two, "two", "2\n")] {
            let outcome = running.finish();
            assert_eq!(outcome.text(), "new\nhere\n", "{}", outcome.talk());
            let on = attempt(&home).args(["--on", name]).shell("cat n");
            on.stdout(content).stderr_any().check();
        }
        // While one goes on with the base, nothing is stacked on it.
        verb(&home, "discard").arg("one").stderr_any().check();
        verb(&home, "discard").arg("two").stderr_any().check();
        let on = attempt(&home).args(["--on", "base"]).stdin_piped();
        let mut on = on.shell("echo here; read go").start();
        on.wait_for("here");
        let late = attempt(&home).args(["--name", "late", "--stack", "base"]).shell("true");
        let late = late.status(125).stderr_contains("is using them").check();
        assert!(late.talk().contains(&on.pid().to_string()), "{}", late.talk());
        assert!(!kept(&home, "late").exists());
        on.send("\n");
        assert_eq!(on.finish().status, 0);
    }
}

#[test]
fn damage_below_is_named_and_the_top_can_be_discarded() {
    let home = home();
    let make = || {
        base(&home, "kernel");
        top(&home);
    };
    let verbs = |why: &str| {
        for run in [
            verb(&home, "diff").arg("top"),
            verb(&home, "apply").arg("top"),
            verb(&home, "discard").args(["top", "a"]),
            attempt(&home).args(["--on", "top"]).shell("true"),
            attempt(&home).args(["--name", "new", "--stack", "top"]).shell("true"),
        ] {
            run.status(125).stderr_contains(why).check();
        }
        assert!(!kept(&home, "new").exists());
        verb(&home, "discard").arg("top").stderr("bryo: note: discarded top\n").check();
    };
    make();
    fs::remove_dir_all(kept(&home, "base/layers")).unwrap_err();
    fs::rename(kept(&home, "base"), home.root().join("base")).unwrap();
    let gone = "the changes `base`, which they lie over, are gone";
    verb(&home, "changes").stdout_contains("damaged").stdout_contains(gone).check();
    verbs(gone);

    make();
    fs::rename(kept(&home, "base"), home.root().join("first")).unwrap();
    base(&home, "kernel");
    verbs("the changes `base`, which they lie over, are gone, and others have the name");

    let run = attempt(&home).args(["--name", "top", "--stack", "base"]);
    run.shell("echo > x").stderr_any().check();
    fs::write(kept(&home, "top/layers/below"), "../../../etc/layers").unwrap();
    verbs("names no layers that these could lie over");

    let run = attempt(&home).args(["--name", "top", "--stack", "base"]);
    run.shell("echo > x").stderr_any().check();
    fs::write(kept(&home, "base/layers/below"), "../../top/layers").unwrap();
    verb(&home, "diff").arg("top").status(125).stderr_contains("lie below one another").check();
    verb(&home, "discard").arg("--all").status(125).stderr_any().check();
    fs::remove_file(kept(&home, "base/layers/below")).unwrap();

    // A top that cannot be read stops what is below before anything is touched.
    fs::write(kept(&home, "top/layers/driver"), "tape").unwrap();
    let before = tree(&home.work());
    verb(&home, "apply").arg("base").status(125).stderr_contains("no overlay driver").check();
    assert_eq!(tree(&home.work()), before);
    verb(&home, "discard").arg("--all").stderr_contains("2 tries").check();
}
