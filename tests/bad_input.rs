//! What is wrong is told in one line that names it, and nothing is started and nothing left; where
//! the machine lacks something, a run works or says so.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use crate::support::{Bryo, Home, place};

/// `FLAG=VALUE` and what the error must say of it.
const WRONG: [(&str, &str); 62] = [
    ("--ids=x", "`x` is not `auto`, `subids` or `single`"),
    ("--ids=", "`` is not `auto`"),
    ("--user=ada", "`ada`"),
    ("--user=-1", "`-1`"),
    ("--user=4294967295", "`4294967295`"),
    ("--user=1:", "`1:`"),
    ("--user=1:2:3", "`1:2:3`"),
    ("--hostname=", "is not a host name"),
    ("--hostname=a/b", "`a/b`"),
    ("--hostname=-a", "`-a`"),
    ("--hostname=\u{1b}[1m", "`\\u{1b}[1m`"),
    ("--time=x", "`x`"),
    ("--rootfs=", "has an empty path"),
    ("--rootfs=/nowhere", "`/nowhere` does not exist"),
    ("--ro=", "has an empty path"),
    ("--ro=:/x", "has an empty path"),
    ("--ro=/x:", "has an empty path"),
    ("--ro=/nowhere", "`/nowhere` does not exist"),
    ("--rw=/nowhere:/x", "`/nowhere` does not exist"),
    ("--overlay=/nowhere", "`/nowhere` does not exist"),
    ("--overlay=/etc/passwd", "`/etc/passwd` is not a directory"),
    ("--volume=/etc:/x:z", "`z`"),
    ("--volume=", "has an empty path"),
    ("--tmpfs=", "has an empty path"),
    ("--tmpfs=/t:size=x", "`x` is not a size"),
    ("--tmpfs=/t:size=0", "a size of 0"),
    ("--tmpfs=/t:size=-1", "`-1`"),
    ("--tmpfs=/t:size=99999999999999999999", "`99999999999999999999`"),
    ("--tmpfs=/t:mode=9", "`9`"),
    ("--tmpfs=/t:mode=7777", "`7777`"),
    ("--tmpfs=/t:size=1M,uid=0", "`uid=0`"),
    ("--hide=", "has an empty path"),
    ("--file=x", "`x` is not of the form"),
    ("--file==x", "has an empty path"),
    ("--file=/x=@", "has an empty path"),
    ("--symlink=x", "`x` is not of the form"),
    ("--symlink=:/x", "has an empty path"),
    ("--dev=", "has an empty path"),
    ("--dev=../x", "`../x`"),
    ("--dev=nothing", "`/dev/nothing`"),
    ("--home=", "an empty path"),
    ("--home=/nowhere", "`/nowhere` is not a directory"),
    ("--workdir=", "an empty path"),
    ("--overlay-driver=x", "`x` is not `auto`, `kernel` or `fuse`"),
    ("--overlay-dir=", "an empty path"),
    ("--net=x", "`x` is not `none`"),
    ("--publish=x", "`x`"),
    ("--publish=0:1", "`0`"),
    ("--publish=65536:1", "`65536`"),
    ("--dns=x", "`x` is not an IP address"),
    ("--dns-search=a b", "`a b`"),
    ("--add-host=x", "`x`"),
    ("--rate=x", "`x`"),
    ("--env=", "is not of the form"),
    ("--env==x", "`=x`"),
    ("--env-file=/nowhere", "`/nowhere`"),
    ("--pass-fd=1", "`1` is passed anyway"),
    ("--pass-fd=x", "`x`"),
    ("--timeout=x", "`x` is not a time"),
    ("--timeout=-1s", "`-1s`"),
    ("--grace=1s", "without a timeout"),
    ("--status-fd=x", "`x`"),
];

#[test]
fn a_wrong_value_is_named_in_one_line_and_nothing_starts() {
    for (word, why) in WRONG {
        let (flag, _) = word.split_once('=').unwrap();
        let home = Home::new();
        let outcome = Bryo::run()
            .at(&home)
            .arg(word)
            .shell("echo started; touch started")
            .stderr_contains(format!("bryo: error: cannot use `{flag}`: "))
            .stderr_contains(why)
            .status(125)
            .check();
        let lines: Vec<_> = outcome.talk().lines().collect();
        let form = lines.len() == 1 || (lines.len() == 3 && lines[2].starts_with("hint: "));
        assert!(form && !lines[0].ends_with('.'), "{word}: {lines:?}");
        assert!(!home.work().join("started").exists());
    }
}

