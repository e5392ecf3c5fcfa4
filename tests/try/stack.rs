//! `bryo try --stack`: changes on top of changes; what is below is never written to, the top can be
//! dropped alone, and what is applied from the bottom up is what plain commands would have made.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::support::{Bryo, Home, place};

use super::{attempt, kept, verb, wait_until};

const DRIVERS: [&str; 2] = ["kernel", "fuse"];

const BASE: &str = "echo new > n; echo more >> a; rm -r d; mkdir d; echo y > d/y; chmod 700 k; \
                    echo z > del/z; mkdir -p made/deep; echo m > made/deep/m; rm gone; \
                    mv name other; ln -s a link; printf 1 > will";
const TOP: &str = "echo t > t; echo 2 >> n; rm -r del; echo q > d/q; rm a; echo hh > h; \
                   rm -r made/deep; echo back > gone; rm link; mkdir link; echo l > link/l; \
                   mv other name; rm -r k; echo file > k; rm will; mkdir will";

/// A home whose working directory has something for every line of the two.
fn home() -> Home {
    let home = Home::new();
    for (name, content) in [
        ("a", "a\n"),
        ("d/b", "b\n"),
        ("d/e/c", "c\n"),
        ("del/x", "x\n"),
        ("gone", "gone\n"),
        ("h", "h\n"),
        ("k/in", "in\n"),
        ("name", "named\n"),
    ] {
        home.scratch().write(format!("work/{name}"), content);
    }
    home
}

/// Everything below a directory: modes, times of files, contents; not the times of directories.
fn tree(at: &Path) -> BTreeMap<PathBuf, String> {
    let mut all = BTreeMap::new();
    let mut open = vec![at.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let facts = fs::symlink_metadata(&path).unwrap();
            let kind = facts.file_type();
            let what = if kind.is_symlink() {
                format!("to {}", fs::read_link(&path).unwrap().display())
            } else if kind.is_file() {
                format!("{:o} {:?}", facts.mode(), fs::read(&path).unwrap())
            } else {
                format!("{:o} {}", facts.mode(), facts.rdev())
            };
            all.insert(path.strip_prefix(at).unwrap().to_owned(), what);
            if kind.is_dir() && facts.permissions().mode() & 0o500 == 0o500 {
                open.push(path);
            }
        }
    }
    all
}

/// What the two scripts make of it plainly: after the first, and after both.
fn plainly() -> [BTreeMap<PathBuf, String>; 2] {
    let home = home();
    [BASE, TOP].map(|script| {
        let run = Bryo::program("/bin/sh").at(&home).args(["-c", script]);
        run.check();
        tree(&home.work())
    })
}

fn base(home: &Home, driver: &str) {
    attempt(home)
        .args(["--name", "base", "--overlay-driver", driver])
        .shell(BASE)
        .stderr_contains("in base: ")
        .check();
}

fn top(home: &Home) {
    let run = attempt(home).args(["--name", "top", "--stack", "base"]);
    run.shell(TOP).stderr_contains("in top: ").check();
}

/// What a command sees on top of what is kept; the times of directories tell of its entries.
fn seen(home: &Home, name: &str) -> String {
    let look = "find . -type f -printf '%p %m %T@\\n' -o -printf '%p %y %m %l\\n' | sort; \
                find . -type f | sort | xargs cat";
    attempt(home).args(["--on", name]).shell(look).stdout_any().stderr_any().check().text().into()
}

#[test]
fn the_top_is_over_the_base_and_writes_nothing_to_it() {
    for driver in DRIVERS {
        let home = home();
        let real = tree(&home.work());
        base(&home, driver);
        let layers = kept(&home, "base/layers/0/upper");
        let before = tree(&layers);
        attempt(&home)
            .args(["--name", "top", "--stack", "ba"])
            .shell("cat n a d/y; ls d; ls gone d/b 2>/dev/null; echo 2 >> n; rm -r d; mkdir d")
            .stdout("new\na\nmore\ny\ny\n")
            .stderr_contains("2 changes in top: 1 modified, 1 deleted")
            .check();
        assert_eq!(tree(&layers), before, "{driver}: what is below was written to");
        assert_eq!(tree(&home.work()), real);
        let diff = verb(&home, "diff").arg("top").stdout_contains(" new\n+2\n").check();
        assert!(diff.text().contains("--- a/d/y\n+++ /dev/null\n@@ -1 +0,0 @@\n-y\n"), "{driver}");
        assert!(!diff.text().contains("d/b"), "{driver}: {}", diff.text());
        let listed = verb(&home, "changes").stdout_any().check();
        let row = listed.text().lines().nth(2).unwrap().to_owned();
        assert!(row.starts_with("top   base  "), "{}", listed.text());
        let json = verb(&home, "changes").arg("--json").stdout_any().check();
        let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
        assert_eq!(json[0]["below"], serde_json::Value::Null);
        assert_eq!(json[1]["below"], "base");

        // The top goes alone, and the base is what it was.
        verb(&home, "discard").arg("top").stderr_contains("discarded top").check();
        assert_eq!(tree(&layers), before);
        verb(&home, "apply").arg("base").stderr_contains("applied all of base").check();
    }
}

