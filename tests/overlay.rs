//! Overlays: one suite of cases for both drivers, over a directory of the host's view and over a
//! root file system; what is kept, what is refused, and that nothing is left.

mod layers;
mod lower;

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Bryo, Deadline, Home, place, program, stat};

use lower::Lower;

const DRIVERS: [&str; 2] = ["kernel", "fuse"];

/// Works with the shell and the tools of busybox, in the directory `tree`; prints what it sees.
const CASES: [(&str, &str, &str); 13] = [
    ("create", "echo new > n; mkdir -p e/f; echo deep > e/f/g; cat n e/f/g", "new\ndeep\n"),
    ("append", "echo more >> a; cat a; cat a | wc -c", "hello\nmore\n11\n"),
    ("delete", "rm a; ls a 2>/dev/null || echo gone; ls | tr '\\n' ' '", "gone\nd h1 h2 link "),
    (
        "delete a directory and make it again",
        "rm -r d; mkdir d; ls d; echo again > d/x; ls d; cat d/x",
        "x\nagain\n",
    ),
    (
        "rename a lower directory",
        "mv d moved; ls d 2>/dev/null || echo gone; cat moved/x moved/y/z; mkdir d; ls d",
        "gone\nex\nzed\n",
    ),
    ("rename a lower file", "mv a b; cat b; ls a 2>/dev/null || echo gone", "hello\ngone\n"),
    ("rename over a lower file", "echo o > o; mv o a; cat a; ls o 2>/dev/null; true", "o\n"),
    ("new hard link", "ln a l; stat -c %h l; echo more >> l; cat a", "2\nhello\nmore\n"),
    ("symbolic links", "cat link; ln -s d/x s; cat s; rm link; readlink s", "hello\nex\nd/x\n"),
    (
        "modes and times",
        "chmod 751 d/x; touch -d '2001-02-03 04:05:06' d/y/z; stat -c %a d/x a; \
         TZ=UTC stat -c %y d/y/z | cut -c1-10; stat -c %Y h1",
        "751\n640\n2001-02-03\n1000000000\n",
    ),
    (
        "a thousand files",
        "mkdir m; i=0; while [ $i -lt 1000 ]; do echo $i > m/$i; i=$((i+1)); done; ls m | wc -l; \
         cat m/999; rm -r m; ls m 2>/dev/null || echo gone",
        "1000\n999\ngone\n",
    ),
    ("truncate", ": > a; cat a | wc -c; rmdir d/y 2>/dev/null || echo full", "0\nfull\n"),
    ("the parent of the root", "ls -di / /.. | sed 's|/.*||' | uniq | wc -l", "1\n"),
];

fn over(lower: &Path, driver: &str) -> Bryo {
    Bryo::run().arg("--overlay").arg(format!("{}:/low", lower.display())).args([
        "--overlay-driver",
        driver,
        "--workdir",
        "/low/tree",
    ])
}

fn in_rootfs(lower: &Path, driver: &str) -> Bryo {
    Bryo::run().arg("--rootfs").arg(lower).args([
        "--overlay-driver",
        driver,
        "--workdir",
        "/tree",
        "--env",
        "PATH=/bin",
    ])
}

/// Why this driver cannot be tested here.
fn lacking(driver: &str) -> Option<&'static str> {
    if driver == "fuse" { crate::support::lacks_fuse() } else { None }
}

macro_rules! needs_both_drivers {
    () => {
        if let Some(why) = DRIVERS.into_iter().find_map(lacking) {
            skip!("{why}");
        }
    };
}

#[test]
fn every_case_under_both_drivers() {
    needs_both_drivers!();
    for driver in DRIVERS {
        for (name, script, expected) in CASES {
            let lower = Lower::new();
            let before = lower.fingerprint();
            over(lower.path(), driver).shell(script).stdout(expected).check();
            assert_eq!(before, lower.fingerprint(), "{driver}: {name}: the lower was changed");
        }
    }
}

