//! Doctor tells what is true of this machine, and of the same machine with something taken away in
//! a private mount namespace; a run that fails for that says the same.

use serde_json::Value;

use crate::support::{Bryo, Home, place};

/// A shell as root of a user namespace of its own, with `$BRYO` and a directory `$D` to mount on.
fn as_mapped_root(script: &str) -> Bryo {
    let home = Home::new();
    let empty = home.scratch().dir("empty");
    Bryo::program("unshare")
        .at(&home)
        .args(["--user", "--map-root-user", "--mount", "sh", "-c"])
        .arg(format!("set -e\n{script}"))
        .env("BRYO", place::binary())
        .env("D", empty)
}

/// Whether this machine lets its users make user namespaces: else nothing can be taken away.
macro_rules! needs_namespaces {
    () => {
        needs!("unshare", "mount");
        let made = std::process::Command::new("unshare").args(["-rm", "true"]).output();
        if !made.is_ok_and(|it| it.status.success()) {
            skip!("no user namespaces for this user");
        }
    };
}

/// The line of a finding and the fix below it.
fn finding(text: &str, topic: &str) -> String {
    let mut lines = text.lines().skip_while(|line| !line.contains(&format!("  {topic}  ")));
    let first = lines.next().unwrap_or_else(|| panic!("no `{topic}` in {text}"));
    let fix = lines.next().filter(|line| line.trim_start().starts_with("fix: "));
    format!("{}\n{}", first.trim(), fix.unwrap_or_default().trim())
}

#[test]
fn it_is_well_where_a_sandbox_runs() {
    let home = Home::new();
    let ran = Bryo::run().at(&home).command(["true"]).stderr_any().start().finish();
    let status = i32::from(ran.status != 0);
    let word = if ran.status == 0 { "works here:" } else { "no sandbox can be made here" };
    Bryo::verb("doctor").at(&home).stdout_contains(word).status(status).check();
}

#[test]
fn the_answer_in_json_is_the_same() {
    needs_namespaces!();
    let text = Bryo::verb("doctor").stdout_any().check();
    let json = Bryo::verb("doctor").arg("--json").stdout_any().check();
    let text = String::from_utf8(text.stdout).unwrap();
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["runs"], true);
    let findings = json["findings"].as_array().unwrap();
    assert!(findings.len() >= 10, "{json}");
    for finding in findings {
        assert!(text.contains(finding["topic"].as_str().unwrap()), "{finding}");
        let has_fix = finding["fix"].is_string();
        match finding["state"].as_str().unwrap() {
            "works" => assert!(!has_fix, "{finding}"),
            "degraded" | "missing" => assert!(has_fix, "{finding}"),
            other => panic!("{other}"),
        }
    }
    assert_eq!(json["abilities"][0]["command"], "bryo run -- COMMAND");
}

#[test]
fn namespaces_used_up_are_named_by_their_sysctl() {
    needs_namespaces!();
    let fix = "an administrator can allow them with `sysctl -w user.max_user_namespaces=15000`";
    let close = "echo 0 > /proc/sys/user/max_user_namespaces\n";
    let said = as_mapped_root(&format!("{close} exec \"$BRYO\" doctor"))
        .stdout_contains(fix)
        .stdout_contains("does not work here:\n  bryo run")
        .stdout_lacks("\nworks here:")
        .status(1)
        .check();
    let said = finding(&String::from_utf8(said.stdout).unwrap(), "user namespaces");
    assert!(said.starts_with("no "), "{said}");
    as_mapped_root(&format!("{close} exec \"$BRYO\" run -- true"))
        .stderr_contains("bryo: error: cannot make a user namespace")
        .stderr_contains(format!("hint: the sysctl `user.max_user_namespaces` is 0: {fix}\n"))
        .status(125)
        .check();
}

