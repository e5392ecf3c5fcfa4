//! Stores damaged by hand: named, never guessed at, and `discard` works all the same. A sample;
//! with BRYO_FAULTS=complete every length at which a file may be cut off.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use crate::support::{Bryo, Home, Tree};

use super::{apply, home_with_tree, injected, store, tried, undo, verb};

const CHANGE: &str = "echo x >> a; rm -r d; mkdir -p n/m; echo n > n/m/o; echo one > one";

/// Some of it applied, and the rest is left.
fn applied_in_part() -> Home {
    let home = home_with_tree();
    tried(&home, CHANGE);
    verb(&home, "apply").args(["it", "a", "d", "n"]).stderr_any().check();
    home
}

fn discard(home: &Home) {
    verb(home, "discard").args(["it", "--force"]).stderr_contains("discarded it").check();
    assert!(!store(home).exists());
}

/// Those verbs end in an error that names it, maybe after warnings that name the files, and nothing is
/// touched by that.
fn is_named(home: &Home, verbs: &[&str], said: &str, what: &str) {
    let before = Tree::of(&home.work());
    for word in verbs {
        let (word, path) = word.split_once(' ').unwrap_or((word, ""));
        let words = ["it", path];
        let run = verb(home, word).args(words.iter().filter(|it| !it.is_empty())).start().finish();
        let talk = run.talk();
        assert_eq!(run.status, 125, "{what}: {word}: {talk}");
        let is_error = talk.starts_with("bryo: error: ") || talk.starts_with("bryo: warning: ");
        assert!(is_error && !talk.contains("panicked"), "{what}: {word}: {talk}");
        assert!(talk.contains(said), "{what}: {word} does not name {said}: {talk}");
    }
    assert_eq!(before, Tree::of(&home.work()), "{what}");
}

const ALL: [&str; 4] = ["diff", "apply", "undo", "discard one"];

#[test]
fn what_is_missing_is_named() {
    for (path, verbs, said) in [
        ("layers", &ALL[..], "layers"),
        ("layers/driver", &ALL, "driver"),
        ("layers/0/lower", &ALL, "lower"),
        ("layers/0/upper", &ALL, "upper"),
        ("record.json", &["apply"], "record"),
        ("directory", &["apply"], "directory"),
        ("applied/1/applied", &["undo", "apply", "discard one"], "applied/1"),
        ("applied/1/undo/0", &["undo"], "its files were changed since"),
    ] {
        let home = applied_in_part();
        let gone = store(&home).join(path);
        match gone.is_dir() {
            true => remove_whole(&gone),
            false => fs::remove_file(gone).unwrap(),
        }
        is_named(&home, verbs, said, path);
        discard(&home);
    }
}

fn remove_whole(directory: &Path) {
    let chmod = std::process::Command::new("chmod").args(["-R", "u+rwx"]).arg(directory).status();
    assert!(chmod.unwrap().success());
    fs::remove_dir_all(directory).unwrap();
}

/// A link to what was there, a FIFO that nobody writes to, and a directory or a file instead.
#[test]
fn what_is_of_another_kind_is_refused() {
    needs!("mkfifo");
    let mut count = 0;
    for (path, verbs, said) in [
        ("layers", &["apply", "undo", "discard one"][..], "layers"),
        ("layers/driver", &ALL, "driver"),
        ("layers/0", &ALL, "layers"),
        ("layers/0/lower", &ALL, "lower"),
        ("layers/0/upper", &ALL, "upper"),
        ("record.json", &["apply", "undo", "discard one"], "record"),
        ("directory", &["apply", "undo", "discard one"], "directory"),
        ("baseline", &["apply", "undo", "discard one"], "baseline"),
        ("applied", &["apply", "undo", "discard one"], "applied"),
        ("applied/1", &["apply", "undo", "discard one"], "applied/1"),
        ("applied/1/applied", &["apply", "undo", "discard one"], "applied/1/applied"),
        ("applied/1/undo", &["apply", "undo", "discard one"], "applied/1/undo"),
    ] {
        for kind in ["link", "fifo", "other"] {
            let home = applied_in_part();
            let (there, elsewhere) = (store(&home).join(path), home.scratch().join("elsewhere"));
            let is_directory = there.is_dir();
            fs::rename(&there, &elsewhere).unwrap();
            match (kind, is_directory) {
                ("link", _) => symlink(&elsewhere, &there).unwrap(),
                ("other", true) => fs::write(&there, "").unwrap(),
                ("other", false) => fs::create_dir(&there).unwrap(),
                _ => {
                    let made = std::process::Command::new("mkfifo").arg(&there).status();
                    assert!(made.unwrap().success());
                }
            }
            is_named(&home, verbs, said, &format!("{path}: {kind}"));
            discard(&home);
            assert!(elsewhere.exists(), "{path}: {kind}: what the link leads to was removed");
            count += 1;
        }
    }
    tell(count, "stores with links, FIFOs and others in place of what bryo keeps");
}

