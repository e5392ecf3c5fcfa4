//! Bounds that need no cgroup: of files in memory, and of each process.

use crate::support::{Bryo, place};

use super::planned;

// ---------------------------------------------------------------- files in memory

#[test]
fn a_bomb_in_tmp_stops() {
    let script = "
head -c 3M /dev/zero > /tmp/a || echo 'a is cut'
head -c 3M /dev/zero > /dev/shm/b || echo 'b is cut'
head -c 3M /dev/zero > ~/c || echo 'c is cut'
";
    Bryo::run()
        .args(["--tmp-size", "8M"])
        .shell(script)
        .stdout("c is cut\n")
        .stderr_contains("No space left")
        .check();
}

#[test]
fn without_a_flag_tmp_is_bounded_in_bytes_and_in_files() {
    needs!("python3");
    let script = "import os; s = os.statvfs('/tmp'); print(s.f_blocks * s.f_frsize, s.f_files)";
    let outcome = Bryo::run().command(["python3", "-c", script]).stdout_any().check();
    let numbers: Vec<u64> = outcome.text().split_whitespace().map(|n| n.parse().unwrap()).collect();
    let planned: u64 = planned(&[], "/limits/tmpfs").parse().unwrap();
    assert_eq!(numbers[0], planned);
    assert!(planned <= 4 << 30 && numbers[1] <= 1 << 19, "{numbers:?}");
}

#[test]
fn empty_files_are_bounded_too() {
    needs!("python3");
    let script = "
import errno
try:
    for n in range(30000):
        open('/tmp/%d' % n, 'w').close()
except OSError as e:
    print(errno.errorcode[e.errno], n > 10000)
";
    Bryo::run()
        .args(["--tmp-size", "1M"])
        .command(["python3", "-c", script])
        .stdout("ENOSPC True\n")
        .check();
}

#[test]
fn tmp_takes_half_of_the_memory_at_most() {
    assert_eq!(
        planned(&["--memory=64M", "--best-effort"], "/limits/tmpfs"),
        (32 << 20).to_string()
    );
}

// ---------------------------------------------------------------- each process

#[test]
fn resource_limits_are_set_and_cannot_be_raised() {
    let script = "ulimit -Sn; ulimit -Hn; ulimit -Hc; (ulimit -n 200) 2>/dev/null || echo no more";
    Bryo::run()
        .args(["--rlimit", "nofile=64:100"])
        .shell(script)
        .stdout("64\n100\n0\nno more\n")
        .check();
    Bryo::run().args(["--rlimit", "core=0:4k"]).shell("ulimit -Hc").stdout("8\n").check();
}

#[test]
fn a_soft_limit_stays_what_it_was() {
    let script = "ulimit -Sn 512; exec $bryo run -- sh -c 'ulimit -Sn; ulimit -Hn'";
    let outcome = Bryo::program("/bin/bash")
        .env("bryo", place::binary())
        .args(["-c", script])
        .stdout_any()
        .check();
    let numbers: Vec<u64> = outcome.text().lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(numbers[0], 512);
    assert!(numbers[1] <= 65_536, "{numbers:?}");
}

#[test]
fn a_limit_above_ones_own_is_refused() {
    Bryo::program("/bin/bash")
        .env("bryo", place::binary())
        .args(["-c", "ulimit -n 512; exec $bryo run --rlimit nofile=1024 -- true"])
        .stderr_contains("cannot use `--rlimit`: your own hard limit of `nofile` is 512")
        .stderr_contains("hint: ")
        .status(125)
        .check();
}
