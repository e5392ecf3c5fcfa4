//! What is in an exported tar, and where it goes.

use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::time::Duration;

use crate::support::{Home, Terminal, place};

use super::{attempt, attempt_as, attempt_over_two, export, exported, names, tar_file};

/// A bit of everything, its times the same each time.
const SCRIPT: &str = r#"
    set -e
    echo more >> changed; rm gone; rm -r dir; mkdir dir; echo new > dir/new
    rm flips; mkdir flips; rm -r filled; echo file > filled
    echo one > one; ln one two; ln -s /etc/passwd link; mkfifo fifo
    echo x > "n
l"; echo y > "$(printf '\377')"
    printf v > attr; setfattr -n user.a -v "b
c" attr
    mkdir -p sub/in; echo z > sub/in/z; mkdir -m 0500 closed; echo s > sgid; chmod 0640 mode
    mkdir -p long/$(printf 'x%.0s' $(seq 200))/$(printf 'y%.0s' $(seq 200))
    find . -depth -exec touch -h -d '2001-02-03 04:05:06.789' {} + 2>/dev/null || true
"#;

fn home() -> Home {
    let home = Home::new();
    for (path, text) in [("changed", "a\n"), ("gone", "b\n"), ("dir/old", "c\n"), ("flips", "d\n")]
    {
        home.scratch().write(format!("work/{path}"), text);
    }
    home.scratch().write("work/filled/f", "e\n");
    home.scratch().write("work/mode", "f\n");
    home.scratch().write("work/same/g", "g\n");
    home
}

fn tried(driver: &str) -> (Home, Vec<u8>) {
    let home = home();
    attempt(&home, driver, SCRIPT).check();
    let bytes = exported(&home);
    (home, bytes)
}