#[test]
fn applied_from_the_bottom_up_it_is_what_plain_commands_make() {
    let [first, both] = plainly();
    for driver in DRIVERS {
        let home = home();
        let before = tree(&home.work());
        base(&home, driver);
        top(&home);
        let said = "they lie on `base`, which still has ";
        let early = verb(&home, "apply").arg("top").status(125).stderr_contains(said);
        early.stderr_contains("nothing was touched; `bryo apply base` goes first").check();
        assert_eq!(tree(&home.work()), before);

        // What the top shows is the same whether the base is applied, taken back, applied in parts.
        let view = seen(&home, "top");
        verb(&home, "apply").arg("base").stderr_contains("applied all of base").check();
        assert_eq!(tree(&home.work()), first, "{driver}");
        assert_eq!(seen(&home, "top"), view, "{driver}");
        verb(&home, "undo").arg("base").stderr_any().check();
        assert_eq!(tree(&home.work()), before, "{driver}");
        assert_eq!(seen(&home, "top"), view, "{driver}");
        verb(&home, "apply").args(["base", "a", "del", "made"]).stderr_any().check();
        assert_eq!(seen(&home, "top"), view, "{driver}");
        verb(&home, "apply").arg("top").status(125).stderr_contains(said).check();
        verb(&home, "apply").arg("base").stderr_any().check();
        assert_eq!(tree(&home.work()), first, "{driver}");
        assert_eq!(seen(&home, "top"), view, "{driver}");

        verb(&home, "apply").arg("top").stderr_contains("applied all of top").check();
        assert_eq!(tree(&home.work()), both, "{driver}");

        // And back, from the top.
        let early = verb(&home, "undo").arg("base").status(125);
        early.stderr_contains("`bryo undo top` goes first").check();
        verb(&home, "undo").arg("top").stderr_any().check();
        assert_eq!(tree(&home.work()), first, "{driver}");
        verb(&home, "apply").arg("top").stderr_any().check();
        verb(&home, "undo").arg("top").stderr_any().check();
        verb(&home, "undo").arg("base").stderr_any().check();
        verb(&home, "undo").arg("base").stderr_any().check();
        assert_eq!(tree(&home.work()), before, "{driver}");
        assert_eq!(seen(&home, "top"), view, "{driver}");
    }
}

/// A directory on another filesystem than the home of a test.
struct Elsewhere(PathBuf);