#[test]
fn a_word_that_is_no_flag_is_named() {
    for (words, name) in [
        (&["run", "--nonsense", "--", "echo", "started"][..], "--nonsense"),
        (&["run", "--root=yes", "--", "echo", "started"], "--root"),
        (&["run", "--ro"], "--ro"),
        (&["nonsense"], "nonsense"),
        (&["run"], "no command given"),
        (&["run", "--"], "no command given"),
        (&["run", "--", ""], "no command given"),
        (&["run", "--root", "--user", "5", "--", "echo", "started"], "`--user`"),
        (&["run", "--profile", "nonsense", "--", "echo", "started"], "`nonsense`"),
        (&["run", "--policy", "/nowhere", "--", "echo", "started"], "`/nowhere`"),
    ] {
        let outcome = Bryo::bare().args(words).stderr_contains(name).status(125).check();
        assert!(outcome.talk().lines().next().unwrap().contains("error: "), "{words:?}");
    }
}

#[test]
fn a_command_that_cannot_run_is_named() {
    let home = Home::new();
    home.scratch().write("work/plain", "text\n");
    let run = |command: &str| Bryo::run().at(&home).command([command]);
    run("nothing").stderr_contains("bryo: error: cannot find `nothing`").status(127).check();
    run("/no/where").stderr_contains("cannot find `/no/where`").status(127).check();
    run("./plain").stderr_contains("cannot execute `./plain`: ").status(126).check();
    run("/usr").stderr_contains("cannot execute `/usr`").status(126).check();
    run("\u{1b}[2J").stderr_contains("cannot find `\\u{1b}[2J`").status(127).check();
}

/// Runs a script in a world where the caller is root and may mount.
fn mounted(home: &Home, script: &str) -> Bryo {
    let work = home.work();
    let home_at = home.root().display();
    let script = format!("R='{home_at}'; B='{}'; {script}", place::binary().display());
    Bryo::program("/usr/bin/unshare").at(home).cwd(work).args(["-rm", "sh", "-c", &script])
}

