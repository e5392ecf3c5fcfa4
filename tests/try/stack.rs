//! `bryo try --stack`: changes on top of changes; what is below is never written to, the top can be
//! dropped alone, and what is applied from the bottom up is what plain commands would have made.

mod kinds;
mod meanwhile;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::support::{Bryo, Home};

use super::{attempt, kept, verb};

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