#[test]
fn every_case_in_a_root_file_system_under_both_drivers() {
    needs!("busybox");
    needs_both_drivers!();
    for driver in DRIVERS {
        let lower = Lower::with_busybox().unwrap();
        let before = lower.fingerprint();
        for (name, script, expected) in CASES {
            let install = "busybox --install -s /bin 2>/dev/null;";
            let script = format!("/bin/{install} {script}");
            in_rootfs(lower.path(), driver).shell(&script).stdout(expected).check();
            assert_eq!(before, lower.fingerprint(), "{driver}: {name}: the lower was changed");
        }
    }
}

#[test]
fn the_same_on_disk_and_with_ids_of_its_own() {
    needs!("newuidmap");
    needs_both_drivers!();
    for driver in DRIVERS {
        let lower = Lower::new();
        let before = lower.fingerprint();
        let home = Home::new();
        let scratch = home.data().join("scratch");
        let script = "mkdir -p n/m; touch n/m/f; chown -R 5:7 n; chmod 000 n/m; chown 5:7 a; \
                      stat -c '%u:%g' n/m/f a d/x";
        over(lower.path(), driver)
            .at(&home)
            .env("BRYO_SCRATCH", &scratch)
            .args(["--root", "--ids", "subids"])
            .shell(script)
            .stdout("5:7\n5:7\n0:0\n")
            .leftovers_unjudged()
            .check();
        assert!(!scratch.exists(), "{driver}: something is left");
        assert_eq!(before, lower.fingerprint());
    }
}

#[test]
fn attributes_are_kept_in_the_upper() {
    needs!("setfattr", "getfattr");
    needs_both_drivers!();
    for driver in DRIVERS {
        let lower = Lower::new();
        let script =
            "setfattr -n user.color -v green a d && getfattr --only-values -n user.color a d";
        over(lower.path(), driver).shell(script).stdout("greengreen").check();
    }
}

/// As the root of a user namespace, which may mount: mounts something in `$LOWER`, runs a script in
/// a sandbox with an overlay of it, and looks at `$LOWER` afterwards.
fn with_mounts(lower: &Lower, driver: &str, mounts: &str, script: &str, afterwards: &str) -> Bryo {
    let bryo = place::binary();
    let run = format!(
        "{mounts}; {} run --ids single --overlay-driver {driver} --overlay $LOWER:/low \
         --workdir /low/tree -- sh -c '{script}'; {afterwards}",
        bryo.display()
    );
    Bryo::program("/usr/bin/unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-ec", &run])
        .env("LOWER", lower.path())
}

#[test]
fn what_is_mounted_below_an_overlaid_tree_stays_visible_and_is_not_changed() {
    needs!("unshare");
    needs_both_drivers!();
    let mounts = "mount -t tmpfs none $LOWER/tree/d; echo in > $LOWER/tree/d/in; \
                  mkdir $LOWER/tree/d/o $LOWER/tree/d/p; echo o > $LOWER/tree/d/o/o; \
                  mount -t tmpfs none $LOWER/tree/d/p; echo p > $LOWER/tree/d/p/p";
    let script = "cat a d/in d/o/o d/p/p; for f in a d/in d/o/o d/p/p new d/new d/p/new; do \
                  echo more >> $f; done; rm d/o/o; cat a d/in d/p/p d/p/new";
    let seen = "hello\nin\no\np\nhello\nmore\nin\nmore\np\nmore\nmore\n";
    for driver in ["kernel", "fuse", "auto"] {
        let lower = Lower::new();
        let before = lower.fingerprint();
        let afterwards =
            "cat $LOWER/tree/d/in $LOWER/tree/d/o/o $LOWER/tree/d/p/p; ls $LOWER/tree/d";
        let seen = format!("{seen}in\no\np\nin\no\np\n");
        with_mounts(&lower, driver, mounts, script, afterwards).stdout(seen).check();
        assert_eq!(before, lower.fingerprint());
    }
}

