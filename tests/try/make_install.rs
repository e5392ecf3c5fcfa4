//! `make install` into /usr/local, on a machine whose root is the user of the tests: a namespace in
//! which a directory of the test is /usr/local. What a user who is not root meets is in `system`.

use crate::support::{Bryo, Home, Tree, place, program};

use super::system::lacking;

const MAKEFILE: &str = "install: tool
\t@install -D -m755 tool /usr/local/bin/moss
\t@install -D -m644 tool.1 /usr/local/share/man/man1/moss.1
\t@echo moss >> /usr/local/share/list

tool:
\t@printf '#!/bin/sh\\necho it grows\\n' > tool
";

/// `bryo VERB …` as root of that machine.
fn as_root(home: &Home, verb: &str) -> Bryo {
    let machine = "mount --bind \"$0\" /usr/local && exec \"$@\"";
    Bryo::program(program("unshare").unwrap())
        .at(home)
        .args(["--user", "--map-root-user", "--mount", "bash", "-c", machine])
        .arg(home.root().join("local"))
        .arg(place::binary())
        .arg(verb)
        .leftovers_unjudged()
}

fn host(home: &Home) -> [Tree; 2] {
    [home.root().join("local"), home.work()].map(|it| Tree::of(&it))
}

#[track_caller]
fn assert_changed(before: &[Tree; 2], home: &Home, local: &[&str], work: &[&str]) {
    let now = host(home);
    assert_eq!(before[0].changed_in(&now[0]), local);
    assert_eq!(before[1].changed_in(&now[1]), work);
}

#[test]
fn a_program_is_installed_without_its_manual_and_taken_back() {
    needs!("make", "unshare");
    if let Some(why) = lacking() {
        skip!("{why}");
    }
    let home = Home::new();
    home.scratch().write("work/Makefile", MAKEFILE);
    home.scratch().write("work/tool.1", "manual\n");
    home.scratch().write("local/share/list", "fern\n");
    home.scratch().dir("local/bin");
    let before = host(&home);

    as_root(&home, "try")
        .args(["--root", "--system", "--name", "moss"])
        .shell("make install && moss && stat -c %u /usr/local/bin/moss")
        .stdout("it grows\n0\n")
        .stderr_contains("6 changes in moss: 5 added, 1 modified\n")
        .check();
    assert_changed(&before, &home, &[], &[]);

    as_root(&home, "diff")
        .args(["moss", "--summary"])
        .stdout(
            "! /usr/local/bin/moss  may be executed now\n\n+ tool  24B\n  /usr/local/bin/\n\
             +   moss  24B\n  /usr/local/share/\n~   list  10B, was 5B\n+   man/  2 names, 7B\n",
        )
        .check();
    as_root(&home, "diff")
        .args(["moss", "/usr/local/share"])
        .stdout_contains(" fern\n+moss\n")
        .stdout_contains("+manual\n")
        .stdout_lacks("it grows")
        .check();
    assert_changed(&before, &home, &[], &[]);

    as_root(&home, "apply")
        .args(["moss", "/usr/local/bin", "/usr/local/share/list"])
        .stderr_contains("applied a part of moss; 4 changes left\n")
        .check();
    assert_changed(&before, &home, &["bin/moss", "share/list"], &[]);
    let applied = host(&home);
    assert_eq!(home.scratch().read("local/share/list"), "fern\nmoss\n");

    as_root(&home, "discard").args(["moss", "."]).stderr_contains("discarded 1 change").check();
    assert_changed(&applied, &home, &[], &[]);
    as_root(&home, "undo").arg("moss").stderr_contains("as it was before").check();
    assert_changed(&before, &home, &[], &[]);
    as_root(&home, "apply")
        .args(["moss", "/usr/local/bin"])
        .stderr_contains("applied a part of moss; 4 changes left\n")
        .check();
    as_root(&home, "discard")
        .arg("moss")
        .stderr_contains("discarded moss; what was applied")
        .check();
    assert_changed(&before, &home, &["bin/moss"], &[]);
}
