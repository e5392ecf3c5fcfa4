//! What a sandbox may use up, and what is told of it. Every test here holds whoever sees to the
//! limits on this machine; what only a delegated cgroup with its controllers can show is in
//! [`delegated`].

mod bounds;
mod delegated;
mod group;

use std::time::{Duration, Instant};

use crate::support::{Bryo, World, place, slowness};

/// Takes so many MiB, and keeps them for a while.
fn takes(mebibytes: u32) -> String {
    format!("import time; x = bytearray({mebibytes} << 20); time.sleep(15)")
}

/// Forks until it may not, and says how many it had.
const BOMB: &str = "
import os, time
n = 0
try:
    while n < 6000:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        n += 1
except BlockingIOError:
    print(n)
";

/// A part of the plan for these flags, as text: `.limits.group`.
fn planned(flags: &[&str], part: &str) -> String {
    let plan = Bryo::run().arg("--plan").args(flags).command(["true"]).stdout_any().check();
    let plan: serde_json::Value = serde_json::from_str(plan.text()).unwrap();
    plan.pointer(part).unwrap().to_string()
}

/// Whether the kernel holds it here; else it is watched.
fn is_held(flags: &[&str], controller: &str) -> bool {
    let flags: Vec<&str> = flags.iter().copied().chain(["--best-effort"]).collect();
    planned(&flags, "/limits/group").contains(&format!("\"{controller}\""))
}

/// `bryo run FLAGS -- sh -c SCRIPT`, with the events of `--status-fd` on stdout.
fn with_events(flags: &str, script: &str) -> Bryo {
    Bryo::program("/bin/bash")
        .env("bryo", place::binary())
        .args(["-c", &format!("exec 5>&1; $bryo run --status-fd 5 {flags} -- {script}")])
}

fn event(text: &str, name: &str) -> serde_json::Value {
    let events = text.lines().filter_map(|line| serde_json::from_str(line).ok());
    let mut events = events.filter(|event: &serde_json::Value| event["event"] == name);
    events.next().unwrap_or_else(|| panic!("no event `{name}` in {text}"))
}

// ---------------------------------------------------------------- memory

#[test]
fn a_kill_by_memory_says_so() {
    needs!("python3");
    let script = format!("python3 -c '{}'", takes(300));
    let outcome = with_events("--memory 64M", &script)
        .stdout_any()
        .stderr_contains("bryo: error: the command was killed: it used ")
        .stderr_contains("of memory, and its limit is 64M\n")
        .stderr_contains("hint: `--memory SIZE` sets the limit")
        .status(137)
        .check();
    let killed = event(outcome.text(), "killed");
    assert_eq!((&killed["signal"], &killed["oom"]), (&9.into(), &true.into()));
    let is_watched = outcome.talk().contains("warning: `--memory` is only watched: ");
    assert_ne!(is_watched, is_held(&["--memory=64M"], "memory"), "{}", outcome.talk());
    assert!(outcome.is_within(Duration::from_secs(12)), "{:?}", outcome.took);
}

#[test]
fn another_kill_is_none_by_memory() {
    let outcome = with_events("--memory 64M", "sh -c 'kill -9 $$'")
        .stdout_any()
        .stderr_any()
        .status(137)
        .check();
    assert!(event(outcome.text(), "killed").get("oom").is_none());
    assert!(!outcome.talk().contains("the command was killed"), "{}", outcome.talk());
}

#[test]
fn what_is_within_its_memory_lives() {
    needs!("python3");
    Bryo::run()
        .args(["--memory", "200M"])
        .command(["python3", "-c", "x = bytearray(80 << 20); import time; time.sleep(1); print(1)"])
        .stdout("1\n")
        .stderr_any()
        .check();
}

