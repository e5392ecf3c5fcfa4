//! Profiles in OCI's and docker's form, read and refused.

use super::*;
use crate::plan::filter::Comparison;

fn read_for(text: &str, capabilities: &[&'static str]) -> Result<Filter> {
    let circumstances = Circumstances { native: Abi::X86_64, capabilities, kernel: (6, 1) };
    read_profile(text.as_bytes(), &circumstances)
}

fn read(text: &str) -> Filter {
    read_for(text, &[]).unwrap()
}

fn verdict(filter: &Filter, name: &str) -> Verdict {
    let abi = &filter.abis[0];
    let number = abi.abi.calls().find(|(_, known)| *known == name).unwrap().0;
    abi.verdict_of(number).cloned().unwrap_or(Verdict::always(abi.others))
}

#[test]
fn a_small_profile_is_read_as_it_says() {
    let filter = read(
        r#"{"defaultAction": "SCMP_ACT_ALLOW",
            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
            "flags": ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC"],
            "syscalls": [
                {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13},
                {"names": ["kill"], "action": "SCMP_ACT_KILL_PROCESS",
                 "args": [{"index": 1, "value": 9, "op": "SCMP_CMP_EQ"},
                          {"index": 0, "value": 255, "valueTwo": 1, "op": "SCMP_CMP_MASKED_EQ"}]}
            ]}"#,
    );
    assert_eq!(filter.abis.iter().map(|it| it.abi).collect::<Vec<_>>(), [Abi::X86_64, Abi::I386]);
    assert_eq!(filter.flags, [Flag::Log]);
    assert_eq!(verdict(&filter, "mkdir"), Verdict::always(Action::Errno(13)));
    assert_eq!(verdict(&filter, "rmdir"), Verdict::always(Action::Allow));
    let condition =
        |argument, mask, value| Condition { argument, mask, comparison: Comparison::Equal, value };
    let when = vec![condition(1, u64::MAX, 9), condition(0, 255, 1)];
    let rules = vec![Rule { when, action: Action::KillProcess }];
    assert_eq!(verdict(&filter, "kill"), Verdict { rules, otherwise: Action::Allow });
}

