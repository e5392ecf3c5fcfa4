//! `apply --merge`: what was changed in the sandbox and outside, brought together or left alone.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use crate::support::Home;

use super::{Elsewhere, store, tried, tried_in, undo, verb};

const BASE: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";

fn write(directory: &Path, name: &str, text: impl AsRef<[u8]>) {
    fs::write(directory.join(name), text).unwrap();
}

#[test]
fn both_changes_of_a_text_are_made_and_taken_back() {
    for lower in [None, Elsewhere::new()] {
        let home = Home::new();
        let work = lower.as_ref().map_or_else(|| home.work(), |it| it.0.clone());
        let read = |name: &str| fs::read(work.join(name)).unwrap();
        write(&work, "text", BASE);
        // No more UTF-8 than a line may be.
        write(&work, "latin", b"\xe4\n\xf6\n\xfc\n");
        tried_in(
            &home,
            work.clone(),
            "sed -i s/2/two/ text; printf '\\337\\n' >> latin; echo n > n",
        );
        write(&work, "text", format!("{BASE}ten\n"));
        write(&work, "latin", b"\xc4\n\xf6\n\xfc\n");
        verb(&home, "apply").arg("it").stderr_contains("`--merge` brings both").status(125).check();
        for _ in 0..2 {
            verb(&home, "apply")
                .args(["it", "--merge"])
                .stderr_contains("applied all of it")
                .check();
            assert_eq!(read("text"), format!("{BASE}ten\n").replace('2', "two").as_bytes());
            assert_eq!(read("latin"), b"\xc4\n\xf6\n\xfc\n\xdf\n");
            verb(&home, "diff").arg("it").stdout("").stderr_contains("nothing was changed").check();
            undo(&home);
            assert_eq!(read("text"), format!("{BASE}ten\n").as_bytes());
            verb(&home, "diff").arg("it").stdout_contains("+two\n").check();
            // It is overtaken as before.
            verb(&home, "apply").arg("it").stderr_contains("it was changed").status(125).check();
        }
    }
}

#[test]
fn lines_that_both_changed_stop_it_before_anything_is_touched() {
    let home = Home::new();
    let work = home.work();
    write(&work, "text", BASE);
    write(&work, "other", BASE);
    tried(&home, "sed -i 's/[456]/x/' text; echo ten >> other; echo n > n");
    let outside = BASE.replace('5', "five").replace('7', "seven");
    write(&work, "text", &outside);
    write(&work, "other", format!("zero\n{BASE}"));
    let untouched = || {
        assert_eq!(home.scratch().read("work/text"), outside);
        assert_eq!(home.scratch().read("work/other"), format!("zero\n{BASE}"));
        assert!(!work.join("n").exists());
    };
    verb(&home, "apply")
        .args(["it", "--merge"])
        .stderr_contains("/text`: lines 4-7 of it were changed both in the sandbox and outside")
        .stderr_contains("hint: nothing was touched")
        .stderr_lacks("/other")
        .status(125)
        .check();
    untouched();
    verb(&home, "apply")
        .args(["it", "--merge", "--dry-run", "--skip-conflicts"])
        .stdout_contains("merge ")
        .stderr_contains("2 steps would be taken")
        .check();
    untouched();
    verb(&home, "apply")
        .args(["it", "--merge", "--skip-conflicts"])
        .stderr_contains("applied a part of it; 1 change left")
        .check();
    assert_eq!(home.scratch().read("work/text"), outside);
    assert_eq!(home.scratch().read("work/other"), format!("zero\n{BASE}ten\n"));
    verb(&home, "apply")
        .args(["it", "--merge", "--force"])
        .stderr_contains("`--merge` and `--force` do not go together")
        .status(125)
        .check();
}

/// What the sandbox does to `f`, what is done to it outside, and why that cannot be merged.
type Case = (&'static str, fn(&Path), &'static str);

const UNMERGED: [Case; 9] = [
    ("rm f", |f| fs::write(f, "outside\n").unwrap(), "it was deleted in the sandbox, and changed"),
    ("echo x >> f", |f| fs::remove_file(f).unwrap(), "it was removed outside since"),
    ("echo x >> g", |f| fs::write(f.with_file_name("g"), "y").unwrap(), "it was made outside"),
    ("rm f; mkdir f", |f| fs::write(f, "outside\n").unwrap(), "it became something else"),
    ("echo x >> f", |f| fs::write(f, b"a\0b").unwrap(), "binary"),
    ("printf 'a\\0b' > f", |f| fs::write(f, "outside\n").unwrap(), "binary"),
    ("chmod 600 f", |f| set_mode(f, 0o755), "its mode was changed both"),
    ("seq 200000 > f", |f| fs::write(f, "outside\n").unwrap(), "no base is kept of it"),
    ("echo x >> f; ln f g", |f| fs::write(f, format!("0\n{BASE}")).unwrap(), "more names"),
];

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_cannot_be_merged_says_why() {
    for (script, outside, why) in UNMERGED {
        let home = Home::new();
        write(&home.work(), "f", BASE);
        set_mode(&home.work().join("f"), 0o644);
        tried(&home, &format!("{script}; echo y > other"));
        outside(&home.work().join("f"));
        let stopped = verb(&home, "apply").args(["it", "--merge"]).status(125);
        stopped.stderr_contains(why).stderr_contains("nothing was touched").check();
        assert!(!home.work().join("other").exists(), "{script}");
    }
}

