//! The variables that a command gets, and what of the caller's it can never find.

use std::fs;

use crate::support::{Bryo, Home};

const ALL: [(&str, &str); 12] = [
    ("TERM", "xterm"),
    ("COLORTERM", "truecolor"),
    ("LANG", "C.UTF-8"),
    ("LC_TIME", "C"),
    ("TZ", "UTC"),
    ("CI", "1"),
    ("SECRET", "CANARY"),
    ("AWS_SECRET_ACCESS_KEY", "CANARY"),
    ("SSH_AUTH_SOCK", "/CANARY"),
    ("LD_PRELOAD", ""),
    ("BASH_ENV", "/CANARY"),
    ("DBUS_SESSION_BUS_ADDRESS", "CANARY"),
];

fn run() -> Bryo {
    ALL.iter().fold(Bryo::run(), |bryo, (name, value)| bryo.env(name, value))
}

fn names(text: &str) -> Vec<&str> {
    let mut names: Vec<_> = text.lines().filter_map(|line| line.split_once('=')).collect();
    names.sort_unstable();
    names.into_iter().map(|(name, _)| name).collect()
}

#[test]
fn only_what_is_harmless_is_passed() {
    let outcome = run().command(["env"]).stdout_any().check();
    let expected = [
        "CI",
        "COLORTERM",
        "HOME",
        "LANG",
        "LC_TIME",
        "LOGNAME",
        "PATH",
        "PWD",
        "TERM",
        "TZ",
        "USER",
    ];
    assert_eq!(names(outcome.text()), expected);
}

#[test]
fn pid_one_holds_nothing_of_the_callers() {
    let script = "cat /proc/1/environ /proc/1/cmdline /proc/2/environ /proc/self/environ \
                  2>/dev/null | tr '\\0' '\\n' | grep -c CANARY;
        ls /proc/1/fd /proc/1/cwd /proc/1/root/proc/1 2>/dev/null | grep -c .;
        cat /proc/1/mem 2>/dev/null | head -c 1 | wc -c; cat /proc/1/comm; true";
    for flags in [&[][..], &["--root"][..], &["--root", "--ids", "single"][..]] {
        let outcome = run()
            .args(flags)
            .arg("--file")
            .arg("/x=CANARY-of-a-flag")
            .shell(script)
            .stdout_any()
            .check();
        let lines: Vec<_> = outcome.text().lines().collect();
        // Our own script, in which the word stands, is pid 2's arguments, not its environment.
        assert_eq!((lines[0], lines[2], lines[3]), ("0", "0", "bryo-init"), "{flags:?}");
    }
}

#[test]
fn variables_are_set_passed_and_the_later_wins() {
    run()
        .args(["--env", "A=1", "-e", "B=x=y z", "--env", "SECRET", "--env", "A=2", "--env", "NONE"])
        .shell("echo \"$A|$B|$SECRET|${NONE-unset}\"")
        .stdout("2|x=y z|CANARY|unset\n")
        .check();
    run().args(["--env", "EMPTY="]).shell("echo ${EMPTY-unset}").stdout("\n").check();
    run()
        .args(["--env", "HOME=/tmp", "--env", "PATH=/usr/bin"])
        .shell("echo $HOME $PATH")
        .stdout("/tmp /usr/bin\n")
        .check();
}

#[test]
fn a_file_of_variables_is_read() {
    let home = Home::new();
    home.scratch().write("work/vars", "# comment\n\nA=1\n  B=two words\r\nSECRET\nC='q'\nNONE\n");
    let run = |words: &[&str]| Bryo::run().at(&home).env("SECRET", "CANARY").args(words);
    let script = "echo \"$A|$B|$SECRET|$C|${NONE-unset}\"";
    let expected = "1|two words|CANARY|'q'|unset\n";
    run(&["--env-file", "vars"]).shell(script).stdout(expected).check();
    run(&["--env-file", "vars", "--env", "A=2"]).shell("echo $A").stdout("2\n").check();
    run(&["--env", "A=2", "--env-file", "vars"]).shell("echo $A").stdout("1\n").check();
    let wrong = |content: &[u8], why: &str| {
        fs::write(home.work().join("wrong"), content).unwrap();
        let bryo = run(&["--env-file", "wrong"]).shell("echo started");
        bryo.stderr_contains("cannot use `--env-file`: ").stderr_contains(why).status(125).check();
    };
    wrong(b"A=1\n=2\n", "wrong`: line 2: `=2` is not of the form");
    wrong(b"A\0B=1\n", "line 1: ");
    let missing = run(&["--env-file", "missing"]).shell("echo started");
    missing.stderr_contains("missing`: no such file").status(125).check();
}

#[test]
fn a_cleared_environment_holds_what_is_true_of_the_sandbox() {
    let outcome = run().arg("--clear-env").command(["env"]).stdout_any().check();
    assert_eq!(names(outcome.text()), ["HOME", "LOGNAME", "PATH", "PWD", "USER"]);
    let outcome =
        run().args(["--clear-env", "--env", "TERM"]).command(["env"]).stdout_any().check();
    assert_eq!(names(outcome.text()), ["HOME", "LOGNAME", "PATH", "PWD", "TERM", "USER"]);
}

#[test]
fn values_of_any_bytes_are_passed_as_they_are() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let flag = OsStr::from_bytes(b"A=\xff\n \x1b");
    let script = "printf %s \"$A\" | od -An -tx1";
    Bryo::run().arg("--env").arg(flag).shell(script).stdout(" ff 0a 20 1b\n").check();
    let passed = Bryo::run().env("A", OsStr::from_bytes(b"\xff\n \x1b")).args(["--env", "A"]);
    passed.shell(script).stdout(" ff 0a 20 1b\n").check();
}

#[test]
fn an_empty_environment_is_enough() {
    let bryo = crate::support::place::binary();
    let outcome = Bryo::program("/usr/bin/env")
        .args(["-i"])
        .arg(&bryo)
        .args(["run", "--", "env"])
        .stdout_any()
        .check();
    assert_eq!(names(outcome.text()), ["HOME", "LOGNAME", "PATH", "PWD", "USER"]);
    Bryo::run().env_remove("PATH").command(["id", "-u"]).stdout_any().check();
    Bryo::run().env("PATH", "").command(["/usr/bin/id", "-u"]).stdout_any().check();
    let unfound = Bryo::run().env("PATH", "").command(["id"]);
    unfound.stderr_contains("cannot find `id`").status(127).check();
}

#[test]
fn home_says_where_the_home_is_only_if_it_is_a_path() {
    for home in ["", "relative", "./x"] {
        let outcome = Bryo::run().env("HOME", home).shell("echo $HOME").stdout_any().check();
        assert!(outcome.text().starts_with('/'), "{home:?}: {outcome:?}");
    }
    Bryo::run().env_remove("HOME").shell("cd && pwd >/dev/null && touch x").check();
    Bryo::run()
        .env("HOME", "/nowhere/at/all")
        .shell("cd && pwd; touch x")
        .stdout("/nowhere/at/all\n")
        .check();
}
