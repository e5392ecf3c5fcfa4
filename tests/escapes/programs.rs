//! The programs of the suite, compiled static so that they run in any root, once for as long as
//! their source stays the same.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use crate::support::place;

/// The compiled `probes/NAME.c`.
pub(crate) fn program(name: &str) -> PathBuf {
    // One at a time: a family and the table may ask for the same.
    static COMPILER: Mutex<()> = Mutex::new(());
    let _turn = COMPILER.lock().unwrap();
    let sources = place::tree().join("tests/escapes/probes");
    let source = sources.join(format!("{name}.c"));
    let mut hasher = DefaultHasher::new();
    for file in [&source, &sources.join("probe.h")] {
        fs::read(file).unwrap_or_else(|e| panic!("{}: {e}", file.display())).hash(&mut hasher);
    }
    let program = shelf().join(format!("{name}-{:016x}", hasher.finish()));
    if !program.exists() {
        compile(&source, &program);
    }
    program
}

/// /var/tmp is everybody's: what somebody else put there is not used.
fn shelf() -> PathBuf {
    let uid = rustix::process::getuid().as_raw();
    let shelf = PathBuf::from(format!("/var/tmp/bryo-test-escapes-{uid}"));
    let _ = fs::create_dir(&shelf);
    let is_ours = fs::symlink_metadata(&shelf).is_ok_and(|it| it.is_dir() && it.uid() == uid);
    assert!(is_ours, "`{}` is not a directory of this user", shelf.display());
    shelf
}

fn compile(source: &Path, program: &Path) {
    // Beside it first: another suite may be making the same.
    let beside = program.with_extension(std::process::id().to_string());
    let outcome = Command::new("gcc")
        .args(["-static", "-O1", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-pthread", "-o"])
        .arg(&beside)
        .arg(source)
        .output()
        .unwrap();
    assert!(outcome.status.success(), "{}", String::from_utf8_lossy(&outcome.stderr));
    fs::rename(&beside, program).unwrap();
}
