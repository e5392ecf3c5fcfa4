//! Who reads what bryo says: a full disk, a reader that goes, a pager or none, a terminal without
//! colours.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{Bryo, Home, Terminal, place};

use super::{attempt, verb};

const SOON: Duration = Duration::from_secs(10);

/// A home where changes of a new file are kept as `x`.
fn tried() -> Home {
    let home = Home::new();
    attempt(&home).args(["--name", "x"]).shell("echo content > n").stderr_any().check();
    home
}

#[test]
fn half_an_answer_is_an_error() {
    let home = tried();
    let asked: [&[&str]; 8] = [
        &["version"],
        &["--help"],
        &["changes"],
        &["changes", "--json"],
        &["diff", "x"],
        &["diff", "--json", "x"],
        &["completions", "bash"],
        &["try", "--plan", "--", "true"],
    ];
    for words in asked {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut bryo = Command::new(place::binary());
        bryo.args(words).current_dir(home.work()).env_clear().envs(home.environment());
        let output = bryo.stdout(full).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let full = "cannot write the answer to its end: write(1): no space left on device";
        assert!(said.contains(full), "{words:?}: {said}");
        assert_eq!(output.status.code(), Some(125), "{words:?}");
    }
}

/// What a terminal shows of the diff in a pager of this environment.
fn shown(home: &Home, environment: &[&str]) -> String {
    let program = place::binary().display().to_string();
    let words = ["env"].into_iter().chain(environment.iter().copied());
    let mut terminal = Terminal::spawn(home, words.chain([program.as_str(), "diff", "x"]));
    assert_eq!(terminal.wait(SOON), 0);
    terminal.last_screen(SOON)
}

#[test]
fn a_pager_is_a_program_or_what_a_shell_makes_of_it() {
    let home = tried();
    assert!(shown(&home, &["PAGER=/no/pager"]).contains("+content"));
    let counted = shown(&home, &["PAGER=sed -n 's/.*+content.*/seen/p'"]);
    assert!(counted.ends_with("seen\r\n") && !counted.contains("+content"), "{counted}");
    // less(1) would ask for a key.
    let dumb = shown(&home, &["TERM=dumb"]);
    assert!(dumb.contains("\r\n+content\r\n") && !dumb.contains('\x1b'), "{dumb}");
}

#[test]
fn nobody_is_asked_in_colours_that_are_unwanted() {
    let home = tried();
    let asked = |environment: &str| {
        let program = place::binary().display().to_string();
        let words = ["env", environment, &program, "apply", "--interactive", "x"];
        let mut terminal = Terminal::spawn(&home, words);
        terminal.wait_for("apply this? ", SOON);
        terminal.send("q");
        terminal.wait_for("nothing was applied", SOON);
        assert_eq!(terminal.wait(SOON), 0);
        terminal.screen()
    };
    assert!(asked("NO_COLOR=").contains("\x1b[32m+content"));
    assert!(!asked("NO_COLOR=1").contains('\x1b'));
}

#[test]
fn names_alone_are_for_programs() {
    let home = tried();
    attempt(&home).args(["--name", "y"]).shell("echo > m").stderr_any().check();
    verb(&home, "changes").arg("--name-only").stdout("x\ny\n").check();
    let other = verb(&home, "changes").args(["--json", "export", "x"]).status(125);
    other.stderr_contains("`export` and `--json` do not go together").check();
}

#[test]
fn a_home_is_that_of_the_account_where_no_variable_names_one() {
    let account = Command::new("sh").args(["-c", "getent passwd $(id -u) | cut -d: -f6"]).output();
    let account = String::from_utf8(account.unwrap().stdout).unwrap();
    // Only shown: nothing is written to a home that is real.
    let mut plan = Bryo::verb("try").args(["--plan", "--", "true"]);
    for name in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
        plan = plan.env_remove(name);
    }
    plan.stdout_contains(format!("\"{}/.local/share/bryo/changes/NAME", account.trim())).check();
}
