//! `bryo run --explain` draws and runs nothing.

use crate::support::{Bryo, Home};

#[test]
fn it_draws_and_runs_nothing() {
    let home = Home::new();
    let work = home.work();
    Bryo::run()
        .at(&home)
        .args(["--hide", "/usr/games", "--explain"])
        .command(["touch", "made"])
        .stdout_contains("command      touch made\n")
        .stdout_contains(format!("starts in    {}\n", work.display()))
        .stdout_contains("[--hide]\n")
        .stdout_contains(format!("changes      for good   {}\n", work.display()))
        .stdout_contains("network      none: only a loopback of its own\n")
        .check();
    assert!(!work.join("made").exists());
}

#[test]
fn names_cannot_speak_to_the_terminal() {
    Bryo::run()
        .args(["--env", "A\u{1b}[31m=1", "--tmpfs", "/a\u{1b}b", "--explain"])
        .command(["echo", "\u{1b}]0;x\u{7}"])
        .stdout_lacks("\u{1b}")
        .stdout_contains("A\\u{1b}[31m")
        .stdout_contains("/a\\u{1b}b")
        .check();
}

#[test]
fn a_warning_is_part_of_the_drawing() {
    Bryo::run()
        .args(["--net=host", "--explain"])
        .command(["true"])
        .stdout_contains("\nwarning      `--net=host`")
        .check();
}

#[test]
fn one_answer_at_a_time() {
    Bryo::run()
        .args(["--plan", "--explain"])
        .command(["true"])
        .stderr_contains("--explain")
        .status(125)
        .check();
}
