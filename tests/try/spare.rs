//! The place of a try that changed nothing does for the next one, if it cannot be told from new.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::support::Home;

use super::{attempt, home, verb};

const NOTHING: &str = "bryo: note: nothing was changed\n";

fn spare(home: &Home) -> Option<u64> {
    fs::metadata(home.data().join("bryo/spare")).ok().map(|it| it.ino())
}

/// The small files in it.
fn files(home: &Home) -> Vec<u64> {
    let names = ["directory.new", "record.json.new", "layers/driver.new", "layers/0/lower.new"];
    let file = |name| fs::metadata(home.data().join("bryo/spare").join(name)).unwrap();
    names.map(|name| file(name).ino()).into()
}

fn nothing(home: &Home, script: &str) {
    let flags = ["--overlay-driver", "kernel"];
    attempt(home).args(flags).shell(script).stderr(NOTHING).check();
}

#[test]
fn it_is_used_again_over_another_directory_and_by_another_driver() {
    let home = home();
    nothing(&home, "cat a >/dev/null");
    let first = (spare(&home).unwrap(), files(&home));
    nothing(&home, "true");
    assert_eq!((spare(&home).unwrap(), files(&home)), first);
    for (name, driver) in [("x", "kernel"), ("y", "fuse")] {
        nothing(&home, "true");
        let try_it = attempt(&home).cwd(home.work().join("d"));
        try_it
            .args(["--name", name, "--overlay-driver", driver])
            .shell("stat -c %a .; cat b; echo new > n; rm b")
            .stdout("755\nb\n")
            .stderr_contains("1 added, 1 deleted")
            .check();
        assert_eq!(spare(&home), None, "{driver}");
        verb(&home, "diff").args([name, "--name-only"]).stdout("b\nn\n").check();
    }
    nothing(&home, "true");
    verb(&home, "discard").arg("--all").stderr_any().check();
    assert_eq!(spare(&home), None);
}

#[test]
fn what_a_command_has_left_at_its_top_is_not_used_again() {
    let marked = ["setfattr -n user.x -v y .", "setfacl -d -m u::rwx ."];
    for script in marked {
        let home = home();
        nothing(&home, script);
        assert_eq!(spare(&home), None, "{script}");
    }
    let home = home();
    nothing(&home, "chmod 0 .");
    nothing(&home, "stat -c %a . | grep -qx 755");
}
