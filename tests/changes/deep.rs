//! A chain of directories deeper than any path may be long.

use std::time::Duration;

use crate::support::{Bryo, Home, place};

use super::Driver;

#[test]
fn slow_a_chain_of_4000_directories_under_the_kernel() {
    go_down(Driver::Kernel, 2000);
}

/// fuse-overlayfs opens what is in its layers by whole paths, which end at PATH_MAX: 4096 bytes.
#[test]
fn a_chain_of_1600_directories_under_fuse() {
    go_down(Driver::Fuse, 800);
}

/// So many levels below, and as many more that the sandbox makes.
fn go_down(driver: Driver, levels: usize) {
    if let Some(why) = driver.lacking() {
        skip!("{why}");
    }
    let home = Home::new();
    let script = home.work().join("random_tree.py");
    std::fs::copy(place::tree().join("tests/changes/random_tree.py"), &script).unwrap();
    let (plain, tried) = (home.scratch().dir("work/plain"), home.scratch().dir("work/tried"));
    let levels = levels.to_string();
    let python = || Bryo::program("/usr/bin/python3").at(&home).arg(&script).leftovers_unjudged();
    let show =
        |directory| python().arg("deep-show").arg(directory).stdout_any().check().text().to_owned();
    python().args(["deep-make", &levels]).args([&plain, &tried]).check();
    let before = show(&plain);
    python().args(["deep-change", &levels]).arg(&plain).check();
    let bryo = |verb: &str| {
        Bryo::verb(verb).at(&home).cwd(&tried).limit(Duration::from_secs(60)).leftovers_unjudged()
    };
    bryo("try")
        .args(["--name", "it", "--overlay-driver", driver.name(), "--ro"])
        .arg(&script)
        .command(["python3", script.to_str().unwrap(), "deep-change", &levels, "."])
        .stderr_contains(" changes in it")
        .check();
    assert!(show(&tried) == before, "the try changed the tree");
    bryo("apply").arg("it").stderr_contains("applied all of it").check();
    assert!(show(&tried) == show(&plain), "the tree is not as it is plainly");
    bryo("undo").arg("it").stderr_any().check();
    assert!(show(&tried) == before, "the undo left something");
    bryo("apply").arg("it").stderr_contains("applied all of it").check();
    assert!(show(&tried) == show(&plain), "the tree is not as it is plainly");
    // By a program that goes down with no path.
    Bryo::program("/bin/rm").at(&home).arg("-rf").args([&plain, &tried]).check();
}
