//! Each way around the protection of a repository, tried for real: first without a sandbox, where
//! the canary must sing, so that a probe that never ran proves nothing.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::support::{Bryo, Home};

/// One way.
struct Bypass {
    name: &'static str,
    /// What the user has in the directory.
    setup: &'static str,
    /// What the command does. `$EVIL` is a program.
    payload: &'static str,
    /// What the user does later.
    later: &'static str,
    outcome: Outcome,
}

#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    /// It cannot be done, and nothing is told.
    Closed,
    /// It is told in these words.
    Named(&'static str),
}
use Outcome::{Closed, Named};

const REPOSITORY: &str = "git init -q . && git commit -q --allow-empty -m first";
const SUBMODULE: &str = "git init -q ../lib && git -C ../lib commit -q --allow-empty -m lib
    git init -q . && git submodule --quiet add $PWD/../lib deps/lib && git commit -qm deps";
const COMMIT: &str = "git commit -q --allow-empty -m later";
const STATUS: &str = "git status";

const WAYS: &[Bypass] = &[
    Bypass {
        name: "a hook, and settings, as they are",
        setup: REPOSITORY,
        payload: "cp $EVIL .git/hooks/pre-commit; git config core.fsmonitor $EVIL
            rm -r .git/hooks; mv .git/config x; echo '[core]' >> .git/config
            printf '[core]\nfsmonitor = %s\n' $EVIL > .git/config.new; mv .git/config.new .git/config",
        later: COMMIT,
        outcome: Closed,
    },
    Bypass {
        name: "the repository renamed and made anew",
        setup: REPOSITORY,
        payload: "mv .git old || exit; cp -r old .git; cp $EVIL .git/hooks/pre-commit",
        later: COMMIT,
        outcome: Closed,
    },
    Bypass {
        name: "a directory for hooks where none was",
        setup: "git init -q . && rm -r .git/hooks && git commit -q --allow-empty -m first",
        payload: "mkdir -p .git/hooks; cp $EVIL .git/hooks/pre-commit",
        later: COMMIT,
        outcome: Named("`.git/hooks/pre-commit` is new, and git runs it"),
    },
    Bypass {
        name: "another common directory",
        setup: REPOSITORY,
        payload: "cp -r .git other; cp $EVIL other/hooks/pre-commit; echo ../other > .git/commondir",
        later: COMMIT,
        outcome: Named("`.git/commondir` is new, and git obeys it"),
    },
    Bypass {
        name: "settings of the work tree where none were",
        setup: "git init -q . && git config extensions.worktreeConfig true",
        payload: "printf '[core]\nfsmonitor = %s\n' $EVIL > .git/config.worktree",
        later: STATUS,
        outcome: Named("`.git/config.worktree` is new, and git obeys it"),
    },
    Bypass {
        name: "settings of the work tree as they are",
        setup: "git init -q . && git config extensions.worktreeConfig true
            git config --worktree a.b c",
        payload: "printf '[core]\nfsmonitor = %s\n' $EVIL >> .git/config.worktree
            rm .git/config.worktree && printf '[core]\nfsmonitor = %s\n' $EVIL > .git/config.worktree",
        later: STATUS,
        outcome: Closed,
    },
    Bypass {
        name: "hooks in the tree",
        setup: "git init -q . && git config core.hooksPath tools/hooks && mkdir -p tools/hooks",
        payload: "cp $EVIL tools/hooks/pre-commit; mv tools old && mkdir -p tools/hooks &&
            cp $EVIL tools/hooks/pre-commit",
        later: COMMIT,
        outcome: Closed,
    },
    Bypass {
        name: "a hook that is a link into the tree",
        setup: "git init -q . && mkdir tools && touch tools/check && chmod +x tools/check &&
            ln -s ../../tools/check .git/hooks/pre-commit",
        payload: "cp $EVIL tools/check; mv tools old && mkdir tools && cp $EVIL tools/check",
        later: COMMIT,
        outcome: Closed,
    },
    Bypass {
        name: "settings in the tree",
        setup: "git init -q . && git config include.path ../settings && touch settings",
        payload: "printf '[core]\nfsmonitor = %s\n' $EVIL >> settings
            rm settings; printf '[core]\nfsmonitor = %s\n' $EVIL > settings",
        later: STATUS,
        outcome: Closed,
    },
    Bypass {
        name: "a repository that is a link",
        setup: "git init -q . && mv .git real && ln -s real .git",
        payload: "cp -r real other; cp $EVIL other/hooks/pre-commit; rm .git; ln -s other .git
            cp $EVIL real/hooks/pre-commit; mv real old",
        later: COMMIT,
        outcome: Named("`.git` was changed, and git obeys what is in it"),
    },
    Bypass {
        name: "the repository of a submodule",
        setup: SUBMODULE,
        payload: "cp $EVIL .git/modules/deps/lib/hooks/post-checkout
            for pinned in .git/modules .git/modules/deps .git/modules/deps/lib; do
                mv $pinned $pinned.x && cp -r $pinned.x $pinned
            done
            cp $EVIL .git/modules/deps/lib/hooks/post-checkout",
        later: "git -C deps/lib checkout -q --detach",
        outcome: Closed,
    },
    Bypass {
        name: "the settings of a submodule",
        setup: SUBMODULE,
        payload: "git -C deps/lib config core.fsmonitor $EVIL",
        later: STATUS,
        outcome: Named("`.git/modules/deps/lib/config` was changed, and git obeys it"),
    },
    Bypass {
        name: "the work tree of a submodule",
        setup: SUBMODULE,
        payload: "cp -r .git/modules/deps/lib own; git config -f own/config --unset core.worktree
            git config -f own/config core.fsmonitor $EVIL
            rm deps/lib/.git; mv own deps/lib/.git && exit
            mv deps old || mv deps/lib old && mkdir -p deps/lib && mv own deps/lib/.git",
        later: STATUS,
        outcome: Closed,
    },
    Bypass {
        name: "a linked work tree outside",
        setup: "git init -q . && git commit -q --allow-empty -m first
            git worktree add -q ../tree",
        payload: "cp -r .git own; git config -f own/config core.fsmonitor $EVIL
            echo $PWD/own > .git/worktrees/tree/commondir
            mv .git/worktrees/tree x && cp -r x .git/worktrees/tree
            mv .git/worktrees y && cp -r y .git/worktrees
            echo $PWD/own > .git/worktrees/tree/commondir",
        later: "git -C ../tree status",
        outcome: Closed,
    },
    Bypass {
        name: "a linked work tree inside",
        setup: "git init -q . && git commit -q --allow-empty -m first
            git worktree add -q trees/one",
        payload: "cp -r .git own; git config -f own/config core.fsmonitor $EVIL
            rm trees/one/.git; cp -r own trees/one/.git && exit
            mv trees old || mv trees/one old && mkdir -p trees/one && cp -r own trees/one/.git",
        later: "git -C trees/one status",
        outcome: Closed,
    },
    Bypass {
        name: "a bare repository",
        setup: "git init -q --bare . && git update-ref refs/heads/x \
            $(git commit-tree -m x $(git mktree < /dev/null))",
        payload: "cp $EVIL hooks/reference-transaction; mv hooks old; mkdir hooks
            cp $EVIL hooks/reference-transaction",
        later: "git update-ref refs/heads/y refs/heads/x",
        outcome: Closed,
    },
    Bypass {
        name: "a directory that becomes a bare repository",
        setup: "mkdir sub",
        payload: "cd sub; git init -q --bare .; git config core.bare false; git config core.worktree .
            git config core.fsmonitor $EVIL",
        later: "cd sub && git status",
        outcome: Named("`sub` is new, and git obeys what is in it"),
    },
    Bypass {
        name: "a repository within, by its hook",
        setup: "git init -q vendor/x",
        payload: "cp $EVIL vendor/x/.git/hooks/pre-commit",
        later: "cd vendor/x && git commit -q --allow-empty -m later",
        outcome: Named("`vendor/x/.git/hooks/pre-commit` is new, and git runs it"),
    },
    Bypass {
        name: "a repository within, its parent renamed",
        setup: "git init -q vendor/x",
        payload: "mv vendor/x old; mkdir vendor/x; cp -r old/.git vendor/x
            cp $EVIL vendor/x/.git/hooks/pre-commit",
        later: "cd vendor/x && git commit -q --allow-empty -m later",
        outcome: Named("`vendor/x/.git` is new, and git obeys what is in it"),
    },
    Bypass {
        name: "a repository within, another one in its place",
        setup: "git init -q vendor/x && git init -q planted &&
            cp $EVIL planted/.git/hooks/pre-commit && mv planted/.git planted/sample",
        payload: "mv vendor/x/.git vendor/x/old; mv planted/sample vendor/x/.git",
        later: "cd vendor/x && git commit -q --allow-empty -m later",
        outcome: Named("`vendor/x/.git` may have been moved there, and git obeys what is in it"),
    },
    Bypass {
        name: "hooks of long ago, renamed",
        setup: "git init -q vendor/x && mkdir samples && cp $EVIL samples/pre-commit",
        payload: "mv vendor/x/.git/hooks old; mv samples vendor/x/.git/hooks",
        later: "cd vendor/x && git commit -q --allow-empty -m later",
        outcome: Named("`vendor/x/.git/hooks` may have been moved there, and git runs it"),
    },
    Bypass {
        name: "a repository that git status comes by",
        setup: REPOSITORY,
        payload: "git init -q deep/er/sub; cd deep/er/sub
            git -c user.name=a -c user.email=a@b commit -q --allow-empty -m sub
            cd ../../..; git add deep 2>/dev/null; git -C deep/er/sub config core.fsmonitor $EVIL",
        later: STATUS,
        outcome: Named("`deep/er/sub/.git` is new, and git obeys what is in it"),
    },
    Bypass {
        name: "a rebase that was never begun",
        setup: "git init -q . && git commit -q --allow-empty -m first",
        payload: "mkdir .git/rebase-merge; cd .git/rebase-merge; git rev-parse HEAD | tee onto > orig-head
            echo refs/heads/main > head-name; echo exec $EVIL > git-rebase-todo; touch interactive done
            echo 1 > msgnum; echo 1 > end",
        later: "git rebase --continue",
        outcome: Named("`.git/rebase-merge` is new, and git obeys it"),
    },
];

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