/// Six processes that share 60 MiB use 60, not 360.
#[test]
fn shared_memory_is_counted_once() {
    needs!("python3");
    let script = "
import os, time
x = bytearray(60 << 20)
children = []
for _ in range(5):
    pid = os.fork()
    if pid == 0:
        time.sleep(2)
        os._exit(0)
    children.append(pid)
for pid in children:
    os.waitpid(pid, 0)
print('alive')
";
    Bryo::run()
        .args(["--memory", "160M"])
        .command(["python3", "-c", script])
        .stdout("alive\n")
        .stderr_any()
        .check();
}

/// Less than a thousandth of a processor, by design; judged at ten times that, for this is a debug
/// build on a busy machine.
#[test]
fn looking_costs_next_to_nothing() {
    if is_held(&["--memory=1G"], "memory") {
        // Nobody looks, then.
        Bryo::run().args(["--memory", "1G"]).command(["true"]).check();
        return;
    }
    let home = crate::support::Home::new();
    let running = Bryo::run().at(&home).args(["--memory", "1G"]).shell("echo up; sleep 5").start();
    running.wait_for("up");
    std::thread::sleep(Duration::from_millis(500));
    let busy = || -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/schedstat", running.pid())).unwrap();
        text.split_whitespace().next().unwrap().parse().unwrap()
    };
    let (began, before) = (Instant::now(), busy());
    std::thread::sleep(Duration::from_secs(3));
    let part = (busy() - before) as f64 / began.elapsed().as_nanos() as f64;
    assert!(part < 0.01, "{part} of a processor");
    assert_eq!(running.finish().status, 0);
}

// ---------------------------------------------------------------- processes

#[test]
fn the_number_of_processes_is_bounded() {
    needs!("python3");
    let run = |number: &str| Bryo::run().args(["--pids", number]).command(["python3", "-c", BOMB]);
    run("40").stdout("39\n").check();
    let script = "true & wait; echo it forks";
    Bryo::run().args(["--pids", "1"]).shell(script).stderr_contains("ork").status(2).check();
    Bryo::run().args(["--pids", "2"]).shell(script).stdout("it forks\n").check();
}

#[test]
fn threads_count_as_processes() {
    needs!("python3");
    let script = "
import threading, time
n = 0
try:
    while n < 100:
        threading.Thread(target=time.sleep, args=(5,), daemon=True).start()
        n += 1
except RuntimeError:
    print(n)
";
    Bryo::run().args(["--pids", "20"]).command(["python3", "-c", script]).stdout("19\n").check();
}

#[test]
fn slow_a_fork_bomb_stops_with_no_flag() {
    needs!("python3");
    for flags in [&[][..], &["--root"][..]] {
        Bryo::run()
            .args(flags)
            .args(["--timeout", "60"])
            .command(["python3", "-c", BOMB])
            .limit(Duration::from_secs(90))
            .stdout("4095\n")
            .check();
    }
}

/// Each id has a count of its own; all of them together are what was asked for.
#[test]
fn processes_of_several_ids_are_counted_together() {
    needs!("setpriv", "python3");
    if let Some(lack) = World::is_lacking() {
        skip!("{lack}");
    }
    let script = "
for id in 1 2 3; do
    setpriv --reuid $id --clear-groups sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 30 & done; wait' &
done
exec sleep 10
";
    let flags = ["--root", "--pids=20"];
    let run = Bryo::run().args(flags).shell(script).stderr_any().stdout_any();
    if is_held(&flags, "pids") {
        let outcome = run.check();
        assert!(outcome.talk().contains("ork"), "{}", outcome.talk());
    } else {
        let outcome = run.status(137).check();
        let said = "the command was killed: it had ";
        assert!(outcome.talk().contains(said), "{}", outcome.talk());
        assert!(outcome.talk().contains("its limit is 20\n"), "{}", outcome.talk());
        assert_eq!(outcome.text(), "");
    }
}

// ---------------------------------------------------------------- what cannot be

