//! Each way around the protection of a repository, tried for real: first without a sandbox, where
//! the canary must sing, so that a probe that never ran proves nothing.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::ways::Outcome::{Closed, Named};
use super::ways::{REPOSITORY, WAYS};
use crate::support::{Bryo, Home};

/// A home with a repository, and a program in it that leaves a canary beside.
struct Probe {
    home: Home,
    canary: PathBuf,
    evil: PathBuf,
}

impl Probe {
    fn new() -> Self {
        let home = Home::new();
        home.scratch().write(
            "home/.gitconfig",
            "[user]\nname = ada\nemail = ada@example.test\n[init]\ndefaultBranch = main\n\
             [protocol \"file\"]\nallow = always\n[advice]\naddEmbeddedRepo = false\n",
        );
        let canary = home.root().join("canary");
        let text = format!("#!/bin/sh\ntouch '{}'\n", canary.display());
        let evil = home.scratch().script("work/evil", text);
        Self { home, canary, evil }
    }

    /// As the user, without a sandbox.
    fn host(&self, script: &str) {
        Bryo::program("/bin/sh")
            .at(&self.home)
            .env("EVIL", &self.evil)
            .args(["-c", &format!("( {script}\n); exit 0")])
            .stdout_any()
            .stderr_any()
            .leftovers_unjudged()
            .check();
    }

    fn inside(&self, payload: &str) -> String {
        let bryo = Bryo::run().at(&self.home).arg("--env").arg("EVIL").env("EVIL", &self.evil);
        let payload = format!("( {payload}\n) 2>/dev/null; exit 0");
        bryo.shell(&payload).stdout_any().stderr_any().check().talk().to_owned()
    }
}

#[test]
fn no_way_around_the_protection_goes_unseen() {
    needs!("git");
    let mut faults = Vec::new();
    for way in WAYS {
        let (control, probe) = (Probe::new(), Probe::new());
        control.host(way.setup);
        control.host(way.payload);
        assert!(!control.canary.exists(), "{}: the canary sang too early", way.name);
        control.host(way.later);
        if !control.canary.exists() {
            faults.push(format!("{}: proves nothing, for it never works", way.name));
        }
        probe.host(way.setup);
        std::thread::sleep(Duration::from_millis(20));
        let talk = probe.inside(way.payload);
        probe.host(way.later);
        let sang = probe.canary.exists();
        match way.outcome {
            Closed if sang => faults.push(format!("{}: the canary sang: {talk}", way.name)),
            Named(words) if !talk.contains(words) => {
                faults.push(format!("{}: not told (canary: {sang}): {talk}", way.name));
            }
            Closed | Named(_) => {}
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn a_working_directory_under_another_name_is_guarded_too() {
    needs!("git");
    let probe = Probe::new();
    probe.host(REPOSITORY);
    let root = probe.home.scratch().dir("root");
    for name in ["bin", "lib", "lib64", "usr", "project", "proc", "dev", "tmp", "etc"] {
        fs::create_dir(root.join(name)).unwrap();
    }
    let system = ["/bin", "/lib", "/lib64", "/usr"].map(|path| format!("--ro={path}"));
    let system = system.into_iter().filter(|it| fs::metadata(&it[5..]).is_ok());
    let script =
        "cd /project; echo > .git/hooks/pre-commit; echo >> .git/config; mv .git x; echo > .envrc";
    for flags in [
        vec!["-v".to_owned(), format!("{}:/tmp/project", probe.home.work().display())],
        vec!["--rw".to_owned(), ".".to_owned()],
        vec!["--rw".to_owned(), "..".to_owned()],
    ] {
        let script = match flags[0].as_str() {
            "-v" => script.replace("/project", "/tmp/project"),
            _ => script.replace("cd /project", "true"),
        };
        Bryo::run()
            .at(&probe.home)
            .args(flags)
            .shell(&format!("({script}) 2>/dev/null; true"))
            .stderr_contains("`.envrc` is new, and direnv obeys it")
            .check();
        fs::remove_file(probe.home.work().join(".envrc")).unwrap();
    }
    Bryo::run()
        .at(&probe.home)
        .arg(format!("--rootfs={}", root.display()))
        .args(["-v".to_owned(), format!("{}:/project", probe.home.work().display())])
        .args(system)
        .shell(&format!("({script}) 2>/dev/null; true"))
        .stderr_contains("`.envrc` is new, and direnv obeys it")
        .check();
    let git = probe.home.work().join(".git");
    assert!(!git.join("hooks/pre-commit").exists());
    let config = fs::read_to_string(git.join("config")).unwrap();
    assert!(!config.ends_with("\n\n"), "{config:?}");
}

#[test]
fn a_file_that_the_host_replaces_meanwhile_is_named() {
    needs!("git");
    let probe = Probe::new();
    probe.host(REPOSITORY);
    let script = "echo ready; while ! [ -e go ]; do sleep 0.02; done
        git config core.fsmonitor $EVIL; rm go";
    let running = Bryo::run()
        .at(&probe.home)
        .args(["--env", "EVIL"])
        .env("EVIL", &probe.evil)
        .shell(script)
        .start();
    running.wait_for("ready");
    probe.host("git config some.setting x; touch go");
    let outcome = running.finish();
    let config = fs::read_to_string(probe.home.work().join(".git/config")).unwrap();
    let told = outcome.talk().contains("`.git/config` was changed, and git obeys it");
    assert!(told, "{}\n{config}", outcome.talk());
}

#[test]
fn git_works_as_ever_on_a_guarded_repository() {
    needs!("git");
    let probe = Probe::new();
    probe.host(
        "git init -q ../lib && cd ../lib && echo 1 > f && git add f && git commit -qm one && cd ../work
        git init -q . && git submodule --quiet add $PWD/../lib lib && git commit -qm lib
        git worktree add -q ../tree; git worktree add -q trees/one
        cd ../lib && echo 2 > f && git commit -qam two && cp -r . ../work/fetched",
    );
    std::thread::sleep(Duration::from_millis(20));
    let git = "git() { command git -c user.name=a -c user.email=a@b -c protocol.file.allow=always \
        -c init.defaultBranch=main \"$@\"; }; set -e; ";
    for (script, said) in [
        ("echo a > a; git add a; git commit -qm inside; git log -1 --format=%s", "inside\n"),
        ("echo b > a; git stash -q; cat a; git stash pop -q; cat a; git checkout -q a", "a\nb\n"),
        ("git gc -q; git fsck --no-progress --no-dangling; git count-objects | cut -c1", "0\n"),
        ("git fetch -q ./fetched HEAD; git log -1 --format=%s FETCH_HEAD", "two\n"),
        ("cd lib; git fetch -q ../fetched HEAD; git checkout -q FETCH_HEAD; cat f", "2\n"),
        (
            "git submodule --quiet update; cat lib/f; git status --short lib; echo clean",
            "1\nclean\n",
        ),
        (
            "cd trees/one; echo c > c; git add c; git commit -qm tree; git log -1 --format=%s",
            "tree\n",
        ),
        (
            "git switch -qc topic; git merge -q -m merged one; git rebase -q main; git branch",
            "  main\n+ one\n* topic\n+ tree\n",
        ),
        ("git config x.y z 2>/dev/null || echo read-only", "read-only\n"),
    ] {
        Bryo::run().at(&probe.home).shell(&format!("{git}{script}")).stdout(said).check();
    }
    let new = "`two/.git` is new, and git obeys what is in it";
    Bryo::run()
        .at(&probe.home)
        .shell(&format!("{git}git worktree add -q two HEAD; cd two; git status --short"))
        .stderr_contains(new)
        .check();
}