#[test]
fn another_kind_of_namespace_is_named_too() {
    needs_namespaces!();
    let close = "echo 0 > /proc/sys/user/max_net_namespaces\n";
    as_mapped_root(&format!("{close} exec \"$BRYO\" doctor"))
        .stdout_contains("the sysctl `user.max_net_namespaces` is 0")
        .status(1)
        .check();
}

#[test]
fn a_chroot_is_thought_of() {
    needs_namespaces!();
    as_mapped_root("mount -n --rbind / \"$D\"; exec chroot \"$D\" \"$BRYO\" doctor")
        .stdout_contains("outside of the chroot")
        .status(1)
        .check();
}

/// docker's filter, as far as it matters here: clone3 is not there, unshare is forbidden.
#[cfg(target_arch = "x86_64")]
const FILTER: &str = r#"
import ctypes, os, struct, sys
libc = ctypes.CDLL(None)
def op(code, jt, jf, k): return struct.pack("HBBI", code, jt, jf, k)
answer = lambda errno: op(0x06, 0, 0, 0x00050000 | errno)
program = (op(0x20, 0, 0, 0) + op(0x15, 0, 1, 435) + answer(38)
           + op(0x15, 0, 1, 272) + answer(1) + op(0x06, 0, 0, 0x7fff0000))
code = ctypes.create_string_buffer(program)
fprog = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
libc.prctl(38, 1, 0, 0, 0)
if libc.prctl(22, 2, ctypes.c_char_p(fprog), 0, 0): sys.exit("no filter")
os.execv(sys.argv[1], sys.argv[1:])
"#;

#[test]
#[cfg(target_arch = "x86_64")]
fn the_filter_of_an_outer_container_is_recognised() {
    needs!("python3");
    let filtered = || Bryo::program("python3").args(["-c", FILTER]).arg(place::binary());
    let fix = "start the outer one with `--allow nested-userns` (bryo) or `--security-opt seccomp";
    let said = filtered().arg("doctor").stdout_any().status(1).check();
    let said = finding(&String::from_utf8(said.stdout).unwrap(), "user namespaces");
    assert!(said.contains(fix) && said.contains("seccomp filter"), "{said}");
    filtered().args(["run", "--", "true"]).stderr_contains(fix).status(125).check();
}

#[test]
fn a_covered_proc_is_told_by_doctor_and_by_a_run() {
    needs_namespaces!();
    let fix = "systempaths=unconfined";
    let cover = "mount --bind /dev/null /proc/version\n";
    as_mapped_root(&format!("{cover} exec \"$BRYO\" doctor"))
        .stdout_contains(fix)
        .stdout_contains("bryo run -- COMMAND  no fresh /proc")
        .status(1)
        .check();
    as_mapped_root(&format!("{cover} exec \"$BRYO\" run -- true"))
        .stderr_contains("cannot mount a fresh /proc")
        .stderr_contains(fix)
        .status(125)
        .check();
}

#[test]
fn devices_that_are_not_there_are_missed() {
    needs_namespaces!();
    let said = as_mapped_root(
        "mount -n -t tmpfs tmpfs \"$D\"; touch \"$D/null\"; mount -n --bind /dev/null \"$D/null\"
         mount -n --move \"$D\" /dev; exec \"$BRYO\" doctor",
    )
    .stdout_any()
    .check();
    let text = String::from_utf8(said.stdout).unwrap();
    needs!("fuse-overlayfs", "slirp4netns");
    assert!(finding(&text, "fuse-overlayfs").contains("`modprobe fuse`"), "{text}");
    assert!(finding(&text, "user network").contains("`modprobe tun`"), "{text}");
    let last = text.split("does not work here:").nth(1).unwrap_or_default();
    assert!(last.contains("--net"), "{text}");
}