#[test]
fn a_whiteout_for_each_deletion_and_the_rest_as_it_is() {
    let (home, bytes) = tried("kernel");
    let x = "x".repeat(200);
    let long = format!("long/{x}/{}/", "y".repeat(200));
    let wanted = [
        "attr",
        "changed",
        "closed/",
        "dir/",
        "dir/new",
        "dir/.wh.old",
        "fifo",
        "filled",
        "flips/",
        ".wh.gone",
        "link",
        "long/",
        &format!("long/{x}/"),
        &long,
        "mode",
        "n\\nl",
        "one",
        "same/",
        "same/g",
        "sgid",
        "sub/",
        "sub/in/",
        "sub/in/z",
        "two",
        "\\377",
    ];
    assert_eq!(names(&home, &bytes), wanted);
    let told = Command::new("tar").arg("tvvf").arg(tar_file(&home, &bytes)).output().unwrap();
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    for part in [
        "two link to one",
        "link -> /etc/passwd",
        "dr-x------",
        "-rw-r-----",
        "prw-r--r--",
        "0/0               0 1970-01-01 00:00 .wh.gone",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

/// Python has a reader of tars of its own.
#[test]
fn another_reader_sees_times_and_attributes_whole() {
    needs!("python3");
    let (home, bytes) = tried("kernel");
    let script = "import sys, tarfile\n\
        for it in tarfile.open(sys.argv[1]):\n    \
            if it.name in ('attr', '.wh.gone'):\n        \
                print(it.name, it.mtime, it.size, sorted(it.pax_headers.items()))";
    let told =
        Command::new("python3").args(["-c", script]).arg(tar_file(&home, &bytes)).output().unwrap();
    let note = format!("('comment', 'bryo-changes-1 {0} {0}')", home.work().display());
    let wanted = format!(
        ".wh.gone 0 0 [{note}]\nattr 981173106.789 1 \
         [('SCHILY.xattr.user.a', 'b\\nc'), {note}, ('mtime', '981173106.789')]\n"
    );
    let mut lines: Vec<_> =
        String::from_utf8(told.stdout).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines.join("\n") + "\n", wanted, "{}", String::from_utf8_lossy(&told.stderr));
}

#[test]
fn both_drivers_make_the_same_bytes() {
    needs_fuse!();
    let home = home();
    let bytes = ["kernel", "fuse"].map(|driver| {
        attempt_as(&home, driver, driver, &[], SCRIPT).check();
        export(&home, &[driver]).stdout_any().stderr_any().check().stdout
    });
    let differs = bytes[0].iter().zip(&bytes[1]).position(|(one, other)| one != other);
    assert_eq!((differs, bytes[0].len()), (None, bytes[1].len()));
}

#[test]
fn nothing_is_for_a_terminal() {
    let home = home();
    attempt(&home, "kernel", "echo 1 > n").check();
    let program = place::binary().display().to_string();
    let mut terminal = Terminal::spawn(&home, [program.as_str(), "changes", "export", "it"]);
    let soon = Duration::from_secs(10);
    terminal.wait_for("a tar is nothing for a terminal", soon);
    terminal.wait_for("hint: `bryo changes export it it.tar`", soon);
    assert_eq!(terminal.wait(soon), 125);
}

#[test]
fn a_file_or_stdout() {
    let home = home();
    attempt(&home, "kernel", "echo 1 > n").check();
    let bytes = exported(&home);
    let note = "bryo: note: exported 1 change of it\n";
    let same = export(&home, &["it", "-"]).stdout_any().stderr(note).check();
    assert!(same.stdout == bytes);
    export(&home, &["i", "file.tar"]).stderr(note).check();
    assert!(std::fs::read(home.work().join("file.tar")).unwrap() == bytes);
    let missing = "bryo: error: cannot export `it`: cannot write `";
    export(&home, &["it", "no/file.tar"]).status(125).stderr_contains(missing).check();
    export(&home, &["it", "/dev/full"]).status(125).stderr_contains("No space left").check();
    export(&home, &["that"]).status(125).stderr_contains("no changes are called `that`").check();
    export(&home, &[]).status(125).stderr_contains("is missing").check();
}

#[test]
fn names_are_relative_to_what_holds_all_or_to_what_is_asked_for() {
    let home = home();
    attempt_over_two(&home);
    let root = home.root().strip_prefix("/").unwrap().display().to_string();
    let top = format!("{}/", root.split('/').next().unwrap());
    let all = names(&home, &exported(&home));
    assert_eq!(all.first(), Some(&top));
    for name in ["home/other/", "home/other/.wh.b", "work/", "work/n"] {
        assert!(all.contains(&format!("{root}/{name}")), "{name}: {all:?}");
    }
    let from = export(&home, &["it", "--from"]).arg(home.root()).stdout_any().stderr_any().check();
    let all = names(&home, &from.stdout);
    assert_eq!(all, ["home/", "home/other/", "home/other/.wh.b", "work/", "work/n"]);
    export(&home, &["it", "--from", "."]).status(125).stderr_contains("is not in `").check();
}

#[test]
fn holes_take_no_room() {
    let home = home();
    let script = "truncate -s 20G big; printf middle | dd of=big bs=1 seek=7000000000 conv=notrunc \
                  status=none; truncate -s 5G all";
    attempt(&home, "kernel", script).check();
    let bytes = exported(&home);
    assert!(bytes.len() < 100_000, "{}", bytes.len());
    let to = home.scratch().dir("to");
    let file = tar_file(&home, &bytes);
    assert!(Command::new("tar").arg("xf").arg(file).arg("-C").arg(&to).status().unwrap().success());
    let big = std::fs::metadata(to.join("big")).unwrap();
    assert_eq!((big.len(), big.blocks() < 1000), (20 << 30, true));
    assert_eq!(std::fs::metadata(to.join("all")).unwrap().len(), 5 << 30);
    let middle = "dd if=big bs=1 skip=7000000000 count=6 status=none";
    let told = Command::new("sh").args(["-c", middle]).current_dir(&to).output().unwrap();
    assert_eq!(told.stdout, b"middle");
}

#[test]
fn what_no_layer_can_hold_is_named_and_left_out() {
    needs!("python3");
    let home = home();
    let script = "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"sock\")'
                  echo 1 > .wh.n; mkdir .wh.d; echo 2 > .wh.d/a; echo 3 > m";
    attempt(&home, "kernel", script).check();
    let socket = format!(
        "warning: `{}`: not exported: a tar holds no socket\n",
        home.work().join("sock").display()
    );
    let whiteout = format!(
        "warning: `{}`: not exported: in a layer tar, its name means",
        home.work().join(".wh.n").display()
    );
    let told = export(&home, &["it"])
        .stdout_any()
        .stderr_contains(socket)
        .stderr_contains(whiteout)
        .stderr_contains("exported 1 change of it")
        .check();
    assert_eq!(names(&home, &told.stdout), ["m"]);
}

#[test]
fn one_that_is_used_is_left_alone() {
    let home = home();
    attempt(&home, "kernel", "echo 1 > n").check();
    let mut other = super::verb(&home, "try")
        .args(["--on", "it", "--keep"])
        .shell("echo begun; read line")
        .stdin_piped()
        .start();
    other.wait_for("begun");
    export(&home, &["it"]).status(125).stderr_contains("is using them").check();
    other.close_stdin();
    other.finish();
}
