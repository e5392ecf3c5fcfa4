//! Processes, signals, exit statuses and descriptors of a run without a terminal.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::{Bryo, Deadline, Home, Stopwatch, patient, place, stat};

/// A shell script on the host in which `$bryo` is the program.
fn outside(script: &str) -> Bryo {
    Bryo::program("/bin/bash").env("bryo", place::binary()).args(["-c", script])
}

fn eventually(what: &str, is_true: impl Fn() -> bool) {
    assert!(Deadline::after(Duration::from_secs(10)).sees(is_true), "never: {what}");
}

/// The state letter of /proc/PID/stat.
fn state(pid: u32) -> Option<char> {
    stat::fields(pid).first()?.chars().next()
}

/// How long a sleep takes that is known by it.
fn long(kind: u32) -> String {
    format!("{}.{kind}", 100_000 + std::process::id())
}

/// Whether any process of the machine has this word among its arguments.
fn somebody_says(word: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes.into_iter().any(|entry| {
        std::fs::read_to_string(entry.path().join("cmdline"))
            .is_ok_and(|line| line.split('\0').any(|argument| argument == word))
    })
}

// ---------------------------------------------------------------- how a run ends

#[test]
fn the_status_is_the_commands_own() {
    for status in [0, 1, 42, 125, 255] {
        Bryo::run().shell(&format!("exit {status}")).status(status).check();
    }
    for (signal, status) in [("KILL", 137), ("TERM", 143), ("SEGV", 139), ("PIPE", 141)] {
        Bryo::run().shell(&format!("kill -{signal} $$")).status(status).check();
    }
}

#[test]
fn what_the_command_leaves_behind_ends_with_it() {
    let long = long(1);
    let script =
        format!("setsid sleep {long} & sleep {long} & (sleep {long} >/dev/null &) ; exit 3");
    let outcome = Bryo::run().shell(&script).status(3).check();
    assert!(outcome.is_within(Duration::from_secs(5)), "{outcome:?}");
    eventually("no sleep", || !somebody_says(&long));
}

#[test]
fn slow_pid_1_reaps_ten_thousand_orphans() {
    let script = "i=0; while [ $i -lt 10000 ]; do ( : & ); i=$((i + 1)); done; sleep 0.2; \
                  cat /proc/[0-9]*/stat 2>/dev/null | grep -c ') Z '";
    Bryo::run().shell(script).stdout("0\n").status(1).limit(Duration::from_secs(100)).check();
}

#[test]
fn a_signal_reaches_the_command() {
    for (signal, name) in
        [(Signal::TERM, "TERM"), (Signal::HUP, "HUP"), (Signal::INT, "INT"), (Signal::USR1, "USR1")]
    {
        let home = Home::new();
        let script =
            format!("trap 'echo {name}; exit 9' {name}; echo ready; while :; do sleep 0.05; done");
        let running = Bryo::run().at(&home).shell(&script).start();
        running.wait_for("ready");
        running.signal(signal);
        let outcome = running.finish();
        assert_eq!((outcome.status, outcome.text()), (9, &*format!("ready\n{name}\n")));
    }
    let home = Home::new();
    let running = Bryo::run().at(&home).shell("echo ready; exec sleep 60").start();
    running.wait_for("ready");
    running.signal(Signal::TERM);
    assert_eq!(running.finish().status, 143);
}

#[test]
fn the_sandbox_dies_with_its_caller() {
    let (home, long) = (Home::new(), long(2));
    let script = format!("setsid sleep {long} & echo ready; exec sleep {long}");
    let running = Bryo::run().at(&home).shell(&script).start();
    eventually("a sleep", || somebody_says(&long));
    running.signal(Signal::KILL);
    let killed = Stopwatch::start();
    eventually("no sleep", || !somebody_says(&long));
    assert!(killed.elapsed() < patient(Duration::from_secs(1)), "{:?}", killed.elapsed());
    assert_eq!(running.finish().status, 137);
}

#[test]
fn a_stop_stops_the_command_and_goes_on_with_it() {
    let home = Home::new();
    // A shell that forks would now and then be stopped in vfork(2), where nothing wakes it.
    let script = "exec 9<> <(:); echo ready; for i in {1..20}; do \
                  echo $i > count; read -t 0.05 -u 9; done; echo done";
    let running = Bryo::run().at(&home).command(["bash", "-c", script]).start();
    running.wait_for("ready");
    running.signal(Signal::TSTP);
    eventually("bryo stops", || state(running.pid()) == Some('T'));
    let count = || std::fs::read_to_string(home.work().join("count")).unwrap_or_default();
    let before = count();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(count(), before, "the command ran on");
    running.signal(Signal::CONT);
    assert!(running.finish().text().ends_with("done\n"));
}