#[test]
fn a_network_driver_that_is_kept_from_its_work_is_told() {
    needs!("slirp4netns", "pasta");
    needs_namespaces!();
    if std::fs::File::options().read(true).write(true).open("/dev/net/tun").is_err() {
        skip!("/dev/net/tun is closed to users");
    }
    let said = as_mapped_root(
        "printf '#!/bin/sh\necho not for you >&2\n' > \"$D/fake\"; chmod 755 \"$D/fake\"
         mount -n --bind \"$D/fake\" /usr/bin/slirp4netns; exec \"$BRYO\" doctor",
    )
    .stdout_any()
    .check();
    let text = String::from_utf8(said.stdout).unwrap();
    let said = finding(&text, "user network");
    assert!(said.starts_with("part ") && said.contains("pasta"), "{said}");
    assert!(said.contains(" works, slirp4netns fails: not for you"), "{said}");
    assert!(said.contains("dmesg"), "{said}");
    assert!(text.contains("--net                        in user mode"), "{text}");
}

#[test]
fn map_programs_without_privilege_are_of_no_use() {
    needs!("newuidmap", "newgidmap", "setpriv");
    needs_namespaces!();
    let newuidmap = |cover: &str| {
        let script = format!("mount --bind {cover} /usr/bin/newuidmap\nexec \"$BRYO\" doctor");
        let said = as_mapped_root(&script).stdout_any().check();
        finding(&String::from_utf8(said.stdout).unwrap(), "newuidmap")
    };
    let gone = newuidmap("/dev/null");
    assert!(gone.contains("not installed") && gone.contains("`apt install uidmap`"), "{gone}");
    let plain = newuidmap("/usr/bin/true");
    assert!(plain.contains("`chmod u+s /usr/bin/newuidmap`"), "{plain}");
    let said = Bryo::program("setpriv")
        .args(["--no-new-privs", "--"])
        .arg(place::binary())
        .arg("doctor")
        .stdout_any()
        .check();
    let said = finding(&String::from_utf8(said.stdout).unwrap(), "newuidmap");
    assert!(said.contains("no_new_privs"), "{said}");
}

#[test]
fn a_read_only_home_is_told_and_does_no_harm() {
    needs_namespaces!();
    let close = "mount -t tmpfs -o ro tmpfs \"$HOME\"\n";
    let said = as_mapped_root(&format!("{close} exec \"$BRYO\" doctor")).stdout_any().check();
    let said = finding(&String::from_utf8(said.stdout).unwrap(), "home");
    assert!(said.contains("cannot be written") && said.contains("XDG_DATA_HOME"), "{said}");
    as_mapped_root(&format!("{close} exec \"$BRYO\" run -- echo well"))
        .stdout("well\n")
        .stderr_any()
        .check();
}

#[test]
fn the_runtime_directory_is_ones_own() {
    let home = Home::new();
    let line = |bryo: Bryo| {
        let said = bryo.at(&home).stdout_any().start().finish();
        finding(&String::from_utf8(said.stdout).unwrap(), "runtime directory")
    };
    assert!(line(Bryo::verb("doctor")).starts_with("ok "));
    let open = home.scratch().dir("open");
    std::fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let said = line(Bryo::verb("doctor").env("XDG_RUNTIME_DIR", &open));
    assert!(said.contains("open to other users") && said.contains("/tmp"), "{said}");
    let said = line(Bryo::verb("doctor").env_remove("XDG_RUNTIME_DIR"));
    assert!(said.contains("not set"), "{said}");
}

#[test]
fn the_apparmor_profile_names_this_program() {
    let shipped = std::fs::read_to_string(place::tree().join("scripts/apparmor/bryo")).unwrap();
    let said = Bryo::verb("doctor").arg("--apparmor-profile").stdout_any().check();
    let said = String::from_utf8(said.stdout).unwrap();
    let own = format!("profile bryo \"{}\" flags=(unconfined) {{", place::binary().display());
    assert!(said == shipped || said.contains(&own), "{said}");
    assert!(said.contains("  userns,\n"), "{said}");
}