#[test]
fn a_limit_under_what_a_start_needs_is_named() {
    let cases = [
        ("--memory=1M", "1M is less than a start needs: 4M"),
        ("--tmp-size=1K", "1K is less than a start needs: 1M"),
        ("--rlimit=nofile=1", "`nofile` is less than a start needs: 4"),
        ("--pids=0", "`0` is not a number of processes"),
        ("--cpus=0.001", "less than the kernel can hold"),
        ("--io-max=/proc:rbps=1M", "`/proc`: its filesystem is on no single disk"),
        ("--io-max=/nothing:rbps=1M", "`/nothing`: no such file or directory"),
    ];
    for (flag, said) in cases {
        Bryo::run().arg(flag).command(["true"]).stderr_contains(said).status(125).check();
    }
}

/// What cannot be held nor watched is refused; best effort leaves it out and says so; what can only
/// be watched is refused where it is required.
#[test]
fn a_limit_that_nobody_holds_is_told() {
    if is_held(&["--cpus=1"], "cpu") {
        Bryo::run().args(["--cpus=1", "--require=limits"]).command(["true"]).check();
    } else {
        let run = || Bryo::run().arg("--cpus=1");
        let said = "cannot use `--cpus`: ";
        run().command(["true"]).stderr_contains(said).stderr_contains("hint: ").status(125).check();
        let said = "bryo: warning: `--cpus` is not held: ";
        run().arg("--best-effort").command(["true"]).stderr_contains(said).check();
        let said = "cannot use `--cpus`: ";
        run()
            .args(["--best-effort", "--require=limits"])
            .command(["true"])
            .stderr_contains(said)
            .status(125)
            .check();
    }
    if is_held(&["--memory=64M"], "memory") {
        Bryo::run().args(["--memory=64M", "--require=limits"]).command(["true"]).check();
    } else {
        Bryo::run()
            .args(["--memory=64M", "--require=limits"])
            .command(["true"])
            .stderr_contains("cannot use `--require`: `--memory` could only be watched: ")
            .stderr_contains("hint: ")
            .status(125)
            .check();
    }
    // One id: the kernel bounds its processes without a cgroup.
    Bryo::run().args(["--pids=100", "--require=limits"]).command(["true"]).check();
}

// ---------------------------------------------------------------- what is told

#[test]
fn the_stats_tell_what_was_used() {
    needs!("python3");
    let script = "
import os, time
x = bytearray(50 << 20)
if os.fork() == 0:
    os._exit(0)
os.wait()
end = time.process_time() + 0.3
while time.process_time() < end: pass
f = open('made', 'wb'); f.write(bytes(4 << 20)); f.flush(); os.fsync(f.fileno())
";
    let outcome = with_events("--stats", &format!("python3 -c \"{script}\""))
        .stdout_any()
        .stderr_contains("bryo: stats: memory ")
        .check();
    let usage = event(outcome.text(), "exited")["usage"].clone();
    let number = |name: &str| usage[name].as_f64().unwrap_or_else(|| panic!("{name} in {usage}"));
    let mebibyte = 1024.0 * 1024.0;
    assert!((50.0..120.0).contains(&(number("memory_peak") / mebibyte)), "{usage}");
    let processor = number("user_seconds") + number("system_seconds");
    assert!((0.3..3.0 * f64::from(slowness())).contains(&processor), "{usage}");
    assert!(number("wall_seconds") >= 0.3, "{usage}");
    assert_eq!(number("processes_started"), 2.0, "{usage}");
    assert!(number("written_bytes") >= 4.0 * mebibyte, "{usage}");
    assert!(number("read_bytes") >= 0.0, "{usage}");
}

#[test]
fn what_nobody_counted_is_unknown() {
    let outcome = with_events("--stats --timeout 300ms --grace 1ms", "sleep 20")
        .stdout_any()
        .stderr_contains("unknown")
        .status(124)
        .check();
    let usage = event(outcome.text(), "timed-out")["usage"].clone();
    assert!(usage["wall_seconds"].as_f64().unwrap() >= 0.3, "{usage}");
    assert!(!outcome.talk().contains("wall 0.000"), "{}", outcome.talk());
}

#[test]
fn nothing_is_told_that_was_not_asked_for() {
    let outcome = with_events("", "true").stdout_any().check();
    assert!(event(outcome.text(), "exited").get("usage").is_none());
}