#[test]
fn a_lower_in_memory() {
    needs!("unshare");
    needs_both_drivers!();
    for driver in DRIVERS {
        let lower = Lower::new();
        let mounts = "mount -t tmpfs none $LOWER; mkdir -p $LOWER/tree/d; \
                      echo t > $LOWER/tree/d/t; echo a > $LOWER/tree/a";
        let script = "cat d/t; echo u >> d/t; cat d/t; rm -r d; mkdir d; ls d; mv a e; ls -p";
        let afterwards = "cat $LOWER/tree/d/t";
        with_mounts(&lower, driver, mounts, script, afterwards)
            .stdout("t\nt\nu\nd/\ne\nt\n")
            .check();
    }
}

#[test]
fn what_is_kept_is_there_again() {
    needs_both_drivers!();
    for driver in DRIVERS {
        let lower = Lower::new();
        let before = lower.fingerprint();
        let home = Home::new();
        let kept = home.data().join("kept");
        let run = |driver| {
            let run = over(lower.path(), driver).at(&home).arg("--overlay-dir").arg(&kept);
            run.leftovers_unjudged()
        };
        run(driver).shell("echo more >> a; rm -r d; mkdir d; touch d/new").check();
        run(driver).shell("cat a; ls d").stdout("hello\nmore\nnew\n").check();
        run("auto").shell("cat a; ls d").stdout("hello\nmore\nnew\n").check();
        assert_eq!(before, lower.fingerprint());

        let other = if driver == "kernel" { "fuse" } else { "kernel" };
        let hint = format!("`--overlay-driver {driver}`");
        run(other).shell("cat a").status(125).stderr_contains(hint).check();

        let elsewhere = Lower::new();
        let run = over(elsewhere.path(), "auto").at(&home).arg("--overlay-dir").arg(&kept);
        let told = lower.path().display().to_string();
        run.leftovers_unjudged().shell("cat a").status(125).stderr_contains(told).check();
    }
}

/// Other mounts of the view lie below the overlay then: they are not the host's.
#[test]
fn an_overlay_over_the_working_directory_of_a_repository_is_one_tree() {
    for driver in DRIVERS {
        let home = Home::new();
        fs::create_dir_all(home.work().join(".git/hooks")).unwrap();
        fs::write(home.work().join(".git/config"), "[core]\n").unwrap();
        fs::create_dir(home.work().join("d")).unwrap();
        fs::write(home.work().join("d/x"), "x\n").unwrap();
        Bryo::run()
            .at(&home)
            .cwd(home.work())
            .args(["--overlay", ".", "--overlay-driver", driver])
            .shell("rm -r d && echo file > d && cat d && rm -r .git && ls -A")
            .stdout("file\nd\n")
            .check();
    }
}

#[test]
fn two_runs_do_not_share_what_is_kept() {
    let lower = Lower::new();
    let home = Home::new();
    let kept = home.data().join("kept");
    let run = || {
        let run = over(lower.path(), "auto").at(&home).arg("--overlay-dir").arg(&kept);
        run.leftovers_unjudged()
    };
    let mut first = run().shell("echo here; read a").stdin_piped().start();
    first.wait_for("here");
    let holder = format!("process {} is using it", first.pid());
    run().shell("true").status(125).stderr_contains(holder).check();
    first.send("\n");
    assert_eq!(first.finish().status, 0);
    run().shell("true").check();
}

#[test]
fn the_helper_is_out_of_reach_and_its_death_ends_the_run() {
    if let Some(why) = lacking("fuse") {
        skip!("{why}");
    }
    let lower = Lower::new();
    let home = Home::new();
    let script =
        "cat /proc/[0-9]*/comm | grep -c fuse; cat a; while cat a; do sleep 0.1; done; sleep 30";
    let running = over(lower.path(), "fuse").at(&home).shell(script).start();
    running.wait_for("0\nhello\n");
    let helper =
        children_of(running.pid()).into_iter().find(|(_, name)| name.contains("fuse-over"));
    let (helper, _) = helper.expect("the helper is not a child of the caller");
    kill_process(Pid::from_raw(helper).unwrap(), Signal::KILL).unwrap();
    let outcome = running.finish();
    assert_eq!(outcome.status, 125, "{}", outcome.talk());
    let said = "fuse-overlayfs ended before the sandbox did: killed by signal 9";
    assert!(outcome.talk().contains(said), "{}", outcome.talk());
}