fn tell(count: u64, what: &str) {
    super::tell(&format!("changes: {count} {what}, each named"));
}

/// At which lengths a file is cut off: a sample, or all.
fn lengths(length: usize, stride: usize) -> impl Iterator<Item = usize> {
    let is_complete = std::env::var_os("BRYO_FAULTS").is_some_and(|it| it == "complete");
    (0..length).step_by(if is_complete { 1 } else { stride })
}

/// The paper of an apply at each of its stages.
#[test]
fn a_paper_that_was_cut_off_is_named_at_every_stage() {
    needs!("strace");
    let mut count = 0;
    for (stage, verbs) in [
        ("applied", &["undo"][..]),
        ("begun", &["undo", "apply --resume"]),
        ("taken-back-in-part", &["undo"]),
    ] {
        let home = home_with_tree();
        tried(&home, CHANGE);
        match stage {
            "applied" => apply(&home),
            "begun" => killed_at(&home, "apply", "renameat2", 4),
            _ => {
                apply(&home);
                killed_at(&home, "undo", "renameat2", 4);
            }
        }
        let paper = store(&home).join("applied/1").join(stage);
        let whole = fs::read(&paper).unwrap();
        for length in lengths(whole.len(), 23) {
            fs::write(&paper, &whole[..length]).unwrap();
            is_named(&home, verbs, "is damaged", &format!("{stage}: {length} bytes"));
            count += 1;
        }
        for at in lengths(whole.len(), 29) {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << (at % 8);
            fs::write(&paper, &flipped).unwrap();
            is_named(&home, verbs, "is damaged", &format!("{stage}: byte {at}"));
            count += 1;
        }
        fs::write(&paper, &whole).unwrap();
        undo(&home);
        assert_eq!(home.scratch().read("work/d/b"), "b\n");
        assert_eq!(home.scratch().read("work/a"), "a\n");
    }
    tell(count, "damaged papers");
}

fn killed_at(home: &Home, word: &str, call: &str, number: u32) {
    let fault = format!("{call}:signal=SIGKILL:when={number}");
    let run = injected(home, &fault, &[word, "it"]).start().finish();
    assert_eq!(run.status, 137, "{}", run.talk());
}

/// The baseline, the record, and what the layers say of themselves.
#[test]
fn every_other_file_that_was_cut_off_is_named() {
    let home = home_with_tree();
    tried(&home, CHANGE);
    let mut count = 0;
    for (path, verbs, said, stride) in [
        ("baseline", &["apply"][..], "baseline` is damaged", 17),
        ("record.json", &["apply"], "record.json` is damaged", 13),
        ("layers/driver", &ALL[..2], "driver", 1),
    ] {
        let file = store(&home).join(path);
        let whole = fs::read(&file).unwrap();
        // The end of the line alone is no loss to a driver's name.
        let end = if path == "layers/driver" { whole.trim_ascii_end().len() } else { whole.len() };
        for length in lengths(end, stride) {
            fs::write(&file, &whole[..length]).unwrap();
            is_named(&home, verbs, said, &format!("{path}: {length} bytes"));
            count += 1;
        }
        if path == "baseline" {
            for at in lengths(whole.len(), 19) {
                let mut flipped = whole.clone();
                flipped[at] ^= 1 << (at % 8);
                fs::write(&file, &flipped).unwrap();
                is_named(&home, verbs, said, &format!("{path}: byte {at}"));
                count += 1;
            }
        }
        fs::write(&file, &whole).unwrap();
    }
    let record = fs::read_to_string(store(&home).join("record.json")).unwrap();
    let newer = record.replace("\"version\":1", "\"version\":2");
    fs::write(store(&home).join("record.json"), newer).unwrap();
    is_named(&home, &["apply"], "version 2", "a record of a later bryo");
    fs::write(store(&home).join("record.json"), record).unwrap();
    fs::write(store(&home).join("layers/0/lower"), "").unwrap();
    is_named(&home, &ALL[..2], "which directory it lies over", "an empty lower");
    discard(&home);
    tell(count + 2, "damaged records, baselines and layers");
}

