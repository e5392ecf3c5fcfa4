//! The ground itself: each judge of the suite must fail when there is something to fail for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use rustix::process::{Pid, Signal};

use crate::support::{Bryo, Home, Leftovers, Scratch, Stopwatch, Terminal};

const SOON: Duration = Duration::from_secs(10);

/// A shell in the place of bryo.
fn shell(script: &str) -> Bryo {
    Bryo::program("/bin/sh").args(["-c", script])
}

/// What a judge that must fail says.
fn fault(judged: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(judged)).expect_err("this had to fail");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn all_three_answers_are_judged() {
    shell("echo out; echo err >&2; exit 3").stdout("out\n").stderr("err\n").status(3).check();
    assert!(fault(|| drop(shell("echo out").check())).contains("stdout is not empty"));
    assert!(fault(|| drop(shell("echo err >&2").check())).contains("stderr is not empty"));
    assert!(fault(|| drop(shell("exit 1").check())).contains("status is 1, expected 0"));
    assert!(fault(|| drop(shell("echo a").stdout("b\n").check())).contains("stdout is not"));
    assert!(fault(|| drop(shell("echo a").stdout_contains("b").check())).contains("lacks"));
    assert!(fault(|| drop(shell("echo a").stdout_lacks("a").check())).contains("has"));
    assert_eq!(shell("kill -9 $$").status(137).check().status, 137);
}

#[test]
fn bryo_itself_runs_under_these_rules() {
    Bryo::run()
        .shell("echo out; echo err >&2; exit 3")
        .stdout("out\n")
        .stderr("err\n")
        .status(3)
        .check();
}

#[test]
fn a_skip_is_told_and_in_ci_a_failure() {
    const INNER: &str = "BRYO_TEST_SKIPS";
    if std::env::var_os(INNER).is_some() {
        skip!("on purpose");
    }
    let inner = || {
        let name = "harness::a_skip_is_told_and_in_ci_a_failure";
        Bryo::program(std::env::current_exe().unwrap()).args(["--exact", name]).env(INNER, "1")
    };
    let told = "\nskipped: harness::a_skip_is_told_and_in_ci_a_failure: on purpose\n";
    inner().stdout_contains("1 passed").stderr(told).check();
    for (name, value) in [("CI", "true"), ("BRYO_NO_SKIP", "1")] {
        let judged = inner().env(name, value).status(101).stdout_contains("on purpose");
        judged.stderr_any().check();
    }
}

#[test]
fn a_run_is_bounded() {
    let started = Stopwatch::start();
    let slow = shell("echo before; sleep 60").limit(Duration::from_millis(200));
    let said = fault(|| drop(slow.check()));
    assert!(said.contains("time limit") && said.contains("before"), "{said}");
    assert!(started.elapsed() < SOON);
}

#[test]
fn a_run_sees_a_private_home_and_nothing_else() {
    let home = Home::new();
    let root = home.root().display();
    let expected = format!("{root}/home {root}/run {root}/data {root}/config {root}/work none\n");
    let script = "echo $HOME $XDG_RUNTIME_DIR $XDG_DATA_HOME $XDG_CONFIG_HOME $PWD ${USER-none}";
    shell(script).at(&home).stdout(expected).check();
    shell("echo $A ${HOME-none}").env("A", "b").env_remove("HOME").stdout("b none\n").check();
}

#[test]
fn stdin_arrives_whole() {
    let text = "line\n".repeat(100_000);
    shell("cat").stdin(text.as_str()).stdout(text).check();
    shell("cat").check();
    shell("exit 0").stdin("nobody reads this").check();
}

#[test]
fn a_running_command_can_be_talked_to() {
    let home = Home::new();
    let mut running = shell("read a; echo got $a; cat").at(&home).stdin_piped().start();
    running.send("one\n");
    running.wait_for("got one");
    running.send("two");
    let outcome = running.finish();
    assert_eq!((outcome.status, outcome.text(), outcome.talk()), (0, "got one\ntwo", ""));
}

