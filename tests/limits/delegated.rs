//! Limits that the kernel holds, for real. `scripts/test` leaves these out unless
//! `BRYO_TEST_DELEGATED=1`: they need a delegated cgroup v2 with its controllers, or a systemd of
//! the user's, as the virtual machine of `scripts/test-vm` has them.

use std::time::Duration;

use crate::support::{Bryo, World, place};

use super::{BOMB, event, planned, takes, with_events};

/// `systemd-run --user --scope -p Delegate=yes bryo run …`: a cgroup with nobody else in it.
fn in_scope_of_its_own() -> Bryo {
    let uid = rustix::process::getuid().as_raw();
    Bryo::program("/usr/bin/systemd-run")
        .env("XDG_RUNTIME_DIR", format!("/run/user/{uid}"))
        .env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path=/run/user/{uid}/bus"))
        .args(["--user", "--scope", "--quiet", "-p", "Delegate=yes"])
        .arg(place::binary())
        .arg("run")
}

#[test]
fn a_systemd_scope_holds_the_limits() {
    let group = planned(&["--memory=64M", "--require=limits"], "/limits/group");
    assert!(group.contains("systemd") && group.contains("memory"), "{group}");
    assert_eq!(planned(&["--memory=64M"], "/limits/watched/memory"), "false");
}

#[test]
fn the_kernel_kills_for_memory() {
    let script = format!("python3 -c '{}'", takes(300));
    let outcome = with_events("--memory 64M --require limits --stats", &script)
        .stdout_any()
        .stderr_contains("the command was killed: it used ")
        .stderr_contains("its limit is 64M\n")
        .stderr_lacks("watched")
        .status(137)
        .check();
    let killed = event(outcome.text(), "killed");
    assert_eq!(killed["oom"], true);
    assert_eq!(killed["usage"]["memory_of"], "cgroup");
    let peak = killed["usage"]["memory_peak"].as_u64().unwrap();
    assert!(((60 << 20)..=(65 << 20)).contains(&peak), "{peak}");
}

#[test]
fn all_of_a_sandbox_is_killed_for_memory() {
    let script = format!("sleep 20 & python3 -c '{}'; echo went on", takes(300));
    Bryo::run()
        .args(["--memory", "64M"])
        .shell(&script)
        .stderr_contains("the command was killed: it used ")
        .status(137)
        .check();
}

/// Pages of a tmpfs are memory of whoever wrote them.
#[test]
fn files_in_memory_count_as_memory() {
    Bryo::run()
        .args(["--memory", "64M", "--tmp-size", "1G"])
        .shell("head -c 200M /dev/zero > /tmp/x")
        .stderr_contains("is not less than")
        .stderr_contains("the command was killed: it used ")
        .status(137)
        .check();
}

#[test]
fn a_cgroup_of_the_users_own_holds_the_limits() {
    for flags in [&["--memory=64M"][..], &["--memory=64M", "--pids=50", "--stats"]] {
        in_scope_of_its_own()
            .args(flags)
            .args(["--require=limits", "--explain"])
            .command(["true"])
            .stdout_contains("own cgroup")
            .check();
    }
    in_scope_of_its_own()
        .args(["--memory=64M", "--require=limits"])
        .command(["python3", "-c", &takes(300)])
        .stderr_contains("the command was killed: it used ")
        .status(137)
        .check();
}

#[test]
fn processor_time_is_bounded() {
    let script = "import time
began, end = time.process_time(), time.monotonic() + 3
while time.monotonic() < end: pass
print(time.process_time() - began < 1.2)";
    Bryo::run()
        .args(["--cpus", "0.25", "--require=limits"])
        .command(["python3", "-c", script])
        .stdout("True\n")
        .check();
}

#[test]
fn the_group_bounds_the_processes_of_several_ids() {
    if let Some(lack) = World::is_lacking() {
        skip!("{lack}");
    }
    Bryo::run()
        .args(["--root", "--pids=40", "--require=limits"])
        .command(["python3", "-c", BOMB])
        .stdout("39\n")
        .check();
}

#[test]
fn processes_are_counted() {
    let outcome = with_events("--stats --memory 256M", "sh -c 'sleep 0.2 & sleep 0.2 & wait'")
        .stdout_any()
        .stderr_contains("bryo: stats: ")
        .check();
    let usage = event(outcome.text(), "exited")["usage"].clone();
    assert_eq!(usage["memory_of"], "cgroup", "{usage}");
    assert_eq!(usage["processes_started"], 3, "{usage}");
}

/// Where the administrator has handed the controller on; then writes are slowed down.
#[test]
fn traffic_with_a_disk_is_bounded() {
    let disk = "--io-max=.:wbps=1M";
    let run = || Bryo::run().args([disk, "--require=limits"]);
    if planned(&["--io-weight=50", "--best-effort"], "/limits/group").contains("\"io\"") {
        let outcome = run()
            .command(["dd", "if=/dev/zero", "of=made", "bs=256K", "count=16", "oflag=direct"])
            .limit(Duration::from_secs(60))
            .stderr_any()
            .check();
        assert!(outcome.took >= Duration::from_millis(2500), "{:?}", outcome.took);
    } else {
        run()
            .command(["true"])
            .stderr_contains("your systemd was not given the controller `io`")
            .stderr_contains("Delegate=cpu io memory pids")
            .status(125)
            .check();
    }
}

#[test]
fn a_start_needs_less_than_the_least_limit() {
    Bryo::run().args(["--memory=4M", "--require=limits"]).command(["/bin/true"]).check();
}