#[test]
fn a_command_that_stops_itself_is_left_alone() {
    let home = Home::new();
    let running = Bryo::run().at(&home).shell("echo ready; kill -STOP $$; echo on").start();
    running.wait_for("ready");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(state(running.pid()), Some('S'));
    running.signal(Signal::CONT);
    assert_eq!(running.finish().text(), "ready\non\n");
}

// ---------------------------------------------------------------- time

#[test]
fn a_timeout_ends_the_command() {
    let run = || Bryo::run().args(["--timeout", "300ms", "--grace", "300ms"]).status(124);
    let soon = format!("{}ms", patient(Duration::from_millis(300)).as_millis());
    let gentle = Bryo::run().args(["--timeout", &soon, "--grace", "20s"]).status(124);
    let script = "trap 'echo bye; exit 0' TERM; while :; do sleep 0.05; done";
    gentle.shell(script).stdout("bye\n").check();
    let deaf = run().shell("trap '' TERM; while :; do sleep 0.05; done").check();
    assert!(deaf.took > Duration::from_millis(550), "{:?}", deaf.took);
    run().shell("kill -STOP $$").check();
    run().shell("trap '' TERM; kill -STOP $$; while :; do sleep 0.05; done").check();
    Bryo::run().args(["--timeout", "30s"]).shell("exit 4").status(4).check();
    Bryo::run().args(["--timeout", "100000000d"]).shell("exit 4").status(4).check();
}

// ---------------------------------------------------------------- streams and descriptors

#[test]
fn the_three_streams_stay_apart() {
    Bryo::run().stdin("in\n").shell("cat; echo err >&2").stdout("in\n").stderr("err\n").check();
}

#[test]
fn a_reader_that_leaves_ends_the_command() {
    outside("$bryo run -- yes | head -1; echo ${PIPESTATUS[0]}").stdout("y\n141\n").check();
    let big = "head -c 300M /dev/zero > big; $bryo run -- cat < big | head -c 1 | wc -c; rm big";
    outside(big).stdout("1\n").check();
    outside("yes | $bryo run -- head -1").stdout("y\n").check();
}

#[test]
fn a_stream_that_the_command_closes_is_closed() {
    let home = Home::new();
    let script = "$bryo run -- sh -c 'exec >&-; until test -e heard; do sleep 0.02; done' | \
                  { cat; touch heard; echo end; }";
    outside(script).at(&home).stdout("end\n").check();
    // The writer is told as soon as nobody inside reads any more.
    let script = "{ trap '' PIPE; while echo; do sleep 0.02; done 2>/dev/null; touch deaf; } | \
                  $bryo run -- sh -c 'exec <&-; until test -e deaf; do sleep 0.02; done'";
    outside(script).at(&home).check();
}

#[test]
fn only_what_is_passed_gets_in() {
    let home = Home::new();
    let list = "for fd in /proc/self/fd/*; do test -e $fd && echo ${fd##*/}; done | sort -n | tr '\\n' ' '";
    let script = format!(
        "exec 5<>five 6<>six 7<>seven; $bryo run --status-fd 7 --pass-fd 5 -- bash -c \"{}\"",
        list.replace('$', "\\$")
    );
    outside(&script).at(&home).stdout("0 1 2 5 ").check();
    outside("exec 5>five; $bryo run --pass-fd 5 -- sh -c 'echo through >&5'; cat five")
        .stdout("through\n")
        .check();
}

#[test]
fn a_descriptor_that_is_not_open_is_named() {
    Bryo::run()
        .args(["--pass-fd", "33"])
        .shell("true")
        .stderr("bryo: error: cannot pass descriptor 33: it is not open\n")
        .status(125)
        .check();
    Bryo::run()
        .args(["--status-fd", "33"])
        .shell("true")
        .stderr("bryo: error: cannot report the status: descriptor 33 is not open\n")
        .status(125)
        .check();
    outside("exec 5>five; $bryo run --status-fd 5 --pass-fd 5 -- true")
        .stderr_contains("cannot pass descriptor 5: the status is reported on it")
        .status(125)
        .check();
}

#[test]
fn closed_streams_are_no_doors() {
    let list = "ls -l /proc/self/fd | sed -n 's/.* \\([012]\\) -> /\\1 /p' > list";
    let home = Home::new();
    outside(&format!("$bryo run -- sh -c \"{list}\" <&- >&- 2>&-; cat list"))
        .at(&home)
        .stdout_contains("0 /dev/null\n")
        .check();
}

#[test]
fn the_command_begins_like_any_other() {
    let script = "trap '' PIPE; exec $bryo run -- grep -E 'Sig(Blk|Ign)' /proc/self/status";
    let unset = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n";
    outside(script).stdout(unset).check();
    outside("umask 027; ulimit -n 77; $bryo run -- bash -c 'umask; ulimit -n'")
        .stdout("0027\n77\n")
        .check();
}