#[test]
fn junk_among_the_applies_is_no_apply() {
    let max = u64::MAX.to_string();
    for (name, kind, is_damage) in [
        ("junk", "file", false),
        ("007", "file", true),
        ("007", "directory", false),
        ("7", "file", true),
        ("7", "directory", false),
        (max.as_str(), "directory", false),
        ("9/undo", "directory", true),
    ] {
        let home = applied_in_part();
        let path = store(&home).join("applied").join(name);
        match kind {
            "file" => fs::write(path, "junk").unwrap(),
            _ => fs::create_dir_all(path).unwrap(),
        }
        let what = format!("{name}: {kind}");
        if is_damage {
            let number = name.split('/').next().unwrap();
            let said = format!("applied/{number}");
            is_named(&home, &["apply", "undo", "discard one"], &said, &what);
        } else {
            undo(&home);
            assert_eq!(home.scratch().read("work/d/b"), "b\n", "{what}");
            apply(&home);
            assert_eq!(home.scratch().read("work/one"), "one\n", "{what}");
        }
        discard(&home);
    }
}

#[test]
fn a_foreign_layer_is_named() {
    let home = home_with_tree();
    tried(&home, CHANGE);
    fs::create_dir(store(&home).join("layers/3")).unwrap();
    is_named(&home, &ALL[..2], "lower", "an empty directory 3");
    fs::remove_dir(store(&home).join("layers/3")).unwrap();
    fs::create_dir(store(&home).join("layers/notes")).unwrap();
    fs::write(store(&home).join("notes"), "of the user").unwrap();
    apply(&home);
    discard(&home);
}

/// Nothing is guessed about what cannot be read: it works, or it is named.
#[test]
fn a_closed_directory_is_read_or_named() {
    for path in ["", "layers", "layers/0", "layers/0/upper", "applied", "applied/1"] {
        let home = applied_in_part();
        let directory = store(&home).join(path);
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o0)).unwrap();
        let before = Tree::of(&home.work());
        for word in ["diff", "undo"] {
            let run = verb(&home, word).arg("it").stdout_any().start().finish();
            match run.status {
                0 => {}
                125 => {
                    assert_eq!(before, Tree::of(&home.work()), "{path:?}: {word}: {}", run.talk())
                }
                other => panic!("{path:?}: {word}: {other}: {}", run.talk()),
            }
            if word == "undo" && run.status == 0 {
                assert_eq!(home.scratch().read("work/a"), "a\n");
                assert_eq!(home.scratch().read("work/d/b"), "b\n");
            }
        }
        discard(&home);
    }
}

// ---------------------------------------------------------------- discard

#[test]
fn an_apply_that_was_cut_short_is_not_discarded_unasked() {
    needs!("strace");
    for stage in ["begun", "taken-back-in-part"] {
        let home = home_with_tree();
        tried(&home, CHANGE);
        if stage == "taken-back-in-part" {
            apply(&home);
        }
        let word = if stage == "begun" { "apply" } else { "undo" };
        killed_at(&home, word, "renameat2", 4);
        assert!(store(&home).join("applied/1").join(stage).exists());
        Bryo::verb("try")
            .at(&home)
            .args(["--name", "other", "--keep"])
            .shell("echo y > y")
            .stderr_any()
            .leftovers_unjudged()
            .check();
        let hint = match stage {
            "begun" => "hint: `bryo apply --resume it` goes on with it, `bryo undo it` takes",
            _ => "hint: `bryo undo it` goes on with it",
        };
        for words in [&["it"][..], &["it", "one"]] {
            verb(&home, "discard")
                .args(words)
                .stderr_contains("an apply of them was cut short")
                .stderr_contains(hint)
                .status(125)
                .check();
        }
        Bryo::verb("try")
            .at(&home)
            .args(["--on", "it"])
            .shell("true")
            .stderr_contains("an apply of them was cut short")
            .status(125)
            .leftovers_unjudged()
            .check();
        verb(&home, "discard")
            .arg("--all")
            .stderr_contains("discarded the changes of 1 try")
            .stderr_contains("cannot discard `it`")
            .status(125)
            .check();
        assert!(store(&home).exists());
        undo(&home);
        assert_eq!(home.scratch().read("work/d/b"), "b\n");
        verb(&home, "discard").arg("it").stderr("bryo: note: discarded it\n").check();
    }
}

#[test]
fn discarding_what_was_applied_says_that_it_can_no_longer_be_taken_back() {
    let home = home_with_tree();
    tried(&home, CHANGE);
    apply(&home);
    verb(&home, "discard")
        .arg("it")
        .stderr_contains("what was applied of it stays, and can no longer be taken back")
        .check();
    assert_eq!(home.scratch().read("work/a"), "a\nx\n");
}
