//! `--system`: what a command installs, without a change to the system.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::support::{Home, place};

use super::{attempt, verb};

const MAKEFILE: &str = "install:\n\tinstall -D -m755 tool /usr/local/bin/bryo-test-tool\n\
                        \techo conf > /etc/bryo-test.conf\n\techo '# x' >> /etc/profile\n";

pub(super) fn lacking() -> Option<&'static str> {
    let device = || fs::File::options().read(true).write(true).open("/dev/fuse").is_err();
    match () {
        () if crate::support::program("fuse-overlayfs").is_none() => Some("no fuse-overlayfs"),
        () if device() => Some("/dev/fuse cannot be opened"),
        () => None,
    }
}

#[test]
fn make_install_can_be_tried() {
    needs!("make");
    if let Some(why) = lacking() {
        skip!("{why}");
    }
    let home = Home::new();
    home.scratch().write("work/Makefile", MAKEFILE);
    home.scratch().script("work/tool", "#!/bin/sh\necho tool\n");
    let profile = fs::read("/etc/profile").unwrap();
    attempt(&home)
        .args(["--name", "x", "--root", "--system"])
        .shell("make -s install && bryo-test-tool && stat -c %u:%g /etc/profile /usr/bin")
        .stdout("tool\n0:0\n0:0\n")
        .stderr_contains("3 changes in x: 2 added, 1 modified")
        .check();
    assert!(!fs::exists("/etc/bryo-test.conf").unwrap());
    assert!(!fs::exists("/usr/local/bin/bryo-test-tool").unwrap());
    assert_eq!(fs::read("/etc/profile").unwrap(), profile);
    verb(&home, "diff").arg("x").stdout_contains("+# x").stdout_contains("+conf").check();
    // The user may not write there, and nothing is begun.
    verb(&home, "apply").arg("x").status(125).stderr_any().check();
    assert!(!fs::exists("/etc/bryo-test.conf").unwrap());
    verb(&home, "changes").stdout_contains("2 added, 1 modified").check();
    verb(&home, "discard").arg("x").stderr_any().check();
}

/// What Debian's pip refuses without the flag, and nobody undoes after it.
#[test]
fn slow_pip_can_break_system_packages_and_breaks_none() {
    let pip = Command::new("/usr/bin/python3").args(["-m", "pip", "--version"]).output();
    if !pip.is_ok_and(|it| it.status.success()) {
        skip!("/usr/bin/python3 has no pip");
    }
    if let Some(why) = lacking() {
        skip!("{why}");
    }
    let home = Home::new();
    let wheel = fs::read(place::tree().join("tests/tools/python/wheel.py")).unwrap();
    home.scratch().write("work/wheel.py", wheel);
    let install = "/usr/bin/python3 wheel.py && /usr/bin/python3 -m pip install --quiet \
                   --break-system-packages --root-user-action=ignore --no-index --no-compile \
                   ./small-1.0-py3-none-any.whl && /usr/local/bin/small && \
                   cd / && /usr/bin/python3 -c 'import small; print(small.__file__)'";
    let tried = attempt(&home)
        .args(["--name", "x", "--root", "--system"])
        .shell(install)
        .stdout_contains("a package\n/usr/local/lib/python3")
        .stderr_contains("changes in x: ")
        .limit(Duration::from_secs(60))
        .check();
    let module = tried.text().lines().last().unwrap().to_owned();
    assert!(!fs::exists(&module).unwrap());
    assert!(!fs::exists("/usr/local/bin/small").unwrap());
    verb(&home, "diff")
        .args(["x", "--summary"])
        .stdout_contains("! /usr/local/bin/small  may be executed now\n")
        .stdout_contains("+   small.py  ")
        .check();
    verb(&home, "diff").args(["x", &module]).stdout_contains("+def main():").check();
    verb(&home, "discard").arg("x").stderr("bryo: note: discarded x\n").check();
    assert!(!fs::exists(&module).unwrap());
}

/// Files of others are root's inside, and root may do with them what their modes let him.
#[test]
fn slow_files_of_others_are_roots_and_what_you_cannot_read_stays_closed() {
    if let Some(why) = lacking() {
        skip!("{why}");
    }
    let home = Home::new();
    let script = "find /usr /etc /opt \\( ! -user 0 -o ! -group 0 \\) 2>/dev/null; \
                  cat /etc/shadow; (echo x >> /etc/shadow); rm /etc/profile && test ! -e /etc/profile";
    attempt(&home)
        .args(["--name", "x", "--root", "--system"])
        .shell(script)
        .stderr_contains("/etc/shadow: Permission denied")
        .stderr_contains("cannot create /etc/shadow")
        .stderr_contains("1 change in x: 1 deleted\n")
        .limit(Duration::from_secs(60))
        .check();
    assert!(fs::exists("/etc/profile").unwrap());
    verb(&home, "apply")
        .arg("x")
        .stderr_contains("you may not write to `/etc`")
        .stderr_contains("nothing was touched")
        .status(125)
        .check();
    verb(&home, "discard").arg("x").stderr_any().check();
}

#[test]
fn the_system_is_roots_and_needs_a_driver_that_can_say_so() {
    let home = Home::new();
    let alone = attempt(&home).arg("--system").shell("true").status(125);
    alone.stderr_contains("the command is not root").stderr_contains("hint: add `--root`").check();
    attempt(&home)
        .args(["--root", "--system", "--overlay-driver", "kernel"])
        .shell("true")
        .status(125)
        .stderr_contains("the files in `/usr`, `/etc` and `/opt` are root's")
        .check();
}
