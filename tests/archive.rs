//! `bryo changes export` and `import`: layers as tars of OCI images, ours and foreign ones, and
//! tars that are made to do harm.

mod damaged;
mod export;
mod hostile;
mod import;
mod round;
mod written;

use std::path::PathBuf;
use std::process::Command;

use crate::support::{Bryo, Home};

fn verb(home: &Home, verb: &str) -> Bryo {
    Bryo::verb(verb).at(home).leftovers_unjudged()
}

/// A try of a script that keeps what it does as `it`.
fn attempt(home: &Home, driver: &str, script: &str) -> Bryo {
    attempt_as(home, "it", driver, &[], script)
}

fn attempt_as(home: &Home, name: &str, driver: &str, flags: &[&str], script: &str) -> Bryo {
    verb(home, "try")
        .args(["--name", name, "--keep", "--overlay-driver", driver])
        .args(flags)
        .shell(script)
        .stderr_any()
}

/// In the working directory, and in another one that is not below it.
fn attempt_over_two(home: &Home) {
    home.scratch().write("home/other/b", "b");
    let other = home.root().join("home/other");
    let flags = ["--overlay", other.to_str().unwrap()];
    attempt_as(home, "it", "kernel", &flags, "echo 1 > n; rm ../home/other/b").check();
}

fn export(home: &Home, words: &[&str]) -> Bryo {
    verb(home, "changes").arg("export").args(words)
}

fn import(home: &Home, words: &[&str]) -> Bryo {
    verb(home, "changes").arg("import").args(words)
}

fn exported(home: &Home) -> Vec<u8> {
    export(home, &["it"]).stdout_any().stderr_any().check().stdout
}

fn tar_file(home: &Home, bytes: &[u8]) -> PathBuf {
    home.scratch().write("it.tar", bytes)
}

/// The names in it, as GNU tar reads it.
fn names(home: &Home, bytes: &[u8]) -> Vec<String> {
    let file = tar_file(home, bytes);
    let told = Command::new("tar").arg("tf").arg(file).output().unwrap();
    assert!(told.status.success() && told.stderr.is_empty(), "{told:?}");
    String::from_utf8(told.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Whatever changes are kept.
fn kept(home: &Home) -> Vec<String> {
    let Ok(found) = std::fs::read_dir(home.data().join("bryo/changes")) else { return Vec::new() };
    found.map(|it| it.unwrap().file_name().into_string().unwrap()).collect()
}
