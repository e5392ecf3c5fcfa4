//! The filter of system calls, met by programs that make them: what is closed, that each door opens
//! its own, and filters of the user's own.

mod numbers;

use std::fs;
use std::process::Command;

use bryo::base::syscall::Abi;

use crate::support::{Bryo, Home, program};

/// Makes calls by their numbers.
const CALL: &str = include_str!("seccomp/call.c");

/// A home with that program in its working directory.
fn home_with_call() -> Home {
    let home = Home::new();
    let source = home.scratch().write("work/call.c", CALL);
    let flags = ["-O1", "-Wall", "-Werror", "-o"];
    let made = Command::new("cc").args(flags).arg(home.work().join("call")).arg(source).status();
    assert!(made.unwrap().success());
    home
}

fn number(name: &str) -> u32 {
    let abi = Abi::of_this_machine().unwrap();
    abi.calls().find(|(_, known)| *known == name).unwrap_or_else(|| panic!("no `{name}`")).0
}

/// `socket,40,1` with the number of the name.
fn word(call: &str) -> String {
    let (name, rest) = call.split_once(',').map_or((call, ""), |(name, rest)| (name, rest));
    let comma = if rest.is_empty() { "" } else { "," };
    match name.starts_with(|first: char| first.is_ascii_digit()) || name.starts_with("i386:") {
        true => call.to_owned(),
        false => format!("{}{comma}{rest}", number(name)),
    }
}

/// Runs `call` with these flags, and compares each answer.
#[track_caller]
fn answers(home: &Home, flags: &[&str], expected: &[(&str, &str)]) {
    let words = expected.iter().map(|(call, _)| word(call));
    let outcome = Bryo::run()
        .at(home)
        .args(flags)
        .command(["./call".to_owned()].into_iter().chain(words))
        .stdout_any()
        .stderr_any()
        .check();
    let stdout = String::from_utf8(outcome.stdout).unwrap();
    let given: Vec<(&str, &str)> =
        expected.iter().zip(stdout.lines()).map(|((call, _), answer)| (*call, answer)).collect();
    assert_eq!(given, expected, "{flags:?}");
}

#[test]
fn every_process_is_filtered_unless_asked_otherwise() {
    let status =
        "grep ^Seccomp: /proc/self/status; setsid sh -c 'grep ^Seccomp: /proc/self/status'";
    for (flags, warning, mode) in [
        (&[][..], "", 2),
        (&["--root"], "", 2),
        (&["--time"], "", 2),
        (&["--seccomp", "none"], "bryo: warning: every system call may be made\n", 0),
    ] {
        let line = format!("Seccomp:\t{mode}\n");
        Bryo::run().args(flags).shell(status).stdout(line.repeat(2)).stderr(warning).check();
    }
}

