//! The property of export and import: what goes through a tar and is applied is, to the byte, what
//! is applied at once. Random trees, under both drivers.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::{Bryo, Home, place};

use super::{lacks_fuse, verb};

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
    if let Some(why) = lacks_fuse() {
        skip!("{why}");
    }
    for seed in 0..2 {
        // See tests/changes/round.rs.
        round(seed, "fuse", "251");
    }
}

fn round(seed: u64, driver: &str, longest: &str) {
    let home = Home::new();
    let script = home.work().join("random_tree.py");
    fs::copy(place::tree().join("tests/changes/random_tree.py"), &script).unwrap();
    let directory = |name: &str| home.scratch().dir(Path::new("work").join(name));
    let all: [PathBuf; 3] = ["plain", "tried", "moved"].map(directory);
    let [plain, tried, moved] = &all;
    let seed = seed.to_string();
    let python = || {
        let python = Bryo::program("/usr/bin/python3").at(&home).limit(LIMIT);
        python.arg(&script).leftovers_unjudged()
    };
    let show = |it: &Path| python().arg("show").arg(it).stdout_any().check().text().to_owned();
    python().args(["make", &seed, TREES, longest]).args(&all).check();
    python().args(["change", &seed, TREES, longest]).arg(plain).stdout_any().check();
    let bryo = |name: &str| verb(&home, name).cwd(tried).limit(LIMIT).stdout_any().stderr_any();
    bryo("try")
        .args(["--name", "it", "--keep", "--overlay-driver", driver, "--ro"])
        .arg(&script)
        .command(["python3", script.to_str().unwrap(), "change", &seed, TREES, longest, "."])
        .check();
    let file = home.root().join("it.tar");
    bryo("changes").args(["export", "it"]).arg(&file).check();
    bryo("changes").args(["import", "--name", "in", "--onto"]).arg(moved).arg(&file).check();
    let again = bryo("changes").args(["export", "in", "-"]).check().stdout;
    let listed = |bytes: &[u8]| super::names(&home, bytes);
    let (first, second) = (listed(&fs::read(&file).unwrap()), listed(&again));
    // The sockets alone are not in it, and they are in neither.
    assert_eq!(first, second, "seed {seed}");
    bryo("apply").arg("it").check();
    bryo("apply").arg("in").check();
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
    let home = Home::new();
    let script = home.work().join("random_tree.py");
    fs::copy(place::tree().join("tests/changes/random_tree.py"), &script).unwrap();
    let directory = |name: &str| home.scratch().dir(Path::new("work").join(name));
    let all: [PathBuf; 3] = ["plain", "tried", "moved"].map(directory);
    let [plain, tried, moved] = &all;
    let python = || {
        let python = Bryo::program("/usr/bin/python3").at(&home).limit(LIMIT);
        python.arg(&script).leftovers_unjudged()
    };
    python().args(["deep-make", "2000"]).args(&all).check();
    python().args(["deep-change", "2000"]).arg(plain).check();
    let bryo = |name: &str| verb(&home, name).cwd(tried).limit(LIMIT).stdout_any().stderr_any();
    bryo("try")
        .args(["--name", "it", "--keep", "--overlay-driver", "kernel", "--ro"])
        .arg(&script)
        .command(["python3", script.to_str().unwrap(), "deep-change", "2000", "."])
        .check();
    let file = home.root().join("it.tar");
    bryo("changes").args(["export", "it"]).arg(&file).check();
    bryo("changes").args(["import", "--name", "in", "--onto"]).arg(moved).arg(&file).check();
    bryo("apply").arg("in").check();
    let show = |it| python().arg("deep-show").arg(it).stdout_any().check().text().to_owned();
    assert!(show(moved) == show(plain), "the tree is not as it is plainly");
    // By a program that goes down with no path.
    Bryo::program("/bin/rm").at(&home).arg("-rf").args(&all).check();
}