#[test]
fn an_ignored_end_of_children_does_no_harm() {
    outside("trap '' CHLD; exec $bryo run -- sh -c 'true; exit 3'").status(3).check();
}

// ---------------------------------------------------------------- the status in JSON

#[test]
fn the_status_is_told_in_json() {
    let told = |words: &str, events: &str| {
        let script =
            format!("exec 5>events; $bryo run --status-fd 5 {words} 2>/dev/null; cat events");
        outside(&script).stdout(events).check();
    };
    let started = "{\"event\":\"started\"}\n";
    told("-- sh -c 'exit 7'", &format!("{started}{{\"event\":\"exited\",\"status\":7}}\n"));
    told("-- sh -c 'kill -9 $$'", &format!("{started}{{\"event\":\"killed\",\"signal\":9}}\n"));
    told("--timeout 200ms -- sleep 9", &format!("{started}{{\"event\":\"timed-out\"}}\n"));
    let failed = "{\"event\":\"failed\",\"error\":\"cannot find `nonesuch`: no such program inside the sandbox\",\"status\":127}\n";
    told("-- nonesuch", failed);
    let refused = "{\"event\":\"failed\",\"error\":\"cannot use `--ro`: `/nonesuch` does not exist\",\"status\":125}\n";
    told("--ro /nonesuch -- true", refused);
}

// ---------------------------------------------------------------- commands that cannot be executed

#[test]
fn a_command_that_is_not_there_is_127() {
    let error = |name: &str| {
        format!("bryo: error: cannot find `{name}`: no such program inside the sandbox\n")
    };
    Bryo::run().command(["nonesuch"]).stderr(error("nonesuch")).status(127).check();
    Bryo::run().command(["./nonesuch"]).stderr(error("./nonesuch")).status(127).check();
    Bryo::run().command(["/none/such"]).stderr(error("/none/such")).status(127).check();
    let long = "x".repeat(300);
    Bryo::run().command([&long]).stderr(error(&long)).status(127).check();
}

#[test]
fn a_program_that_only_the_host_has_is_pointed_at() {
    let home = Home::new();
    let program = home.root().join("elsewhere/tool");
    home.scratch().script("elsewhere/tool", "#!/bin/sh\necho tool\n");
    let program = program.display().to_string();
    Bryo::run()
        .at(&home)
        .command([&program])
        .stderr_contains(format!("hint: the host has it: `--ro {program}` shows"))
        .status(127)
        .check();
    Bryo::run().at(&home).args(["--ro", &program]).command([&program]).stdout("tool\n").check();
}

#[test]
fn a_file_that_cannot_be_executed_says_why() {
    let home = Home::new();
    let scratch = home.scratch();
    scratch.script("work/zsh", "#!/usr/bin/none-zsh\n");
    scratch.script("work/twice", "#!./zsh\n");
    scratch.script("work/dos", "#!/bin/sh\r\necho\r\n");
    scratch.script("work/plain", "echo plain $1\n");
    scratch.script("work/locked", "#!/bin/sh\n");
    scratch.script("work/nul", "a\0b\n");
    let mode = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(home.work().join("locked"), mode).unwrap();
    let why = |command: &str, reason: &str| {
        let error = format!("bryo: error: cannot execute `{command}`: {reason}\n");
        Bryo::run().at(&home).command([command]).stderr_contains(error).status(126).check();
    };
    let missing = "its interpreter `/usr/bin/none-zsh` does not exist inside the sandbox";
    why("./zsh", missing);
    why("./twice", missing);
    why("./dos", "its interpreter `/bin/sh\\r` does not exist inside the sandbox");
    why("./locked", "it has no execute permission");
    why("./nul", "it is no program");
    why("/tmp", "it is a directory");
    Bryo::run().at(&home).command(["./plain", "text"]).stdout("plain text\n").check();
}

#[test]
fn a_missing_loader_and_another_machine_are_named() {
    needs!("python3");
    let home = Home::new();
    let change = "import sys; b = bytearray(open('/bin/true', 'rb').read()); \
         i = b.find(b'/ld-linux'); b[i + 1:i + 3] = b'zz'; open('loader', 'wb').write(b); \
         b[18] = 0xF3 if b[18] != 0xF3 else 0xB7; open('alien', 'wb').write(b)";
    outside(&format!("python3 -c \"{change}\" && chmod +x loader alien")).at(&home).check();
    Bryo::run()
        .at(&home)
        .command(["./loader"])
        .stderr_contains("/zz-linux")
        .stderr_contains("does not exist inside the sandbox\n")
        .status(126)
        .check();
    Bryo::run()
        .at(&home)
        .command(["./alien"])
        .stderr_contains("cannot execute `./alien`: it is a program for ")
        .status(126)
        .check();
}