/// Each with a door that opens it, where there is one; the answer with the door open is the
/// kernel's own.
const CLOSED: &[(&str, &str, &str, &str)] = &[
    ("999", "ENOSYS", "", ""),
    ("0xffffffff", "ENOSYS", "", ""),
    ("clone3,0,0", "ENOSYS", "nested-userns", "ENOSYS"),
    ("clone,0x10000011", "EPERM", "nested-userns", "ok"),
    ("clone,0x100020011", "EPERM", "nested-userns", ""),
    ("unshare,0x10000000", "EPERM", "nested-userns", "ok"),
    ("setns,-1,0", "EPERM", "nested-userns", "EBADF"),
    ("mount,0,0,0,0,0", "EPERM", "nested-userns", "EFAULT"),
    ("fsopen,0,0", "ENOSYS", "nested-userns", "EPERM"),
    ("chroot,0", "EPERM", "nested-userns", "EFAULT"),
    ("io_uring_setup,1,0", "ENOSYS", "io-uring", "EFAULT"),
    ("keyctl,0,-3,0", "EPERM", "keyring", ""),
    ("add_key,0,0,0,0,0", "EPERM", "keyring", "EFAULT"),
    ("perf_event_open,0,0,0,0,0", "EPERM", "perf", "EFAULT"),
    ("userfaultfd,0xffff", "EPERM", "userfaultfd", "EINVAL"),
    ("ptrace,0,0,0,0", "EPERM", "ptrace", "ok"),
    ("kcmp,-1,-1,0,0,0", "EPERM", "ptrace", "ESRCH"),
    ("process_vm_readv,-1,0,0,0,0,0", "EPERM", "ptrace", ""),
    ("personality,0x40000", "EPERM", "ptrace", "ok"),
    ("personality,0x400000", "EPERM", "", ""),
    ("bpf,0,0,0", "EPERM", "", ""),
    ("syslog,10,0,0", "EPERM", "", ""),
    ("prctl,35,0,0", "EPERM", "", ""),
    ("seccomp,1,8,0", "EPERM", "", ""),
    ("socket,17,3,0", "EAFNOSUPPORT", "sockets", "EPERM"),
    ("socket,40,1,0", "EAFNOSUPPORT", "sockets", ""),
    ("socket,0x100000028,1,0", "EAFNOSUPPORT", "sockets", ""),
    ("socket,38,5,0", "EAFNOSUPPORT", "sockets", ""),
    ("socket,16,3,12", "EAFNOSUPPORT", "sockets", ""),
    ("socket,16,3,16", "EAFNOSUPPORT", "sockets", "ok"),
    ("socketpair,40,1,0", "EAFNOSUPPORT", "sockets", ""),
    ("socket,2,1,132", "EPROTONOSUPPORT", "sockets", ""),
    ("socket,10,6,0x100000021", "EPROTONOSUPPORT", "sockets", ""),
    ("ioctl,1,0x5412,0", "EPERM", "terminal-input", ""),
    ("ioctl,1,0x100005412,0", "EPERM", "terminal-input", ""),
    ("ioctl,1,0x541c,0", "EPERM", "terminal-input", "ENOTTY"),
    ("ioctl,1,0x5423,0", "EPERM", "", ""),
    ("fchmodat,-100,=call,04755", "EPERM", "setuid-bits", "ok"),
    ("fchmodat,-100,=call,02755", "EPERM", "setuid-bits", "ok"),
    ("fchmod,-1,04755", "EPERM", "setuid-bits", "EBADF"),
    ("mknodat,-100,=m,0104755,0", "EPERM", "setuid-bits", "ok"),
    ("openat,-100,=o,0101,04755", "EPERM", "setuid-bits", "ok"),
    ("openat,-100,=.,020200002,04755", "EPERM", "setuid-bits", ""),
    ("openat2,-100,=o,0,0", "ENOSYS", "setuid-bits", "EINVAL"),
];

#[test]
fn what_is_closed_answers_as_the_table_says() {
    needs!("cc");
    let home = home_with_call();
    let expected: Vec<_> = CLOSED.iter().map(|(call, answer, ..)| (*call, *answer)).collect();
    answers(&home, &[], &expected);
}

#[test]
fn what_programs_need_is_open() {
    needs!("cc");
    let home = home_with_call();
    answers(
        &home,
        &[],
        &[
            ("socket,1,1,0", "ok"),
            ("socket,2,1,0", "ok"),
            ("socket,10,2,0", "ok"),
            ("socket,2,1,6", "ok"),
            ("socket,16,3,0", "ok"),
            ("socketpair,1,1,0,0", "EFAULT"),
            ("personality,0xffffffff", "ok"),
            ("personality,8", "ok"),
            ("unshare,0x400", "ok"),
            ("clone,17", "ok"),
            ("ioctl,-1,0x5401,0", "EBADF"),
            ("fchmodat,-100,=call,01755", "ok"),
            ("openat,-100,=call,0,04755", "ok"),
            ("openat,-100,=new,0101,0644", "ok"),
            ("prctl,38,1,0,0,0", "ok"),
            ("seccomp,2,0,0", "EFAULT"),
            ("memfd_create,=x,0", "ok"),
            ("rseq,0,0,0,0", "EINVAL"),
        ],
    );
}

