//! What a try wrote while the machine went down may not be whole, and is not used unlooked at.

use std::fs;

use rustix::process::Signal;

use crate::support::Home;

use super::{attempt, home, kept, verb, wait_until};

const DOWN: &str = "the machine went down before all of it was on the disk";

/// A try called `x` whose bryo was killed.
fn killed(driver: &str) -> Home {
    let home = home();
    let running = attempt(&home)
        .args(["--name", "x", "--overlay-driver", driver])
        .shell("echo new > n; echo here; sleep 60")
        .start();
    running.wait_for("here");
    running.signal(Signal::KILL);
    assert_eq!(running.finish().status, 137);
    wait_until(|| {
        let listed = verb(&home, "changes").stdout_any().check().text().to_owned();
        listed.contains("cut short").then_some(())
    });
    home
}

#[test]
fn a_try_goes_on_after_bryo_was_killed() {
    for driver in ["kernel", "fuse"] {
        let home = killed(driver);
        let mark = kept(&home, "x").join("layers/unsynced");
        assert!(mark.exists(), "{driver}");
        let on = attempt(&home).args(["--on", "x"]).shell("cat n; echo more >> n").stdout("new\n");
        on.stderr_contains("1 change in x: 1 added").check();
        assert!(!mark.exists(), "{driver}");
        // Once more, on one that has ended.
        let on = attempt(&home).args(["--on", "x"]).shell("cat n").stdout("new\nmore\n");
        on.stderr_contains("1 change in x: 1 added").check();
        verb(&home, "apply").arg("x").stderr_contains("applied all of x").check();
    }
}

#[test]
fn what_another_boot_left_unsynced_is_shown_and_discarded_but_not_used() {
    let home = killed("kernel");
    let mark = kept(&home, "x").join("layers/unsynced");
    let of_this_boot = fs::read(&mark).unwrap();
    let mut of_another = of_this_boot.clone();
    of_another[11] ^= 1;
    // That of another boot, and one that did not come to the disk itself.
    for said in [of_another.as_slice(), b""] {
        fs::write(&mark, said).unwrap();
        verb(&home, "diff").arg("x").stdout_contains("+new").check();
        verb(&home, "apply").arg("x").status(125).stderr_contains(DOWN).check();
        let on = attempt(&home).args(["--on", "x"]).shell("true").status(125);
        on.stderr_contains(DOWN).check();
        assert!(!home.work().join("n").exists());
    }
    // The user has looked at it.
    fs::remove_file(&mark).unwrap();
    verb(&home, "apply").arg("x").stderr_contains("applied all of x").check();
    assert_eq!(home.scratch().read("work/n"), "new\n");
    verb(&home, "discard").arg("x").stderr_any().check();
}
