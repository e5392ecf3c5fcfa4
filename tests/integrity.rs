//! What a run leaves behind: git obeys nothing that a command planted, or the report has named it.

mod git;
mod ways;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use crate::support::{Bryo, Home, World, patient, place};

const WARNING: &str = "bryo: warning: ";

/// Lines that bryo would print of these findings, and nothing else.
fn warnings(findings: &[&str]) -> String {
    findings.iter().map(|it| format!("{WARNING}{it}\n")).collect()
}

#[test]
fn what_acts_outside_is_named_and_nothing_else() {
    let home = Home::new();
    home.scratch().write("work/old/AGENTS.md", "old");
    home.scratch().write("work/CLAUDE.md", "old");
    home.scratch().write("work/.mcp.json", "old");
    home.scratch().write("work/.idea/x.xml", "old");
    // What is made in such a directory gets its group, and a directory its bit.
    let deep = home.scratch().dir("work/deep");
    fs::set_permissions(deep, fs::Permissions::from_mode(0o2755)).unwrap();
    let script = "
        echo > .envrc; echo more >> CLAUDE.md; echo more >> old/AGENTS.md
        mkdir -p deep/er/.cargo .vscode/x .github/workflows node_modules/a/.vscode
        echo > deep/er/.cargo/config.toml; echo > deep/er/config.toml; echo > .vscode/x/y
        echo > .github/workflows/ci.yml; echo > node_modules/a/.npmrc
        echo > .idea/new.xml; mkfifo .npmrc; mkdir conftest.py
        ln -s /etc/shadow out; ln -s ../../../.. up; ln -s deep in; ln -s deep/../old also-in
        ln -s /usr/bin/env program; ln -s /dev/null null; ln -s $PWD/deep absolute
        echo > Makefile; echo > README.md; touch .mcp.json.bak";
    let expected = warnings(&[
        "`out` is new, and leads to `/etc/shadow`, out of what was writable",
        "`up` is new, and leads to `../../../..`, out of what was writable",
        "`.envrc` is new, and direnv obeys it",
        "`.vscode` is new, and VS Code obeys it",
        "`CLAUDE.md` was changed, and a coding agent obeys it",
        "`old/AGENTS.md` was changed, and a coding agent obeys it",
        "`.github/workflows` is new, and GitHub obeys it",
        "`.idea/new.xml` is new, and an IDE obeys it",
        "`.npmrc` is new, and npm obeys it",
        "`deep/er/.cargo/config.toml` is new, and cargo obeys it",
    ]);
    let outcome = Bryo::run().at(&home).shell(script).stderr_any().check();
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(outcome.talk()), sorted(&expected));
}

#[test]
fn a_run_that_changes_nothing_of_the_kind_is_silent() {
    let home = Home::new();
    for name in [".envrc", "CLAUDE.md", ".vscode/tasks.json", ".github/workflows/ci.yml", "a/b/c"] {
        home.scratch().write(format!("work/{name}"), "x");
    }
    std::os::unix::fs::symlink("/etc", home.work().join("link")).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    for flags in [&[][..], &["--integrity=strict"], &["--root"], &["--integrity=off"]] {
        let script = "cat .envrc CLAUDE.md .vscode/*; echo y > a/b/d; mkdir -p e/f; rm -r e a/b/d";
        Bryo::run().at(&home).args(flags).shell(script).stdout("xxx").check();
    }
}

#[test]
fn what_is_at_the_top_is_compared_even_when_it_has_just_been_written() {
    let home = Home::new();
    for round in 0..10 {
        home.scratch().write("work/.envrc", round.to_string());
        home.scratch().write("work/.git/hooks/pre-commit", round.to_string());
        home.scratch().write("work/.git/config", "[core]\n");
        Bryo::run().at(&home).command(["true"]).check();
    }
}

#[test]
fn strict_makes_the_run_fail_and_off_looks_at_nothing() {
    let home = Home::new();
    let named = "`.envrc` is new, and direnv obeys it";
    Bryo::run()
        .at(&home)
        .arg("--integrity=strict")
        .shell("echo out; echo > .envrc; exit 3")
        .stdout("out\n")
        .stderr_contains(named)
        .stderr_contains("bryo: error: the run counts as failed: it left behind")
        .status(125)
        .check();
    fs::remove_file(home.work().join(".envrc")).unwrap();
    Bryo::run().at(&home).arg("--integrity=off").shell("echo > .envrc; exit 3").status(3).check();
    Bryo::run().at(&home).shell("rm .envrc; exit 3").status(3).check();
    let overlay = ["--overlay", "."];
    Bryo::run().at(&home).args(overlay).shell("echo > .envrc").check();
}