#[test]
fn a_process_left_behind_is_seen() {
    let of_group = "sleep 60 >/dev/null 2>&1 & echo $! > pid";
    assert!(fault_of_survivor(of_group).contains("sleep 60"));
    let of_home = "setsid -f sh -c 'echo $$ > pid; cd /; exec sleep 60' >/dev/null 2>&1";
    assert!(fault_of_survivor(of_home).contains("left behind"));
    let of_stream = "sleep 60 & echo $! > pid";
    assert!(fault_of_survivor(of_stream).contains("still holds its std"));
}

/// Lets a script leave a process, whose number it writes to `pid`, and ends it.
fn fault_of_survivor(script: &str) -> String {
    let home = Home::new();
    let said = fault(|| drop(shell(script).at(&home).check()));
    let pid = home.scratch().read("work/pid").trim().parse().unwrap();
    rustix::process::kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    said
}

#[test]
fn a_file_left_behind_is_seen() {
    let script = "mkdir $XDG_RUNTIME_DIR/bryo; echo > $XDG_RUNTIME_DIR/bryo/lock";
    assert!(fault(|| drop(shell(script).check())).contains("run/bryo/lock"));
    shell(script).leftovers_unjudged().check();
    shell("mkdir $XDG_RUNTIME_DIR/bryo").check();

    let home = Home::new();
    home.scratch().write("data/bryo/old", "");
    Leftovers::watch(&home).assert_none(u32::MAX);
}

#[test]
fn a_scratch_goes_with_all_that_is_in_it() {
    let scratch = Scratch::new();
    let path = scratch.path().to_owned();
    scratch.write("a/b/file", "text");
    scratch.script("a/b/script", "#!/bin/sh\n");
    assert_eq!(scratch.read("a/b/file"), "text");
    shell(&format!("chmod 000 {0}/a/b {0}/a", path.display())).check();
    drop(scratch);
    assert!(!path.exists());
}

#[test]
fn a_scratch_goes_with_files_of_subordinate_ids() {
    needs!("unshare", "newuidmap");
    let scratch = Scratch::new();
    let path = scratch.dir("tree");
    let enter = ["--user", "--map-root-user", "--map-auto", "sh", "-c"];
    let script = "mkdir $0/d && echo > $0/d/f && chown -R 7:7 $0/d && chmod 700 $0/d";
    let made = std::process::Command::new("unshare").args(enter).arg(script).arg(&path).output();
    let made = made.unwrap();
    if !made.status.success() {
        skip!("no subordinate ids: {}", String::from_utf8_lossy(&made.stderr).trim());
    }
    drop(scratch);
    assert!(!path.exists());
}

#[test]
fn a_terminal_is_a_terminal() {
    let home = Home::new();
    let mut terminal = Terminal::spawn(&home, ["env", "PS1=# ", "sh"]);
    terminal.send("stty size; tty -s && echo is-$((1 + 1)) $TERM\r");
    terminal.wait_for("24 80", SOON);
    terminal.wait_for("is-2 xterm", SOON);
    terminal.resize(50, 132);
    terminal.send("stty size\r");
    terminal.wait_for("50 132", SOON);

    let before = terminal.settings();
    terminal.send("stty raw -echo; echo changed-$((1 + 1))\r");
    terminal.wait_for("changed-2", SOON);
    assert_ne!(terminal.settings(), before);
    terminal.send("stty sane; echo back-$((1 + 1))\n");
    terminal.wait_for("back-2", SOON);

    terminal.send("(echo asleep-$((1 + 1)); exec sleep 60)\r");
    terminal.wait_for("asleep-2", SOON);
    terminal.send("\x03");
    terminal.wait_for("^C", SOON);
    terminal.wait_for("# ", SOON);
    terminal.send("echo code-$?\r");
    terminal.wait_for("code-130", SOON);
    terminal.send("exit 7\r");
    assert_eq!(terminal.wait(SOON), 7);
    terminal.settings();
}