#[test]
fn a_full_disk_ends_in_a_run_or_an_error() {
    let full = "mount -t tmpfs -o size=8k,mode=700 x \"$R/$D\" && cd \"$R/work\" &&
        { cat /dev/zero > \"$R/$D/full\" 2>/dev/null; \"$B\" run $F -- echo started; }";
    for (directory, flags) in
        [("work", ""), ("run", ""), ("data", ""), ("config", ""), ("home", ""), ("run", "--root")]
    {
        let home = Home::new();
        mounted(&home, &format!("D={directory}; F={flags}; {full}")).stdout("started\n").check();
    }
    let home = Home::new();
    let write = "mount -t tmpfs -o size=8k x \"$R/work\" && cd \"$R/work\" &&
        \"$B\" run -- sh -c 'cat /dev/zero > full'";
    mounted(&home, write).stderr_contains("No space left on device").status(1).check();
}

#[test]
fn directories_that_cannot_be_written_hinder_nothing() {
    let home = Home::new();
    for name in ["home", "data", "config", "run"] {
        fs::set_permissions(home.root().join(name), fs::Permissions::from_mode(0o555)).unwrap();
    }
    Bryo::run().at(&home).shell("echo started; touch ~/x made").stdout("started\n").check();
    fs::set_permissions(home.work(), fs::Permissions::from_mode(0o555)).unwrap();
    let written = Bryo::run().at(&home).shell("touch x");
    written.stderr_contains("Permission denied").status(1).check();
}

#[test]
fn directories_that_are_not_there_hinder_nothing() {
    let home = Home::new();
    let run = |name: &str, value: Option<&str>| {
        let bryo = Bryo::run().at(&home);
        let bryo = match value {
            Some(value) => bryo.env(name, value),
            None => bryo.env_remove(name),
        };
        bryo.command(["echo", "started"]).stdout("started\n").check();
    };
    for name in ["XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "HOME"] {
        for value in [None, Some("/no/where"), Some(""), Some("relative")] {
            run(name, value);
        }
    }
}

#[test]
fn few_descriptors_end_in_a_run_or_an_error() {
    let mut ran = 0;
    for flags in ["", "--root"] {
        for limit in [4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32, 48, 64, 128] {
            let script = format!(
                "ulimit -n {limit} && exec '{}' run {flags} -- echo started",
                place::binary().display()
            );
            let home = Home::new();
            let outcome = Bryo::program("/bin/sh").at(&home).args(["-c", &script]).start().finish();
            ran += usize::from(outcome.status == 0);
            match outcome.status {
                0 => assert_eq!((outcome.text(), outcome.talk()), ("started\n", ""), "{limit}"),
                125 => assert!(outcome.talk().contains("bryo: error: "), "{limit}: {outcome:?}"),
                _ => panic!("{limit}: {outcome:?}"),
            }
        }
    }
    assert!(ran >= 4, "{ran}");
}

#[test]
fn few_processes_end_in_a_run_or_an_error() {
    // The count is of a user in a user namespace: one of its own begins at its own processes.
    let mut seen = [0; 2];
    for limit in [1, 2, 3, 4, 5, 8, 16] {
        let script = format!(
            "ulimit -u {limit}; exec '{}' run -- /usr/bin/id -u",
            place::binary().display()
        );
        let home = Home::new();
        let inner = Bryo::program("/usr/bin/unshare").at(&home).args(["-U", "--map-current-user"]);
        let outcome =
            inner.args(["bash", "-c", &script]).limit(Duration::from_secs(10)).start().finish();
        seen[usize::from(outcome.status == 0)] += 1;
        match outcome.status {
            0 => assert_eq!(outcome.talk(), "", "{limit}"),
            125 => assert!(outcome.talk().contains("bryo: error: "), "{limit}: {outcome:?}"),
            _ => panic!("{limit}: {outcome:?}"),
        }
    }
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
}

#[test]
fn little_memory_ends_in_a_run_or_an_error() {
    for kilobytes in [2_000, 8_000, 16_000, 64_000] {
        let script = format!(
            "ulimit -v {kilobytes}; exec '{}' run -- /usr/bin/id -u",
            place::binary().display()
        );
        let home = Home::new();
        let outcome = Bryo::program("/bin/sh").at(&home).args(["-c", &script]).start().finish();
        assert!(!outcome.talk().contains("panicked"), "{kilobytes}: {outcome:?}");
    }
}

#[test]
fn closed_streams_are_no_hindrance() {
    let script = |streams: &str, command: &str| {
        let script =
            format!("exec '{}' run -- sh -c '{command}' {streams}", place::binary().display());
        Bryo::program("/bin/sh").args(["-c", &script])
    };
    script("<&-", "echo out; echo err >&2; wc -c").stdout("out\n0\n").stderr("err\n").check();
    script(">&-", "echo lost; echo err >&2; exit 3").stderr("err\n").status(3).check();
    script("2>&-", "echo out; echo lost >&2; exit 3").stdout("out\n").status(3).check();
    script("<&- >&- 2>&-", "touch ok; exit 4").status(4).check();
    let wrong = format!("exec '{}' run --nonsense -- true 2>&- >&- <&-", place::binary().display());
    Bryo::program("/bin/sh").args(["-c", &wrong]).status(125).check();
    let full =
        format!("exec '{}' run -- sh -c 'echo x; exit 0' > /dev/full", place::binary().display());
    Bryo::program("/bin/sh").args(["-c", &full]).stderr_contains("sh: ").check();
    let plan = format!("'{}' run --plan -- true | head -1", place::binary().display());
    Bryo::program("/bin/sh").args(["-c", &plan]).stdout("{\n").check();
}

#[test]
fn many_flags_are_many_places() {
    let words = (0..300).flat_map(|n| ["--file".to_owned(), format!("/many/{n}/f={n}")]);
    Bryo::run()
        .args(words)
        .shell("ls /many | wc -l; cat /many/299/f")
        .stdout("300\n299")
        .limit(Duration::from_secs(30))
        .check();
}