#[test]
fn each_door_opens_its_own_calls() {
    needs!("cc");
    let home = home_with_call();
    let mut doors: Vec<&str> = CLOSED.iter().map(|(_, _, door, _)| *door).collect();
    doors.sort_unstable();
    doors.dedup();
    for door in doors.into_iter().filter(|door| !door.is_empty()) {
        let opened = CLOSED.iter().filter(|(.., it, answer)| *it == door && !answer.is_empty());
        let expected: Vec<_> = opened.map(|(call, _, _, answer)| (*call, *answer)).collect();
        // What builds sandboxes needs openat2 too.
        let opens_more = |call: &str| door == "nested-userns" && call.starts_with("openat2");
        let others = CLOSED.iter().filter(|(call, _, it, _)| *it != door && !opens_more(call));
        let still: Vec<_> = others.map(|(call, answer, ..)| (*call, *answer)).collect();
        answers(&home, &["--allow", door], &still);
        for file in ["m", "o"] {
            let _ = fs::remove_file(home.work().join(file));
        }
        answers(&home, &["--allow", door], &expected);
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn other_abis_are_closed() {
    needs!("cc");
    let home = home_with_call();
    // getpid, keyctl, unshare of a user namespace, AF_VSOCK; then getpid by x32.
    let closed = ["i386:20", "i386:288,0,-3,0", "i386:310,0x10000000", "i386:359,40,1,0"];
    let closed = closed.map(|call| (call, "ENOSYS"));
    answers(&home, &[], &[&closed[..], &[("0x40000027", "ENOSYS")]].concat());
    answers(
        &home,
        &["--allow", "compat32"],
        &[
            ("i386:20", "ok"),
            ("i386:288,0,-3,0", "EPERM"),
            ("i386:310,0x10000000", "EPERM"),
            ("i386:359,40,1,0", "EAFNOSUPPORT"),
            ("i386:359,1,1,0", "ok"),
            ("i386:102,1,0", "EAFNOSUPPORT"),
            ("i386:102,3,0", "EFAULT"),
            ("i386:425,1,0", "ENOSYS"),
            ("0x40000027", "ENOSYS"),
        ],
    );
}

#[test]
fn package_managers_may_set_setuid_bits_and_change_their_root() {
    needs!("cc");
    let home = home_with_call();
    home.scratch().dir("shown");
    fs::copy(home.work().join("call"), home.root().join("shown/call")).unwrap();
    let shown = format!("{}:/shown", home.root().join("shown").display());
    Bryo::run()
        .at(&home)
        .args(["--root", "--workdir", "/tmp", "--ro", &shown])
        .shell(&format!(
            "/shown/call {} {}; cp /shown/call x; chmod u+s x && stat -c %a x",
            word("chroot,=/"),
            word("mknodat,-100,=fifo,0010644,0"),
        ))
        .stdout("ok\nok\n4755\n")
        .check();
}

#[test]
fn a_profile_of_ones_own_is_the_law() {
    needs!("cc");
    let home = home_with_call();
    let profile = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28},
        {"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": 97,
         "args": [{"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}]},
        {"names": ["uname"], "action": "SCMP_ACT_KILL_PROCESS"}]}"#;
    home.scratch().write("work/profile.json", profile);
    answers(
        &home,
        &["--seccomp", "profile.json"],
        &[
            ("mkdirat,-100,=d,0755", "ENOSPC"),
            ("socket,2,1,0", "EAFNOSUPPORT"),
            ("socket,40,1,0x7fff", "EPROTONOSUPPORT"),
            ("keyctl,0,-3,0", "ok"),
            ("999", "ENOSYS"),
        ],
    );
    let run = || Bryo::run().at(&home).args(["--seccomp", "profile.json"]);
    run().command(["uname"]).status(128 + 31).check();
    run().command(["grep", "^Seccomp:", "/proc/self/status"]).stdout("Seccomp:\t2\n").check();
}

#[test]
fn the_profile_of_docker_and_podman_works() {
    const PROFILE: &str = "/usr/share/containers/seccomp.json";
    if !fs::exists(PROFILE).unwrap_or(false) {
        skip!("`golang-github-containers-common` is not installed");
    }
    needs!("cc");
    let home = home_with_call();
    answers(
        &home,
        &["--seccomp", PROFILE],
        &[
            ("socket,1,1,0", "ok"),
            ("socket,16,3,9", "EINVAL"),
            ("bpf,0,0,0", "EPERM"),
            ("chroot,=/", "EPERM"),
            ("io_uring_setup,1,0", "ENOSYS"),
            ("personality,8", "ok"),
            ("personality,0x400000", "ENOSYS"),
            ("999", "ENOSYS"),
        ],
    );
    let run = || Bryo::run().at(&home).args(["--seccomp", PROFILE]);
    run().shell("ls / > list && git --version > v; rm list v; echo done").stdout("done\n").check();
    run()
        .args(["--root", "--workdir", "/tmp"])
        .shell("cp /bin/sh . && chmod 4755 sh && stat -c %a sh")
        .stdout("4755\n")
        .check();
}

#[test]
fn a_profile_that_cannot_be_used_is_refused_in_one_line() {
    let home = Home::new();
    let refused = |text: &str, why: &str| {
        let path = home.scratch().write("work/profile.json", text);
        let error =
            format!("bryo: error: cannot use the seccomp profile `{}`: {why}\n", path.display());
        Bryo::run()
            .at(&home)
            .args(["--seccomp", "profile.json"])
            .command(["true"])
            .stderr(error)
            .status(125)
            .check();
    };
    let rule =
        |rule: &str| format!(r#"{{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{{{rule}}}]}}"#);
    refused("{", "it is malformed: EOF while parsing an object at line 1 column 1");
    refused(
        r#"{"defaultAction": "SCMP_ACT_NO"}"#,
        "in `defaultAction`: there is no action `SCMP_ACT_NO`",
    );
    refused(
        &rule(r#""names": ["mkdri"], "action": "SCMP_ACT_ERRNO""#),
        "in the rule for `mkdri`: there is no system call `mkdri`",
    );
    refused(
        &rule(r#""names": ["read"], "action": "SCMP_ACT_NOTIFY""#),
        "in the rule for `read`: bryo has no supervisor that `SCMP_ACT_NOTIFY` could ask",
    );
    refused(
        &rule(
            r#""names": ["read"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_RANGE"}]"#,
        ),
        "in the rule for `read`: there is no comparison `SCMP_CMP_RANGE`",
    );
    Bryo::run()
        .at(&home)
        .args(["--seccomp", "missing.json"])
        .command(["true"])
        .stderr_contains("missing.json`: no such file or directory\n")
        .status(125)
        .check();
}

/// A filter may forbid all that a process needs to say why it cannot start.
#[test]
fn a_command_that_does_not_start_under_a_strict_profile_is_told_all_the_same() {
    let home = Home::new();
    home.scratch().script("work/broken", "#!/no/where\n");
    let only = |action: &str, names: &str| {
        format!(
            r#"{{"defaultAction": "{action}", "syscalls": [
                {{"names": [{names}], "action": "SCMP_ACT_ALLOW"}}]}}"#
        )
    };
    let profiles = [
        only("SCMP_ACT_ERRNO", r#""execve", "exit", "exit_group""#),
        only("SCMP_ACT_KILL_PROCESS", r#""execve", "exit", "exit_group""#),
        only("SCMP_ACT_KILL_PROCESS", r#""execve""#),
    ];
    for profile in profiles {
        home.scratch().write("work/profile.json", profile);
        for flags in [&[][..], &["--time"]] {
            let run = || Bryo::run().at(&home).args(flags).args(["--seccomp", "profile.json"]);
            run()
                .command(["./broken"])
                .stderr("bryo: error: cannot execute `./broken`: its interpreter `/no/where` does not exist inside the sandbox\n")
                .status(126)
                .check();
            run()
                .command(["nothing"])
                .stderr("bryo: error: cannot find `nothing`: no such program inside the sandbox\n")
                .status(127)
                .check();
        }
    }
    home.scratch().write("work/profile.json", only("SCMP_ACT_ERRNO", r#""exit""#));
    let run = Bryo::run().at(&home).args(["--seccomp", "profile.json"]).command(["true"]);
    run.stderr_contains("bryo: error: cannot execute `").status(126).check();
}

#[test]
fn doors_are_open_to_programs_that_need_them() {
    needs!("strace");
    let traced = Bryo::run().args(["--allow", "ptrace"]);
    traced
        .command(["strace", "-qq", "-e", "trace=exit_group", "true"])
        .stderr_contains("exit_group(0)")
        .check();
    assert!(program("strace").is_some());
}