#[test]
fn a_mode_is_merged_as_lines_are() {
    let home = Home::new();
    for name in ["ours", "theirs"] {
        write(&home.work(), name, BASE);
        set_mode(&home.work().join(name), 0o644);
    }
    tried(&home, "chmod 755 theirs; echo ten >> ours");
    write(&home.work(), "theirs", format!("zero\n{BASE}"));
    set_mode(&home.work().join("ours"), 0o600);
    verb(&home, "apply").args(["it", "--merge"]).stderr_contains("applied all").check();
    let mode = |name: &str| fs::metadata(home.work().join(name)).unwrap().mode() & 0o777;
    assert_eq!((mode("ours"), mode("theirs")), (0o600, 0o755));
    assert_eq!(home.scratch().read("work/theirs"), format!("zero\n{BASE}"));
    assert_eq!(home.scratch().read("work/ours"), format!("{BASE}ten\n"));
}

#[test]
fn a_base_that_is_not_what_it_was_is_none() {
    let home = Home::new();
    write(&home.work(), "f", BASE);
    tried(&home, "echo ten >> f");
    let outside = format!("zero\n{BASE}");
    write(&home.work(), "f", &outside);
    for base in fs::read_dir(store(&home).join("base")).unwrap() {
        fs::write(base.unwrap().path(), "forged\n").unwrap();
    }
    let stopped = verb(&home, "apply").args(["it", "--merge"]).status(125);
    stopped.stderr_contains("no base is kept of it").check();
    assert_eq!(home.scratch().read("work/f"), outside);
}

#[test]
fn what_a_part_was_applied_to_can_be_gone_on_with() {
    let home = Home::new();
    for name in ["a", "b"] {
        write(&home.work(), name, BASE);
    }
    tried(&home, "echo ten >> a; echo ten >> b; echo n > n");
    verb(&home, "apply").args(["it", "a", "n"]).stderr_contains("1 change left").check();
    verb(&home, "try")
        .args(["--on", "it"])
        .shell("sed -i s/2/two/ a; echo m >> n")
        .stderr_any()
        .check();
    // What was applied is no change outside; what comes after that is.
    verb(&home, "apply").args(["it", "n"]).stderr_contains("2 changes left").check();
    let outside = format!("zero\n{BASE}ten\n");
    write(&home.work(), "a", &outside);
    verb(&home, "apply").args(["it", "a"]).stderr_contains("it was changed").status(125).check();
    verb(&home, "apply").args(["it", "--merge"]).stderr_contains("applied all").check();
    assert_eq!(home.scratch().read("work/a"), outside.replace('2', "two"));
    assert_eq!(home.scratch().read("work/n"), "n\nm\n");
}

#[test]
fn it_merges_what_git_merges_and_as_git_does() {
    needs!("git");
    const FILES: usize = 150;
    let home = Home::new();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let base: Vec<String> = (0..30).map(|line| format!("line {line}\n")).collect();
    let theirs_at = home.scratch().dir("work/.theirs");
    let side = |random: &mut Random| {
        let mut lines = base.clone();
        for _ in 0..random.below(4) {
            let at = random.below(lines.len());
            match random.below(3) {
                0 => drop(lines.remove(at)),
                1 => lines[at] = format!("edited {}\n", random.below(3)),
                _ => lines.insert(at, format!("added {}\n", random.below(3))),
            }
        }
        lines.concat()
    };
    let mut ours = Vec::new();
    for number in 0..FILES {
        write(&home.work(), &number.to_string(), base.concat());
        write(&theirs_at, &number.to_string(), side(&mut random));
        ours.push(side(&mut random));
    }
    tried(&home, "for f in [0-9]*; do cat .theirs/$f > $f; done");
    for (number, text) in ours.iter().enumerate() {
        write(&home.work(), &number.to_string(), text);
    }
    let flags = ["it", "--merge", "--skip-conflicts"];
    verb(&home, "apply").args(flags).stderr_any().check();
    let scratch = home.scratch().dir("scratch");
    write(&scratch, "base", base.concat());
    let (mut clean, mut clashing) = (0, 0);
    for (number, ours) in ours.iter().enumerate() {
        write(&scratch, "ours", ours);
        let theirs = theirs_at.join(number.to_string());
        let git = Command::new("git")
            .args(["merge-file", "-p", "ours", "base"])
            .arg(&theirs)
            .current_dir(&scratch)
            .output()
            .unwrap();
        let merged = home.scratch().read(format!("work/{number}"));
        let its = String::from_utf8(git.stdout).unwrap();
        let is_clean = git.status.success();
        let wanted = if is_clean { its } else { ours.clone() };
        assert_eq!(merged, wanted, "{number}: git {is_clean}, theirs {}", theirs.display());
        if is_clean { clean += 1 } else { clashing += 1 }
    }
    assert!(clean > 20 && clashing > 5, "{clean} clean, {clashing} clashing");
}

/// Xorshift (Marsaglia 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}
