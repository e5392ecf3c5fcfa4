//! What is mistyped, left out or put in the wrong place: answered by what was meant.

use std::os::unix::fs::symlink;

use crate::support::Bryo;

use super::{attempt, home, verb};

#[test]
fn only_a_look_may_guess_the_name() {
    let home = home();
    let nothing = verb(&home, "diff").status(125);
    nothing.stderr_contains("no changes of this directory are kept").check();
    attempt(&home).args(["--name", "one"]).shell("echo 1 > n").stderr_any().check();
    attempt(&home).args(["--name", "two"]).shell("echo 2 > n").stderr_any().check();
    let elsewhere = attempt(&home).cwd(home.home()).args(["--home", "overlay", "--name", "three"]);
    elsewhere.shell("echo 3 > n").stderr_any().check();
    for below in ["", "d"] {
        verb(&home, "diff")
            .cwd(home.work().join(below))
            .stdout_contains("+2\n")
            .stderr("bryo: note: these are the changes of two\n")
            .check();
    }
    for word in ["apply", "undo", "discard"] {
        let refused = verb(&home, word).status(125).stderr_contains("no name given");
        refused.stderr_contains(format!("`bryo {word} two` means the newest")).check();
    }
    let path = verb(&home, "diff").arg("d").status(125);
    path.stderr_contains("the name comes first: `bryo diff two d`").check();
    assert!(!home.work().join("n").exists());
}

#[test]
fn an_empty_path_is_not_the_working_directory() {
    let home = home();
    attempt(&home).args(["--name", "one"]).shell("echo x > n").stderr_any().check();
    for word in ["diff", "apply", "discard"] {
        let empty = verb(&home, word).args(["one", ""]).status(125);
        empty
            .stderr("bryo: error: a PATH is empty\n\nhint: the working directory is `.`\n")
            .check();
    }
    symlink("work", home.scratch().path().join("link")).unwrap();
    let linked = verb(&home, "diff").arg("one").arg(home.scratch().path().join("link/n"));
    linked.stdout_contains("+x\n").check();
    let missed = verb(&home, "discard").args(["one", "a"]).status(125);
    missed.stderr_lacks("note").stderr_contains("no change is at").check();
    assert!(!home.work().join("n").exists());
    verb(&home, "diff").args(["one", "."]).stdout_contains("+x\n").check();
}

#[test]
fn what_is_mistyped_is_answered() {
    let home = home();
    let said = |words: &[&str]| Bryo::bare().at(&home).args(words).status(125);
    said(&["try"]).stderr_contains("`bryo try -- bash` starts a shell").check();
    said(&["list"]).stderr_contains("did you mean `changes`?").check();
    said(&["revert", "x"]).stderr_contains("did you mean `undo`?").check();
    said(&["undo", "x", "y"]).stderr_contains("`y` is a word too many").check();
    let asked = Bryo::bare().args(["help", "try"]).stdout_contains("Afterwards:\n").check();
    Bryo::bare().args(["try", "--help"]).stdout(asked.text()).check();
    Bryo::bare().arg("help").stdout_contains("Verbs:\n").check();
    said(&["discard", "--all", "x"]).stderr_contains("`--all` and `NAME` do not").check();
    said(&["changes", "moss"]).stderr_contains("`bryo diff NAME` shows the changes").check();
    said(&["diff", "--bogus"]).stderr_contains("`bryo diff --help` lists").check();
    said(&["diff", ""]).stderr_contains("no changes are called ``\n").check();
    let fetch = || attempt(&home).env("PATH", home.work());
    home.scratch().script("work/npm", "#!/bin/sh\nexit 7\n");
    let told = "hint: the command had no network; `bryo try --profile build -- npm …`";
    fetch().args(["--", "npm", "install"]).status(7).stderr_contains(told).check();
    let own = attempt(&home).cwd(home.home()).shell("true").status(125);
    own.stderr_contains(
        "or show it without those and keep each change off it with `--home overlay`",
    )
    .check();
    // The command needs no dashes before it.
    let plain = attempt(&home).args(["echo", "--version"]).stdout_contains("echo");
    plain.stderr("bryo: note: nothing was changed\n").check();
}

#[test]
fn a_pattern_means_a_place_in_the_home_too_and_is_told_where_it_means_nothing() {
    for from in ["home", "work"] {
        let home = home();
        let directory = home.scratch().path().join(from);
        let tried = attempt(&home).cwd(&directory).args(["--home", "overlay", "--name", "one"]);
        tried.shell("echo x > ~/x; echo y > ~/y").stderr_any().check();
        let absolute = home.home().join("y").display().to_string();
        for pattern in ["~/y", &absolute] {
            let shown = verb(&home, "diff").args(["one", "--name-only", "--exclude", pattern]);
            let shown = shown.stdout_any().check();
            assert!(shown.text().ends_with("x\n"), "{from}: {pattern}: {}", shown.text());
        }
        let nothing = verb(&home, "apply").args(["one", "--exclude", "z", "--dry-run"]);
        let nothing = nothing.stderr_contains("warning: `--exclude z` leaves nothing out");
        nothing.stdout_contains("y\n").check();
    }
}