fn children_of(pid: u32) -> Vec<(i32, String)> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let children = fs::read_to_string(path).unwrap();
    let name = |child: i32| fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default();
    children.split_whitespace().map(|n| n.parse().unwrap()).map(|n| (n, name(n))).collect()
}

#[test]
fn nothing_is_left_when_the_caller_is_killed() {
    needs!("newuidmap");
    needs_both_drivers!();
    for driver in DRIVERS {
        let lower = Lower::new();
        let home = Home::new();
        let scratch = home.data().join("scratch");
        let running = over(lower.path(), driver)
            .at(&home)
            .env("BRYO_SCRATCH", &scratch)
            .args(["--root", "--ids", "subids"])
            .shell("mkdir n; touch n/f; chown -R 5:7 n; chmod 000 n; echo ready; sleep 60")
            .start();
        running.wait_for("ready");
        let pids: Vec<i32> = children_of(running.pid()).into_iter().map(|(pid, _)| pid).collect();
        assert_eq!(fs::read_dir(&scratch).unwrap().count(), 1);
        running.signal(Signal::KILL);
        assert_eq!(running.finish().status, 137);
        let left = || {
            usize::from(scratch.exists()) + pids.iter().filter(|pid| stat::is_alive(pid)).count()
        };
        let is_gone = Deadline::after(Duration::from_secs(20)).sees(|| left() == 0);
        let alive: Vec<_> = pids.iter().filter(|pid| stat::is_alive(pid)).collect();
        assert!(is_gone, "{driver}: left: {alive:?}, scratch: {}", scratch.exists());
    }
}

#[test]
fn what_a_dead_run_left_is_swept_by_the_next() {
    let lower = Lower::new();
    let home = Home::new();
    let scratch = home.data().join("scratch");
    fs::create_dir_all(scratch.join("run-1-0/0/upper/dir")).unwrap();
    fs::write(scratch.join("run-1-0/0/upper/dir/file"), "").unwrap();
    over(lower.path(), "auto").at(&home).env("BRYO_SCRATCH", &scratch).shell("true").check();
    assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0);
}

#[test]
fn what_cannot_be_overlaid_is_refused() {
    let refused = |source: &str| Bryo::run().arg("--overlay").arg(source).status(125).shell("true");
    refused("/nonexistent").stderr_contains("`/nonexistent` does not exist").check();
    refused("/etc/passwd:/p").stderr_contains("`/etc/passwd` is not a directory").check();
    Bryo::run()
        .args(["--overlay-driver", "kernel", "--overlay", "/proc/sys:/p"])
        .shell("true")
        .status(125)
        .stderr_contains("cannot put an overlay over `/proc/sys`")
        .stderr_contains("hint: `--overlay-driver fuse`")
        .check();
    Bryo::run()
        .args(["--overlay-dir", "kept"])
        .shell("true")
        .status(125)
        .stderr_contains("nothing in this sandbox is an overlay")
        .check();
}

/// On a busy machine the caller may be late: init must not have closed its /proc directory by then.
#[test]
fn a_caller_that_is_late_still_finds_init() {
    needs!("strace");
    let lower = Lower::new();
    let (home, bryo) = (Home::new(), place::binary());
    let late = ["-o", "/dev/null", "-e", "inject=clone3:delay_exit=200000"];
    for driver in DRIVERS {
        for scratch in ["", "disk"] {
            let disk = home.scratch().dir("disk");
            let run = Bryo::program(program("strace").unwrap()).at(&home).args(late);
            let run = if scratch.is_empty() { run } else { run.env("BRYO_SCRATCH", &disk) };
            run.arg(&bryo)
                .args(["run", "--overlay-driver", driver, "--overlay"])
                .arg(lower.path())
                .command(["echo", "ran"])
                .stdout("ran\n")
                .check();
        }
    }
}
