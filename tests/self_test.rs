//! `bryo doctor --self-test`: it finds what leaks, says so, and finds nothing in a sandbox of no
//! flags.

use std::time::Duration;

use serde_json::Value;

use crate::support::Bryo;

fn self_test(flags: &[&str]) -> Bryo {
    let test = Bryo::verb("doctor").arg("--self-test");
    match flags {
        [] => test,
        flags => test.arg("--").args(flags),
    }
}

#[test]
fn a_sandbox_of_no_flags_holds_and_so_does_one_with_root() {
    let outcome = self_test(&[]).stdout_contains(" 0 leaked, ").stdout_lacks("LEAK").check();
    assert!(outcome.is_within(Duration::from_secs(5)), "{:?}", outcome.took);
    // What cannot be tried proves nothing: files, processes and sockets can be everywhere.
    let tried = outcome.text().lines().filter(|line| line.starts_with("  ok    ")).count();
    assert!(tried >= 15, "{}", outcome.text());
}

#[test]
fn an_open_door_is_a_leak() {
    for (flags, tries) in [
        (&["--allow", "setuid-bits"][..], "leave a set-uid file"),
        (&["--allow", "terminal-input"][..], "push input into a terminal"),
        (&["--env", "SELF_TEST_TOKEN"][..], "find a token in the environment"),
        (&["--net=host"][..], "ask one on the host's loopback"),
    ] {
        let line = format!("  LEAK  {tries}: from `bryo run {}`: ", flags.join(" "));
        self_test(flags).stdout_contains(line).stdout_contains(" 1 leaked, ").status(1).check();
    }
}

#[test]
fn without_a_filter_there_are_many() {
    let outcome = self_test(&["--seccomp", "none"]).stdout_any().status(1).check();
    for tries in ["run without a filter of system calls", "leave a set-uid file"] {
        assert!(outcome.text().contains(&format!("  LEAK  {tries}: ")), "{}", outcome.text());
    }
}

#[test]
fn the_answer_in_json_is_the_same() {
    let outcome = Bryo::verb("doctor")
        .args(["--self-test", "--json", "--", "--allow", "setuid-bits"])
        .stdout_any()
        .status(1)
        .check();
    let json: Value = serde_json::from_slice(&outcome.stdout).unwrap();
    assert_eq!(json["holds"], false);
    let leaks: Vec<&Value> =
        json["probes"].as_array().unwrap().iter().filter(|it| it["outcome"] == "leak").collect();
    let [leak] = leaks[..] else { panic!("{json}") };
    assert_eq!(leak["probe"], "set-uid");
    assert_eq!(leak["leaks_with"], serde_json::json!(["--allow setuid-bits"]));
}

#[test]
fn a_sandbox_that_does_not_start_is_told() {
    self_test(&["--nonsense"])
        .stderr_contains("bryo: error: the sandbox to be tested did not start: ")
        .stderr_contains("--nonsense")
        .status(125)
        .check();
    Bryo::verb("doctor").args(["--", "--root"]).stderr_contains("--self-test").status(125).check();
}