#[test]
fn every_writable_place_is_looked_at_and_nothing_else() {
    let home = Home::new();
    let (one, two) = (home.scratch().dir("one"), home.scratch().dir("two"));
    Bryo::run()
        .at(&home)
        .args(["--rw", one.to_str().unwrap(), "--ro", two.to_str().unwrap()])
        .shell(&format!("echo > {}/.envrc; echo > ~/.bashrc; echo > /tmp/.envrc", one.display()))
        .stderr(warnings(&[&format!("`{}/.envrc` is new, and direnv obeys it", one.display())]))
        .check();
}

#[test]
fn the_status_tells_of_it_after_the_end() {
    let home = Home::new();
    let script =
        r#""$0" run --integrity=strict --status-fd 3 -- sh -c 'echo > .envrc; exit 3' 3>status"#;
    Bryo::program("/bin/sh")
        .at(&home)
        .args(["-c", script])
        .arg(crate::support::place::binary())
        .stderr_any()
        .status(125)
        .check();
    let status = fs::read_to_string(home.work().join("status")).unwrap();
    let lines: Vec<&str> = status.lines().collect();
    assert_eq!(lines[..2], [r#"{"event":"started"}"#, r#"{"event":"exited","status":3}"#]);
    let finding = format!(
        r#"{{"event":"integrity","findings":[{{"path":"{}/.envrc","change":"new","what":"obeyed","by":"direnv"}}],"more":0,"cut":null}}"#,
        home.work().display()
    );
    assert_eq!(lines[2], finding);
    assert!(
        lines[3].starts_with(r#"{"event":"failed","#) && lines[3].ends_with(r#""status":125}"#)
    );
}

#[test]
fn a_hostile_tree_is_looked_at_without_harm() {
    needs!("python3");
    let home = Home::new();
    let script = r#"
import os
os.mkfifo(".envrc"); os.mkfifo(".gitattributes"); os.mkfifo("plain")
os.mkdir("x\x1b[31m\ny"); open("x\x1b[31m\ny/.npmrc", "w").close()
os.mkdir(b"\xff"); open(b"\xff/.npmrc", "w").close()
os.mkdir("closed"); open("closed/.envrc", "w").close(); os.chmod("closed", 0)
os.mkdir("by-name"); os.mkdir("by-name/.git"); os.chmod("by-name", 0o111)
os.symlink("loop", "loop"); os.symlink("x" * 4000, "long")
os.mkdir(".git"); os.symlink("/", ".git/hooks"); os.mkfifo(".git/config")
for level in range(3000):
    os.mkdir("deep"); os.chdir("deep")
open("CLAUDE.md", "w").close()
"#;
    let expected = [
        "`.git` is new, and git obeys what is in it",
        "`.envrc` is new, and direnv obeys it",
        "`.gitattributes` is new, and git obeys it",
        "`x\\u{1b}[31m\\ny/.npmrc` is new, and npm obeys it",
        "`\\xff/.npmrc` is new, and npm obeys it",
        "`by-name` is new, and what is in it cannot be listed",
    ];
    let at_the_end = "deep/deep/CLAUDE.md` is new, and a coding agent obeys it";
    for mode in ["report", "strict"] {
        let run = Bryo::run().at(&home).args(["--integrity", mode]);
        let run = expected.iter().fold(run, |run, it| run.stderr_contains(*it));
        let run = run.command(["python3", "-c", script]).stderr_lacks("\u{1b}");
        let status = if mode == "strict" { 125 } else { 0 };
        let outcome = run.status(status).check();
        let is_cut = outcome.talk().contains("bryo: note: not all of `");
        assert_ne!(is_cut, outcome.talk().contains(at_the_end), "{}", outcome.talk());
        assert!(!is_cut || mode == "report", "{}", outcome.talk());
        Bryo::program("/bin/sh")
            .at(&home)
            .args(["-c", "chmod -R u+rwx by-name closed; rm -rf * .[!.]*"])
            .check();
    }
}

/// tmux is the terminal, and says what is seen on it.
#[test]
fn what_is_told_is_seen_whatever_the_command_left_on_the_terminal() {
    needs!("tmux");
    let home = Home::new();
    let tmux = |words: &[&str]| {
        let mut command = std::process::Command::new("tmux");
        command.args(["-S", "../tmux", "-f", "/dev/null"]).args(words).current_dir(home.work());
        command.env_clear().envs(home.environment()).env("TERM", "xterm");
        String::from_utf8_lossy(&command.output().unwrap().stdout).into_owned()
    };
    for left in ["", r"\033]0;", r"\033P", r"\033_", r"\033k"] {
        let bryo = place::binary().display().to_string();
        let run = format!("{bryo} run -- sh -c 'printf \"{left}\"; echo >.envrc'; sleep 60");
        tmux(&["new-session", "-d", "-x", "80", "-y", "24", &run]);
        let deadline = Instant::now() + patient(Duration::from_secs(10));
        let mut seen = String::new();
        while !seen.contains("direnv obeys it") && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
            seen = tmux(&["capture-pane", "-p"]);
        }
        tmux(&["kill-server"]);
        fs::remove_file(home.work().join(".envrc")).unwrap();
        assert!(seen.contains("`.envrc` is new, and direnv obeys it"), "{left}: {seen}");
    }
}

#[test]
fn long_paths_fill_no_memory() {
    let home = Home::new();
    let script = "import os\nname = 'n' * 250\nfor level in range(200): os.mkdir(name); os.chdir(name)\n\
                  for n in range(300): os.mkdir(str(n)); open(f'{n}/.envrc', 'w').close()";
    Bryo::run()
        .at(&home)
        .args(["--integrity", "strict", "--report", "report.json"])
        .command(["python3", "-c", script])
        .stderr_any()
        .status(125)
        .check();
    let report = fs::read(home.work().join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    let told = report["integrity"]["findings"].as_array().unwrap().len() as u64;
    assert_eq!(told + report["integrity"]["more"].as_u64().unwrap(), 300);
    assert!((50..100).contains(&told), "{told}");
}

#[test]
fn no_more_than_a_screen_is_told() {
    let script = "for n in $(seq 300); do mkdir $n; echo > $n/.envrc; done";
    let outcome = Bryo::run().shell(script).stderr_any().check();
    let lines: Vec<&str> = outcome.talk().lines().filter(|it| it.starts_with(WARNING)).collect();
    assert_eq!(lines.len(), 11, "{}", outcome.talk());
    assert_eq!(lines[10], "bryo: warning: 290 things more of the kind were left behind");
}

#[test]
fn set_user_id_bits_and_files_of_other_ids_are_named() {
    let home = Home::new();
    let script = "cp /bin/true s; chmod 4755 s; cp /bin/true g; chmod 2755 g; cp /bin/true plain";
    Bryo::run()
        .at(&home)
        .args(["--allow", "setuid-bits"])
        .shell(script)
        .stderr_contains("`s` has mode 4755: whoever runs it gets your id or group\n")
        .stderr_contains("`g` has mode 2755: ")
        .stderr_lacks("plain")
        .check();
    // The bit alone changes no directory.
    fs::set_permissions(home.work().join("s"), fs::Permissions::from_mode(0o755)).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    Bryo::run()
        .at(&home)
        .args(["--allow", "setuid-bits", "--integrity", "strict"])
        .shell("chmod 4755 s")
        .stderr_contains("`s` has mode 4755")
        .status(125)
        .check();
    if let Some(lacking) = World::is_lacking() {
        skip!("{lacking}");
    }
    Bryo::run()
        .at(&home)
        .args(["--root"])
        .shell("echo > theirs; chown 33 theirs")
        .stderr_contains("`theirs` belongs to id ")
        .check();
}

#[test]
fn slow_many_files_cost_no_more_than_the_time_that_is_meant_for_it() {
    let home = Home::new();
    for directory in 0..2500 {
        let path = home.scratch().dir(format!("work/d{}/e{directory}", directory % 50));
        (0..20).for_each(|file| fs::write(path.join(format!("f{file}")), "").unwrap());
    }
    let timed = |mode: &str| {
        let times = (0..9).map(|_| {
            let start = Instant::now();
            let run = Bryo::run().at(&home).args(["--integrity", mode]);
            run.command(["true"]).stderr_any().check();
            start.elapsed()
        });
        let mut times: Vec<Duration> = times.collect();
        times.sort();
        times[0]
    };
    let (off, report) = (timed("off"), timed("report"));
    // 20 ms of work, in no more than ten times as long on a busy machine.
    let budget = Duration::from_millis(200) + patient(Duration::from_millis(50));
    assert!(report < off + budget, "{report:?} where {off:?} is without");
    home.scratch().write("work/d49/e2499/.git/HEAD", "");
    Bryo::run()
        .at(&home)
        .args(["--integrity", "strict"])
        .shell("for d in d*/*; do echo > $d/.envrc; done")
        .stderr_contains("bryo: warning: 2490 things more of the kind were left behind")
        .status(125)
        .check();
}
