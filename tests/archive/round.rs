//! The property of export and import: what goes through a tar and is applied is, to the byte, what
//! is applied at once. Random trees, under both drivers.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::{Bryo, Home, place};

use super::verb;

const LIMIT: Duration = Duration::from_secs(100);
/// In one round.
const TREES: &str = "40";

#[test]
fn random_trees_under_the_kernel() {
    needs!("python3");
    for seed in 0..3 {
        round(seed, "kernel", "255");
    }
}

#[test]
fn random_trees_under_fuse() {
    needs!("python3");
    needs_fuse!();
    for seed in 0..2 {
        // See tests/changes/round.rs.
        round(seed, "fuse", "251");
    }
}

/// Three trees: one that is changed plainly, one in a sandbox, and one by what that is as a tar.
struct Trees {
    home: Home,
    script: PathBuf,
    all: [PathBuf; 3],
}

impl Trees {
    fn new() -> Self {
        let home = Home::new();
        let script = home.work().join("random_tree.py");
        fs::copy(place::tree().join("tests/changes/random_tree.py"), &script).unwrap();
        let all = ["plain", "tried", "moved"].map(|it| home.scratch().dir(format!("work/{it}")));
        Self { home, script, all }
    }

    fn python(&self) -> Bryo {
        let python = Bryo::program("/usr/bin/python3").at(&self.home).limit(LIMIT);
        python.arg(&self.script).stdout_any().leftovers_unjudged()
    }

    fn bryo(&self, name: &str) -> Bryo {
        verb(&self.home, name).cwd(&self.all[1]).limit(LIMIT).stdout_any().stderr_any()
    }

    /// Changed in a sandbox, exported and imported; the tar.
    fn through_a_tar(&self, driver: &str, change: &[&str]) -> PathBuf {
        self.bryo("try")
            .args(["--name", "it", "--keep", "--overlay-driver", driver, "--ro"])
            .arg(&self.script)
            .command(["python3", self.script.to_str().unwrap()])
            .args(change)
            .arg(".")
            .check();
        let file = self.home.root().join("it.tar");
        self.bryo("changes").args(["export", "it"]).arg(&file).check();
        let import = self.bryo("changes").args(["import", "--name", "in", "--onto"]);
        import.arg(&self.all[2]).arg(&file).check();
        file
    }
}

fn round(seed: u64, driver: &str, longest: &str) {
    let trees = Trees::new();
    let [plain, tried, moved] = &trees.all;
    let seed = seed.to_string();
    let change = ["change", &seed, TREES, longest];
    let show = |it: &Path| trees.python().arg("show").arg(it).check().text().to_owned();
    trees.python().args(["make", &seed, TREES, longest]).args(&trees.all).check();
    trees.python().args(change).arg(plain).check();
    let file = trees.through_a_tar(driver, &change);
    let again = trees.bryo("changes").args(["export", "in", "-"]).check().stdout;
    let listed = |bytes: &[u8]| super::names(&trees.home, bytes);
    let (first, second) = (listed(&fs::read(&file).unwrap()), listed(&again));
    // The sockets alone are not in it, and they are in neither.
    assert_eq!(first, second, "seed {seed}");
    trees.bryo("apply").arg("it").check();
    trees.bryo("apply").arg("in").check();
    let (at_once, through_a_tar) = (show(tried), show(moved));
    assert!(at_once == through_a_tar, "{}", difference(&seed, &at_once, &through_a_tar));
    if driver == "kernel" {
        let plainly = show(plain);
        assert!(plainly == through_a_tar, "{}", difference(&seed, &plainly, &through_a_tar));
    }
}

fn difference(seed: &str, wanted: &str, is: &str) -> String {
    let only = |one: &str, other: &str| {
        let lines = one.lines().filter(|line| !other.lines().any(|it| it == *line));
        lines.take(5).map(str::to_owned).collect::<Vec<_>>().join("\n")
    };
    format!("seed {seed}: wanted\n{}\nis\n{}", only(wanted, is), only(is, wanted))
}

/// Deeper than any path may be long, and the last name alone was changed.
#[test]
fn slow_a_chain_of_4000_directories() {
    needs!("python3");
    let trees = Trees::new();
    let [plain, _, moved] = &trees.all;
    trees.python().args(["deep-make", "2000"]).args(&trees.all).check();
    trees.python().args(["deep-change", "2000"]).arg(plain).check();
    trees.through_a_tar("kernel", &["deep-change", "2000"]);
    trees.bryo("apply").arg("in").check();
    let show = |it| trees.python().arg("deep-show").arg(it).check().text().to_owned();
    assert!(show(moved) == show(plain), "the tree is not as it is plainly");
    // By a program that goes down with no path.
    Bryo::program("/bin/rm").at(&trees.home).arg("-rf").args(&trees.all).check();
}
