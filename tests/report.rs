//! `--report`: what it says is what /proc says inside, and it is written where it was asked for.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::Value;

use crate::support::{Bryo, Home, landlock};

const CANARY: &str = "canary\n";

/// What the same facts look like in /proc, seen by the payload.
const FACTS: &str = "cat /proc/self/status; \
    for n in user mnt pid uts ipc net cgroup time; do echo ns $n $(readlink /proc/self/ns/$n); done; \
    sed 's/^/uids /' /proc/self/uid_map; sed 's/^/gids /' /proc/self/gid_map; \
    echo nested $(cat /proc/sys/user/max_user_namespaces); \
    for f in keys kallsyms kcore timer_list; do test -c /proc/$f && echo masked $f; done; true";

struct Facts(String);

impl Facts {
    fn of(&self, key: &str) -> String {
        let line = self.0.lines().find_map(|line| line.strip_prefix(key));
        let line = line.unwrap_or_else(|| panic!("no `{key}` in {}", self.0));
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn all(&self, key: &str) -> Vec<String> {
        let lines = self.0.lines().filter_map(|line| line.strip_prefix(key));
        lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }
}

fn words(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect()
}

/// The names of the capabilities in one of the masks of /proc/PID/status.
fn names_of(mask: &str) -> Vec<String> {
    let mask = u64::from_str_radix(mask, 16).unwrap();
    let held = bryo::sys::capability::CAPABILITIES.iter().filter(|(_, bit)| mask >> bit & 1 == 1);
    held.map(|(name, _)| (*name).to_owned()).collect()
}

#[test]
fn the_report_says_what_proc_says_for_every_profile() {
    needs!("slirp4netns");
    let cases: [&[&str]; 7] = [
        &[],
        &["--profile", "strict"],
        &["--profile", "build"],
        &["--profile", "shell"],
        &["--root"],
        &["--cap-add", "net_raw", "--allow", "proc"],
        &["--allow", "nested-userns"],
    ];
    for flags in cases {
        let home = Home::new();
        let file = home.scratch().join("report.json");
        let outcome = Bryo::run()
            .at(&home)
            .args(flags)
            .arg(format!("--report={}", file.display()))
            .shell(FACTS)
            .stdout_any()
            .stderr_any()
            .check();
        let facts = Facts(outcome.text().to_owned());
        let report: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        compare(&report, &facts);
        let doors = words(&report["doors"]);
        assert_eq!(doors.contains(&"nested-userns".to_owned()), flags.contains(&"nested-userns"));
        let left: Vec<_> = fs::read_dir(home.root()).unwrap().flatten().collect();
        assert!(!left.iter().any(|it| it.file_name().to_string_lossy().starts_with('.')));
    }
}

fn compare(report: &Value, facts: &Facts) {
    let enforced = &report["enforced"];
    for (set, key) in [
        ("inheritable", "CapInh:"),
        ("permitted", "CapPrm:"),
        ("effective", "CapEff:"),
        ("bounding", "CapBnd:"),
        ("ambient", "CapAmb:"),
    ] {
        assert_eq!(words(&enforced["capabilities"][set]), names_of(&facts.of(key)), "{set}");
    }
    assert_eq!(enforced["no_new_privs"].as_bool().unwrap(), facts.of("NoNewPrivs:") == "1");
    let filter = &report["seccomp"]["kernel"];
    assert_eq!(filter["mode"].as_u64().unwrap().to_string(), facts.of("Seccomp:"));
    assert_eq!(filter["count"].as_u64().unwrap().to_string(), facts.of("Seccomp_filters:"));
    for (kind, number) in enforced["namespaces"].as_object().unwrap() {
        assert!(facts.of(&format!("ns {kind} ")).ends_with(&format!("[{number}]")), "{kind}");
    }
    assert_eq!(enforced["namespaces"].as_object().unwrap().len(), 8);
    assert_eq!(words(&enforced["ids"]["uid_map"]), facts.all("uids "));
    assert_eq!(words(&enforced["ids"]["gid_map"]), facts.all("gids "));
    let uids = enforced["ids"]["uid"].as_u64().unwrap();
    assert_eq!(facts.of("Uid:"), [uids.to_string().as_str(); 4].join(" "));
    let nested = enforced["max_user_namespaces"].as_u64().unwrap().to_string();
    assert_eq!(nested, facts.of("nested "));
    let masked = words(&enforced["proc"]["masked"]);
    for name in facts.all("masked ") {
        assert!(masked.contains(&name), "{name}");
    }
    assert_eq!(masked.contains(&"keys".to_owned()), facts.all("masked ").contains(&"keys".into()));
    // Where nested sandboxes may mount it handles no files, and has more to hold from ABI 4 on only.
    let is_idle = words(&report["doors"]).contains(&"nested-userns".to_owned()) && landlock() < 4;
    let abi = if is_idle { 0 } else { landlock() };
    assert_eq!(enforced["landlock"]["abi"].as_u64().unwrap_or(0), u64::from(abi));
    assert_eq!(enforced["descriptors"], serde_json::json!([0, 1, 2]));
}

/// Also where the command can write to it.
#[test]
fn the_report_says_at_the_end_what_was_left_behind() {
    for (mode, status) in [("report", 0), ("strict", 125), ("off", 0)] {
        let home = Home::new();
        let outcome = Bryo::run()
            .at(&home)
            .args(["--report", "report.json", "--integrity", mode])
            .shell(
                "until test -s report.json; do sleep 0.01; done; grep integrity report.json; \
                 echo x > .envrc; echo forged > report.json",
            )
            .stdout_contains("\"integrity\": null")
            .stderr_any()
            .status(status)
            .check();
        let report = fs::read(home.work().join("report.json")).unwrap();
        let report: Value = serde_json::from_slice(&report).unwrap();
        assert!(report["enforced"]["landlock"].is_object() || landlock() == 0);
        let integrity = &report["integrity"];
        assert_eq!(integrity["mode"], mode);
        let found = integrity["findings"].as_array().unwrap();
        assert_eq!(found.len(), usize::from(mode != "off"), "{}", outcome.talk());
        for finding in found {
            assert!(finding["path"].as_str().unwrap().ends_with("/.envrc"), "{finding}");
            assert_eq!((&finding["what"], &finding["by"]), (&"obeyed".into(), &"direnv".into()));
        }
    }
}

#[test]
fn a_report_that_cannot_be_written_stops_the_run() {
    let home = Home::new();
    let directory = home.root().display().to_string();
    for (path, why) in [
        ("/proc/nothing/here", "no such file or directory"),
        ("/usr/report.json", "permission denied"),
        (directory.as_str(), "it is a directory"),
    ] {
        Bryo::run()
            .at(&home)
            .args(["--report", path])
            .shell("echo started")
            .stderr_contains(format!("cannot write the report `{path}`"))
            .stderr_contains(why)
            .status(125)
            .check();
    }
}

#[test]
fn a_report_is_written_where_it_was_asked_for_and_through_no_link() {
    let home = Home::new();
    let (report, canary) = (home.work().join("report.json"), home.scratch().join("canary"));
    fs::write(&canary, CANARY).unwrap();
    symlink(&canary, &report).unwrap();
    Bryo::run().at(&home).args(["--report", "report.json"]).shell("true").check();
    assert_eq!(fs::read_to_string(&canary).unwrap(), CANARY);
    assert!(fs::read_to_string(&report).unwrap().contains("\"enforced\""));
    // A run that does not start has nothing to report.
    let never = home.work().join("never.json");
    Bryo::run()
        .at(&home)
        .args(["--report", "never.json"])
        .command(["/nothing/here"])
        .stderr_any()
        .status(127)
        .check();
    assert!(!Path::new(&never).exists());
}
