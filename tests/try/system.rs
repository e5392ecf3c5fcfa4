//! `--system`: what a command installs, without a change to the system.

use std::fs;

use crate::support::Home;

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