impl Elsewhere {
    fn new(home: &Home) -> Option<Self> {
        let device = |path: &Path| fs::metadata(path).unwrap().dev();
        let name = home.root().file_name().unwrap().to_str().unwrap().to_owned();
        let path = PathBuf::from(format!("/dev/shm/{name}"));
        fs::create_dir(&path).unwrap();
        let elsewhere = Self(path);
        (device(&elsewhere.0) != device(home.root())).then_some(elsewhere)
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = std::process::Command::new("chmod").args(["-R", "700"]).arg(&self.0).status();
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_same_where_the_layers_are_on_another_filesystem() {
    let [first, both] = plainly();
    for driver in DRIVERS {
        let home = home();
        let Some(data) = Elsewhere::new(&home) else { skip!("/dev/shm is on the same filesystem") };
        let before = tree(&home.work());
        let run = |words: &[&str]| {
            let run = Bryo::bare().at(&home).leftovers_unjudged().args(words).stderr_any();
            run.env("XDG_DATA_HOME", &data.0)
        };
        run(&["try", "--name", "base", "--overlay-driver", driver]).shell(BASE).check();
        run(&["try", "--name", "top", "--stack", "base"]).shell(TOP).check();
        run(&["apply", "base"]).check();
        assert_eq!(tree(&home.work()), first, "{driver}");
        run(&["undo", "base"]).check();
        run(&["apply", "base"]).check();
        run(&["apply", "top"]).check();
        assert_eq!(tree(&home.work()), both, "{driver}");
        run(&["undo", "top"]).check();
        run(&["undo", "base"]).check();
        assert_eq!(tree(&home.work()), before, "{driver}");
    }
}

#[test]
fn what_others_changed_meanwhile_is_a_conflict_all_the_same() {
    let changed = "it was changed outside since the sandbox began";
    let within = "something in it was changed outside since the sandbox began";
    let cases = [
        // Of the base, and changed after it was applied.
        ("echo outside > n", "/n", changed),
        ("touch del/z", "/del", within),
        // Of the host, which the base has not changed.
        ("echo outside > h", "/h", changed),
        ("echo outside > del/stray", "/del", within),
        ("mkdir del/stray", "/del", within),
        // Removed by the base, made again by the top and by somebody else.
        ("echo outside > gone", "/gone", "it was made outside since the sandbox began"),
        ("rm n", "/n", "it was removed outside since the sandbox began"),
    ];
    for (number, (outside, path, why)) in cases.into_iter().enumerate() {
        let home = home();
        base(&home, DRIVERS[number % 2]);
        top(&home);
        verb(&home, "apply").arg("base").stderr_any().check();
        Bryo::program("/bin/sh").at(&home).args(["-c", outside]).check();
        let before = tree(&home.work());
        let refused = verb(&home, "apply").arg("top").status(125);
        let refused = refused.stderr_contains("1 change overtaken by changes outside");
        refused.stderr_contains(format!("work{path}`: {why}")).check();
        assert_eq!(tree(&home.work()), before);
    }
}

#[test]
fn what_was_changed_before_the_base_was_applied_is_a_conflict_of_both() {
    let home = home();
    base(&home, "kernel");
    top(&home);
    home.scratch().write("work/del/stray", "outside\n");
    home.scratch().write("work/a", "outside\n");
    verb(&home, "apply").arg("base").status(125).stderr_contains("1 change overtaken").check();
    verb(&home, "apply").args(["base", "--force"]).stderr_any().check();
    let refused = verb(&home, "apply").arg("top").status(125);
    refused.stderr_contains("1 change overtaken").stderr_contains("work/del`").check();
}

#[test]
fn a_try_that_was_killed_before_it_could_look_below_is_applied_as_well() {
    let [_, both] = plainly();
    for driver in DRIVERS {
        let home = home();
        base(&home, driver);
        let running = attempt(&home)
            .args(["--name", "top", "--stack", "base"])
            .shell(&format!("{TOP}; echo here; sleep 60"))
            .start();
        running.wait_for("here");
        running.signal(Signal::KILL);
        assert_eq!(running.finish().status, 137);
        let listed = || verb(&home, "changes").stdout_any().check().text().contains("cut short");
        wait_until(|| listed().then_some(()));
        assert!(!kept(&home, "top/baseline").exists());
        verb(&home, "apply").arg("base").stderr_any().check();
        verb(&home, "apply").arg("top").stderr_any().check();
        assert_eq!(tree(&home.work()), both, "{driver}");
    }
}

#[test]
fn what_others_lie_on_is_not_discarded_or_gone_on_with() {
    let home = home();
    base(&home, "kernel");
    top(&home);
    let stack = |name: &str, below: &str| {
        attempt(&home).args(["--name", name, "--stack", below]).shell("echo > new").stderr_any()
    };
    stack("higher", "top").check();
    let refused = |run: Bryo| run.status(125).stderr_contains("`top` and `higher` lie on them");
    let hint = "`bryo discard higher` first, or `bryo apply base`";
    refused(verb(&home, "discard").arg("base")).stderr_contains(hint).check();
    refused(verb(&home, "discard").args(["base", "a"])).stderr_contains(hint).check();
    refused(attempt(&home).args(["--on", "base"]).shell("true")).stderr_contains(hint).check();
    let one = verb(&home, "discard").arg("top").status(125);
    one.stderr_contains("`higher` lies on them").check();
    // The one at the very top may be changed as any other.
    verb(&home, "discard").args(["higher", "new"]).stderr_contains("discarded 1 change").check();
    attempt(&home).args(["--on", "higher"]).shell("cat t").stdout("t\n").stderr_any().check();
    let both = attempt(&home).args(["--apply", "--stack", "base"]).shell("true").status(125);
    both.stderr_contains("do not go together").check();
    stack("x", "nothing").status(125).stderr_contains("no changes are called `nothing`").check();
    assert!(!kept(&home, "x").exists());

    stack("another", "base").check();
    verb(&home, "discard").arg("--all").stderr_contains("the changes of 4 tries").check();
    assert_eq!(fs::read_dir(kept(&home, "")).unwrap().count(), 0);
}

#[test]
fn a_part_of_the_top_is_discarded_and_the_base_shows_again() {
    for driver in DRIVERS {
        let home = home();
        base(&home, driver);
        let run = attempt(&home).args(["--name", "top", "--stack", "base"]);
        run.shell("rm -r d made; mkdir d; echo q > d/q; echo 2 >> n").stderr_any().check();
        verb(&home, "discard").args(["top", "d/y", "made"]).stderr_contains("2 changes").check();
        attempt(&home)
            .args(["--on", "top"])
            .shell("ls d; cat d/y made/deep/m n")
            .stdout("q\ny\ny\nm\nnew\n2\n")
            .stderr_contains("2 changes in top: 1 added, 1 modified")
            .check();
    }
}

#[test]
fn two_at_once_over_one_and_nobody_changes_it_meanwhile() {
    for driver in DRIVERS {
        let home = home();
        base(&home, driver);
        let start = |name: &str| {
            let run = attempt(&home).args(["--name", name, "--stack", "base"]).stdin_piped();
            let running = run.shell("cat n; echo here; read go; echo $go > n").start();
            running.wait_for("here");
            running
        };
        let (mut one, mut two) = (start("one"), start("two"));
        let both = [one.pid(), two.pid()].map(|pid| pid.to_string());
        for run in [
            verb(&home, "apply").arg("base"),
            verb(&home, "undo").arg("base"),
            verb(&home, "discard").arg("base"),
            verb(&home, "discard").args(["base", "a"]),
            attempt(&home).args(["--on", "base"]).shell("true"),
        ] {
            let outcome = run.status(125).stderr_contains("are using them").check();
            assert!(both.iter().all(|pid| outcome.talk().contains(pid)), "{}", outcome.talk());
        }
        one.send("1\n");
        two.send("2\n");
        for (running, name, content) in [(one, "one", "1\n"), (two, "two", "2\n")] {
            let outcome = running.finish();
            assert_eq!(outcome.text(), "new\nhere\n", "{}", outcome.talk());
            let on = attempt(&home).args(["--on", name]).shell("cat n");
            on.stdout(content).stderr_any().check();
        }
        // While one goes on with the base, nothing is stacked on it.
        verb(&home, "discard").arg("one").stderr_any().check();
        verb(&home, "discard").arg("two").stderr_any().check();
        let on = attempt(&home).args(["--on", "base"]).stdin_piped();
        let mut on = on.shell("echo here; read go").start();
        on.wait_for("here");
        let late = attempt(&home).args(["--name", "late", "--stack", "base"]).shell("true");
        let late = late.status(125).stderr_contains("is using them").check();
        assert!(late.talk().contains(&on.pid().to_string()), "{}", late.talk());
        assert!(!kept(&home, "late").exists());
        on.send("\n");
        assert_eq!(on.finish().status, 0);
    }
}

#[test]
fn damage_below_is_named_and_the_top_can_be_discarded() {
    let home = home();
    let make = || {
        base(&home, "kernel");
        top(&home);
    };
    let verbs = |why: &str| {
        for run in [
            verb(&home, "diff").arg("top"),
            verb(&home, "apply").arg("top"),
            verb(&home, "discard").args(["top", "a"]),
            attempt(&home).args(["--on", "top"]).shell("true"),
            attempt(&home).args(["--name", "new", "--stack", "top"]).shell("true"),
        ] {
            run.status(125).stderr_contains(why).check();
        }
        assert!(!kept(&home, "new").exists());
        verb(&home, "discard").arg("top").stderr("bryo: note: discarded top\n").check();
    };
    make();
    fs::remove_dir_all(kept(&home, "base/layers")).unwrap_err();
    fs::rename(kept(&home, "base"), home.root().join("base")).unwrap();
    let gone = "the changes `base`, which they lie over, are gone";
    verb(&home, "changes").stdout_contains("damaged").stdout_contains(gone).check();
    verbs(gone);

    make();
    fs::rename(kept(&home, "base"), home.root().join("first")).unwrap();
    base(&home, "kernel");
    verbs("the changes `base`, which they lie over, are gone, and others have the name");

    let run = attempt(&home).args(["--name", "top", "--stack", "base"]);
    run.shell("echo > x").stderr_any().check();
    fs::write(kept(&home, "top/layers/below"), "../../../etc/layers").unwrap();
    verbs("names no layers that these could lie over");

    let run = attempt(&home).args(["--name", "top", "--stack", "base"]);
    run.shell("echo > x").stderr_any().check();
    fs::write(kept(&home, "base/layers/below"), "../../top/layers").unwrap();
    verb(&home, "diff").arg("top").status(125).stderr_contains("lie below one another").check();
    verb(&home, "discard").arg("--all").status(125).stderr_any().check();
    fs::remove_file(kept(&home, "base/layers/below")).unwrap();

    // A top that cannot be read stops what is below before anything is touched.
    fs::write(kept(&home, "top/layers/driver"), "tape").unwrap();
    let before = tree(&home.work());
    verb(&home, "apply").arg("base").status(125).stderr_contains("no overlay driver").check();
    assert_eq!(tree(&home.work()), before);
    verb(&home, "discard").arg("--all").stderr_contains("2 tries").check();
}

#[test]
fn a_stack_has_a_height_that_is_told() {
    for driver in DRIVERS {
        let home = home();
        let run = attempt(&home).args(["--name", "n0", "--overlay-driver", driver]);
        run.shell("echo 0 > f; echo n0 > n0").stderr_any().check();
        let add = |number: usize| {
            let (name, below) = (format!("n{number}"), format!("n{}", number - 1));
            let run = attempt(&home).args(["--name", &name, "--stack", &below]);
            run.shell(&format!(
                "cat f; echo {number} > f; echo {name} > {name}; cat n[0-9]* | wc -l"
            ))
        };
        for number in 1..=16 {
            let seen = format!("{}\n{}\n", number - 1, number + 1);
            add(number).stdout(seen).stderr_contains("2 changes in").check();
        }
        let over = add(17).status(125).stderr_contains("cannot stack changes on `n16`");
        over.stderr_contains("more than 16").check();
        assert!(!kept(&home, "n17").exists());
        verb(&home, "diff").args(["n16", "--stat"]).stdout_contains("2 names changed").check();
        for number in 0..=16 {
            verb(&home, "apply").arg(format!("n{number}")).stderr_any().check();
        }
        assert_eq!(home.scratch().read("work/f"), "16\n");
        assert_eq!(home.scratch().read("work/n9"), "n9\n");
    }
}

#[test]
fn it_is_stacked_from_where_and_as_the_base_was_made() {
    let home = home();
    base(&home, "kernel");
    let refused = |run: Bryo| run.status(125).stderr_contains("cannot use `--stack`");
    let stack = || attempt(&home).args(["--name", "top", "--stack", "base"]).shell("true");
    refused(stack().cwd(home.work().join("d")))
        .stderr_contains("which would be no overlay here")
        .stderr_contains("hint: run it from the same directory")
        .check();
    let plan = attempt(&home).args(["--stack", "base", "--explain"]).command(["true"]);
    plan.stdout_contains(", stacked on ").check();
    let other = attempt(&home).args(["--stack", "base", "--overlay-driver", "fuse"]).shell("true");
    other.status(125).stderr_contains("were written by the kernel driver").check();
    let within = attempt(&home).args(["--stack", "base", "--overlay", "d"]).shell("true");
    refused(within).stderr_contains("would hide what").check();
    assert_eq!(fs::read_dir(kept(&home, "")).unwrap().count(), 1);
}

#[test]
fn a_home_under_an_overlay_is_stacked_as_well() {
    for driver in DRIVERS {
        let home = home();
        home.scratch().write("home/.bashrc", "alias l=ls\n");
        let run = |words: &[&str]| attempt(&home).args(["--home", "overlay"]).args(words);
        run(&["--name", "base", "--overlay-driver", driver])
            .shell("echo one >> ~/.bashrc; echo b > b")
            .stderr_any()
            .check();
        run(&["--name", "top", "--stack", "base"])
            .shell("cat b ~/.bashrc; echo two >> ~/.bashrc; rm b")
            .stdout("b\nalias l=ls\none\n")
            .stderr_contains("2 changes in top: 1 modified, 1 deleted")
            .check();
        let without = attempt(&home).args(["--stack", "base"]).shell("true").status(125);
        without.stderr_contains("the same `--home`").check();
        verb(&home, "apply").arg("base").stderr_any().check();
        verb(&home, "apply").arg("top").stderr_any().check();
        assert_eq!(home.scratch().read("home/.bashrc"), "alias l=ls\none\ntwo\n");
        assert!(!home.work().join("b").exists());
    }
}

#[test]
fn the_system_under_an_overlay_is_stacked_as_well() {
    let device = fs::File::options().read(true).write(true).open("/dev/fuse");
    if crate::support::program("fuse-overlayfs").is_none() || device.is_err() {
        skip!("fuse-overlayfs cannot be used");
    }
    let home = home();
    let run = |words: &[&str]| attempt(&home).args(["--root", "--system"]).args(words);
    run(&["--name", "base"])
        .shell("echo one > /etc/bryo-test.conf; echo '# x' >> /etc/profile; rm /etc/passwd")
        .stderr_contains("in base: ")
        .check();
    run(&["--name", "top", "--stack", "base"])
        .shell(
            "cat /etc/bryo-test.conf; stat -c %u:%g /etc/bryo-test.conf /etc/profile; \
                tail -n 1 /etc/profile; echo two >> /etc/bryo-test.conf",
        )
        .stdout("one\n0:0\n0:0\n# x\n")
        .stderr_contains("1 change in top: 1 modified")
        .check();
    let diff = verb(&home, "diff").arg("top").stdout_contains(" one\n+two\n").check();
    assert!(!diff.text().contains("owner"), "{}", diff.text());
}

#[test]
fn random_changes_on_top_of_random_changes() {
    needs!("python3");
    for seed in 1..=6_u32 {
        let home = Home::new();
        let script = home.work().join("random_tree.py");
        fs::copy(place::tree().join("tests/changes/random_tree.py"), &script).unwrap();
        for name in ["plain", "tried"] {
            fs::create_dir(home.work().join(name)).unwrap();
        }
        let seeds = [seed, seed + 1000, seed + 2000].map(|seed| seed.to_string());
        let python = |words: &[&str]| {
            let run = Bryo::program("/usr/bin/python3").at(&home).arg(&script).args(words);
            run.stdout_any().check().text().to_owned()
        };
        python(&["make", &seeds[0], "20", "250", "plain", "tried"]);
        for seed in &seeds[1..] {
            python(&["change", seed, "20", "250", "plain", "fifo", "socket"]);
        }
        let script = script.to_str().unwrap();
        let attempt = |words: [&str; 4], seed: &str| {
            let change = ["python3", script, "change", seed, "20", "250", ".", "fifo", "socket"];
            let run = attempt(&home).cwd(home.work().join("tried")).args(words);
            run.args(["--ro", script]).command(change).stdout_any().stderr_any().check();
        };
        let before = python(&["show", "tried"]);
        attempt(["--name", "base", "--overlay-driver", "kernel"], &seeds[1]);
        attempt(["--name", "top", "--stack", "base"], &seeds[2]);
        assert_eq!(python(&["show", "tried"]), before);
        verb(&home, "apply").arg("base").stderr_any().check();
        verb(&home, "apply").arg("top").stderr_any().check();
        let (wanted, is) = (python(&["show", "plain"]), python(&["show", "tried"]));
        for (wanted, is) in wanted.lines().zip(is.lines()) {
            assert_eq!(wanted, is, "seed {seed}");
        }
        assert_eq!(wanted.lines().count(), is.lines().count());
        verb(&home, "undo").arg("top").stderr_any().check();
        verb(&home, "undo").arg("base").stderr_any().check();
        assert_eq!(python(&["show", "tried"]), before, "seed {seed}");
    }
}