#[test]
fn the_strictest_of_several_rules_wins_in_any_order() {
    let rule = |action: &str, args: &str| {
        format!(r#"{{"names": ["ioctl"], "action": "{action}", "args": [{args}]}}"#)
    };
    let tiocsti = r#"{"index": 1, "value": 21522, "op": "SCMP_CMP_EQ"}"#;
    let (always, never) = (rule("SCMP_ACT_ALLOW", ""), rule("SCMP_ACT_ERRNO", tiocsti));
    for rules in [[&always, &never], [&never, &always]] {
        let [one, two] = rules;
        let filter =
            read(&format!(r#"{{"defaultAction": "SCMP_ACT_KILL", "syscalls": [{one}, {two}]}}"#));
        let verdict = verdict(&filter, "ioctl");
        assert_eq!(verdict.otherwise, Action::Allow);
        assert_eq!(verdict.rules.len(), 1);
        assert_eq!(verdict.rules[0].action, Action::EPERM);
    }
}

#[test]
fn a_rule_that_speaks_twice_of_one_argument_means_either() {
    let filter = read(
        r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
            {"names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [
                {"index": 0, "value": 0, "op": "SCMP_CMP_EQ"},
                {"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]}]}"#,
    );
    assert_eq!(verdict(&filter, "personality").rules.len(), 2);
}

#[test]
fn rules_hold_for_the_capabilities_machines_and_kernels_that_they_name() {
    let text = r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
        {"names": ["chroot"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_CHROOT"]}},
        {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_SYS_CHROOT"]}},
        {"names": ["arch_prctl"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["amd64"]}},
        {"names": ["sync"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["arm64"]}},
        {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}},
        {"names": ["kcmp"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "6.2"}}]}"#;
    let allowed = |capabilities: &[&'static str]| {
        let filter = read_for(text, capabilities).unwrap();
        let names = ["chroot", "mount", "arch_prctl", "sync", "ptrace", "kcmp"];
        let allowed = |name: &&str| verdict(&filter, name) == Verdict::always(Action::Allow);
        names.into_iter().filter(allowed).collect::<Vec<_>>()
    };
    assert_eq!(allowed(&[]), ["mount", "arch_prctl", "ptrace"]);
    assert_eq!(allowed(&["sys_chroot"]), ["chroot", "arch_prctl", "ptrace"]);
}

#[test]
fn what_a_filter_sees_only_behind_a_pointer_is_as_closed_as_it_may_be() {
    let filter = read(
        r#"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86"], "syscalls": [
            {"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": 97, "args": [
                {"index": 0, "value": 40, "op": "SCMP_CMP_EQ"}]},
            {"names": ["shmget"], "action": "SCMP_ACT_ERRNO"},
            {"names": ["socketcall", "ipc"], "action": "SCMP_ACT_ALLOW"}]}"#,
    );
    let i386 = &filter.abis[1];
    let socketcall = i386.verdict_of(102).unwrap();
    assert_eq!(socketcall.rules.len(), 1);
    assert_eq!(socketcall.rules[0].when, [Condition::low_equals(0, 1)]);
    assert_eq!(socketcall.rules[0].action, Action::EAFNOSUPPORT);
    let ipc = i386.verdict_of(117).unwrap();
    assert_eq!((ipc.rules[0].when[0].mask, ipc.rules[0].when[0].value), (0xffff, 23));
}

#[test]
fn what_cannot_be_done_is_named() {
    let with_rule =
        |rule: &str| format!(r#"{{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{rule}]}}"#);
    let with = |field: &str| format!(r#"{{"defaultAction": "SCMP_ACT_ALLOW", {field}}}"#);
    let with_argument = |argument: &str| {
        with_rule(&format!(
            r#"{{"names": ["read"], "action": "SCMP_ACT_ERRNO", "args": [{argument}]}}"#
        ))
    };
    for (text, named) in [
        ("{", "malformed: EOF"),
        ("[]", "malformed: invalid length 0"),
        ("{}", "missing field `defaultAction`"),
        (r#"{"defaultAction": "SCMP_ACT_OK"}"#, "no action `SCMP_ACT_OK`"),
        (r#"{"defaultAction": "SCMP_ACT_NOTIFY"}"#, "`SCMP_ACT_NOTIFY` could ask"),
        (&with(r#""defaultErrnoRet": 1"#), "`SCMP_ACT_ALLOW` returns no errno"),
        (&with(r#""sycalls": []"#), "unknown field `sycalls`"),
        (&with(r#""listenerPath": "/run/x""#), "`listenerPath`"),
        (&with(r#""flags": ["SECCOMP_FILTER_FLAG_FAST"]"#), "no flag `SECCOMP_FILTER_FLAG_FAST`"),
        (&with(r#""architectures": ["SCMP_ARCH_VAX"]"#), "no architecture `SCMP_ARCH_VAX`"),
        (&with_rule(r#"{"action": "SCMP_ACT_ERRNO"}"#), "names no system call"),
        (&with_rule(r#"{"names": ["raed"], "action": "SCMP_ACT_ERRNO"}"#), "no system call `raed`"),
        (
            &with_rule(r#"{"names": ["read"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5000}"#),
            "`5000` is no errno",
        ),
        (
            &with_rule(r#"{"names": ["read"], "action": "SCMP_ACT_ERRNO", "errno": "EFOO"}"#),
            "no errno `EFOO`",
        ),
        (
            &with_rule(
                r#"{"names": ["read"], "action": "SCMP_ACT_ERRNO", "includes": {"cap": []}}"#,
            ),
            "unknown field `cap`",
        ),
        (&with_argument(r#"{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}"#), "argument 6"),
        (&with_argument(r#"{"index": 0, "value": 1, "op": "SCMP_CMP_IN"}"#), "`SCMP_CMP_IN`"),
        (
            &with_argument(
                r#"{"index": 0, "value": 1, "valueTwo": 2, "op": "SCMP_CMP_MASKED_EQ"}"#,
            ),
            "outside of the mask",
        ),
        (&with_argument(r#"{"index": 0, "value": -1, "op": "SCMP_CMP_EQ"}"#), "integer `-1`"),
    ] {
        let error = read_for(text, &[]).unwrap_err().to_string();
        assert!(error.contains(named) && !error.contains('\n'), "{text}: {error}");
    }
}

#[test]
fn a_name_that_is_not_known_does_no_harm_where_the_rest_is_as_strict() {
    let text = |default: &str, action: &str| {
        format!(
            r#"{{"defaultAction": "{default}", "syscalls": [
                {{"names": ["read", "newest_call"], "action": "{action}"}}]}}"#
        )
    };
    assert!(read_for(&text("SCMP_ACT_ERRNO", "SCMP_ACT_ALLOW"), &[]).is_ok());
    assert!(read_for(&text("SCMP_ACT_ERRNO", "SCMP_ACT_ERRNO"), &[]).is_ok());
    assert!(read_for(&text("SCMP_ACT_ERRNO", "SCMP_ACT_KILL"), &[]).is_err());
    assert!(read_for(&text("SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"), &[]).is_err());
}
