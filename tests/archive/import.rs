//! What becomes of a tar that means well, whoever wrote it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;

use tar_core::EntryType;

use crate::support::{Bryo, Home, place};

use super::written::{directory, entry, file, link, symlink, tar};
use super::{attempt, attempt_over_two, export, exported, import, kept, tar_file, verb};

fn home() -> Home {
    let home = Home::new();
    home.scratch().write("work/a", "a\n");
    home.scratch().write("work/d/b", "b\n");
    home.scratch().write("work/d/e/c", "c\n");
    home.scratch().write("work/only/here", "h\n");
    home
}

/// Everything below the working directory, by its path.
fn show(home: &Home) -> String {
    let find = "find . -printf '%P %y %m %l\\n' | sort; cat $(find . -type f | sort)";
    let told = Command::new("sh").args(["-c", find]).current_dir(home.work()).output().unwrap();
    String::from_utf8_lossy(&told.stdout).into_owned()
}

/// Kept as `in`.
fn imported(home: &Home, bytes: &[u8]) -> Bryo {
    import(home, &["--name", "in"]).arg(tar_file(home, bytes))
}

/// Imported and applied.
fn applied(home: &Home, bytes: &[u8]) {
    imported(home, bytes).stderr_any().check();
    verb(home, "apply").arg("in").stderr_contains("applied all of in").check();
}

#[test]
fn what_was_exported_comes_back() {
    for driver in ["kernel", "fuse"] {
        if driver == "fuse" {
            needs_fuse!();
        }
        let home = home();
        let script = "echo more >> a; rm -r d; mkdir d; echo n > d/n; ln d/n d/m; mkdir -m 0555 r; \
                      ln -s a l; mkfifo f; chmod 0600 only/here";
        attempt(&home, driver, script).check();
        let bytes = exported(&home);
        let shown = verb(&home, "diff").arg("it").stdout_any().check();
        let file = tar_file(&home, &bytes);
        let told = format!(
            "bryo: note: 9 changes in in, over `{}`: 5 added, 2 modified, 2 deleted\n",
            home.work().display()
        );
        import(&home, &["--name", "in"]).arg(&file).stderr_contains(told).check();
        let again = verb(&home, "diff").arg("in").stdout_any().check();
        assert_eq!(shown.text(), again.text());
        let command = format!("bryo changes import {}", file.display());
        verb(&home, "changes").stdout_contains(command).check();
        verb(&home, "discard").arg("it").stderr_any().check();
        verb(&home, "apply").arg("in").stderr_any().check();
        assert_eq!(home.scratch().read("work/d/m"), "n\n");
        let facts = |name: &str| fs::symlink_metadata(home.work().join(name)).unwrap();
        assert_eq!(facts("d/m").ino(), facts("d/n").ino());
        assert!(!home.work().join("d/b").exists() && !home.work().join("d/e").exists());
        assert_eq!(facts("r").permissions().mode() & 0o7777, 0o555);
        fs::set_permissions(home.work().join("r"), fs::Permissions::from_mode(0o755)).unwrap();
        verb(&home, "undo").arg("in").stderr_any().check();
        assert_eq!(home.scratch().read("work/d/e/c"), "c\n");
    }
}

/// As a try there would be written: a mount below makes bryo choose fuse-overlayfs.
fn imported_under(home: &Home, driver: &str, bytes: &[u8]) {
    let file = tar_file(home, bytes);
    let below = if driver == "fuse" { "mount -t tmpfs none d/e && " } else { "" };
    Bryo::program("/usr/bin/unshare")
        .at(home)
        .args(["--user", "--map-root-user", "--mount", "sh", "-c"])
        .arg(format!("{below} exec \"$0\" changes import --name in \"$1\""))
        .arg(place::binary())
        .arg(file)
        .stderr_any()
        .leftovers_unjudged()
        .check();
    assert_eq!(home.scratch().read("data/bryo/changes/in/layers/driver").trim(), driver);
}

#[test]
fn a_command_can_go_on_from_it() {
    needs!("unshare", "mount");
    for driver in ["kernel", "fuse"] {
        if driver == "fuse" {
            needs_fuse!();
        }
        let home = home();
        let bytes = tar([
            file("a", "new\n"),
            file(".wh.only", ""),
            directory("only"),
            file("d/.wh..wh..opq", ""),
            file("d/x", "x\n"),
            file(".wh.gone", ""),
            file("made", ""),
            file(".wh.made", ""),
        ]);
        home.scratch().write("work/gone", "g\n");
        imported_under(&home, driver, &bytes);
        let names = "a\nd/b\nd/e\nd/x\ngone\nmade\nonly/here\n";
        verb(&home, "diff").args(["in", "--name-only"]).stdout(names).check();
        verb(&home, "try")
            .args(["--on", "in", "--keep"])
            .shell("cat a; ls d only; ls; echo y > d/y; rmdir only; echo z > gone")
            .stdout("new\nd:\nx\n\nonly:\na\nd\nmade\nonly\n")
            .stderr_any()
            .check();
        verb(&home, "apply").arg("in").stderr_contains("applied all of in").check();
        let left = "a\nd/x\nd/y\ngone\nmade\n";
        assert_eq!(files(&home), left, "{driver}");
        verb(&home, "undo").arg("in").stderr_any().check();
        assert_eq!(files(&home), "a\nd/b\nd/e/c\ngone\nonly/here\n", "{driver}");
    }
}

fn files(home: &Home) -> String {
    let find = ["-c", "find * -type f | sort"];
    let told = Command::new("sh").args(find).current_dir(home.work()).output().unwrap();
    String::from_utf8(told.stdout).unwrap()
}

/// GNU tar makes a layer with files that are named as image-spec says; gzip packs it.
#[test]
fn a_layer_made_with_gnu_tar() {
    needs!("gzip");
    let script = "mkdir -p layer/d layer/new; cd layer; : > .wh.a; : > d/.wh.b; echo n > new/n; ln new/n new/m; \
                  ln -s ../a new/l; truncate -s 1M new/sparse; echo end >> new/sparse; \
                  tar --sparse --format=FORMAT -czf ../it.tgz .";
    for format in ["gnu", "pax", "ustar", "oldgnu"] {
        let home = home();
        let script = script
            .replace("FORMAT", format)
            .replace("--sparse", if format == "ustar" { "" } else { "--sparse" });
        let made =
            Command::new("sh").args(["-c", &script]).current_dir(home.root()).status().unwrap();
        assert!(made.success());
        import(&home, &["../it.tgz", "--name", "in"]).stderr_contains("7 changes in in").check();
        verb(&home, "apply").arg("in").stderr_any().check();
        assert!(!home.work().join("a").exists() && !home.work().join("d/b").exists());
        assert_eq!(home.scratch().read("work/d/e/c"), "c\n");
        assert_eq!(home.scratch().read("work/new/m"), "n\n");
        let sparse = fs::read(home.work().join("new/sparse")).unwrap();
        assert!(sparse.len() == (1 << 20) + 4 && sparse.ends_with(b"\0end\n"), "{format}");
    }
}

#[test]
fn directories_that_their_modes_close_are_filled_all_the_same() {
    let home = home();
    let bytes = tar([
        directory("r").mode(0o555),
        file("r/x", "x\n"),
        directory("z").mode(0o000),
        directory("z/in").mode(0o500),
        file("z/in/y", "y\n"),
    ]);
    imported(&home, &bytes).stderr_contains("5 changes in in").check();
    verb(&home, "diff").args(["in", "--name-only"]).stdout("r\nr/x\nz\nz/in\nz/in/y\n").check();
    let told = export(&home, &["in"]).stdout_any().stderr_any().check();
    assert_eq!(super::names(&home, &told.stdout), ["r/", "r/x", "z/", "z/in/", "z/in/y"]);
}

#[test]
fn directories_that_the_tar_leaves_out_stay_as_they_are() {
    let home = home();
    fs::set_permissions(home.work().join("d"), fs::Permissions::from_mode(0o2770)).unwrap();
    let bytes = tar([file("d/e/x", "x\n"), file("new/way/y", "y\n")]);
    imported(&home, &bytes).stderr_contains("4 changes in in").check();
    let names = "d/e/x\nnew\nnew/way\nnew/way/y\n";
    verb(&home, "diff").args(["in", "--name-only"]).stdout(names).check();
}

#[test]
fn whiteouts_and_what_comes_after_or_before_them() {
    let home = home();
    // What was deleted and made again hides what was below, in whichever order it is told.
    let bytes = tar([
        file(".wh.d", ""),
        file("d/new", "n\n"),
        directory("only"),
        file("only/x", "x\n"),
        file(".wh.only", ""),
        file("a", "again\n"),
        file(".wh.a", ""),
    ]);
    applied(&home, &bytes);
    let told = show(&home);
    assert!(
        !told.contains("d/b") && !told.contains("d/e") && !told.contains("only/here"),
        "{told}"
    );
    for (path, text) in [("work/d/new", "n\n"), ("work/only/x", "x\n"), ("work/a", "again\n")] {
        assert_eq!(home.scratch().read(path), text);
    }
}

#[test]
fn an_opaque_top_deletes_all_that_is_not_in_the_tar() {
    let home = home();
    let bytes = tar([file("d/x", "x\n"), file(".wh..wh..opq", "")]);
    import(&home, &["--name", "it"]).stdin(bytes.clone()).stderr_any().check();
    // No driver lets the top of a layer hide what is below it.
    let on = verb(&home, "try").args(["--on", "it", "--keep"]);
    on.shell("echo * */*").stdout("d d/x\n").stderr_any().check();
    applied(&home, &bytes);
    let told = show(&home);
    assert_eq!(told.lines().filter(|it| it.contains(' ')).count(), 3, "{told}");
    assert_eq!(home.scratch().read("work/d/x"), "x\n");
}

#[test]
fn a_later_entry_takes_the_place_of_an_earlier_one() {
    let home = home();
    let bytes = tar([
        file("x", "first\n"),
        symlink("y", "/etc"),
        link("z", "x"),
        file("x", "second\n"),
        file("y", "no link\n"),
        directory("d").mode(0o700),
        directory("d").mode(0o711),
    ]);
    applied(&home, &bytes);
    for (path, text) in [("work/x", "second\n"), ("work/y", "no link\n"), ("work/z", "first\n")] {
        assert_eq!(home.scratch().read(path), text);
    }
    let mode = fs::metadata(home.work().join("d")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o711);
}

#[test]
fn over_another_directory_and_under_a_name() {
    let home = home();
    attempt(&home, "kernel", "echo new > n; rm a").check();
    let tar = tar_file(&home, &exported(&home));
    let other = home.scratch().dir("other");
    home.scratch().write("other/a", "other\n");
    import(&home, &["--name", "in", "--onto", "../other"]).arg(&tar).stderr_any().check();
    verb(&home, "apply").arg("in").stderr_any().check();
    assert_eq!(home.scratch().read("other/n"), "new\n");
    assert!(!other.join("a").exists() && home.work().join("a").exists());
    // What it was made for is gone.
    fs::rename(home.work(), home.root().join("moved")).unwrap();
    import(&home, &[])
        .cwd(&other)
        .arg(&tar)
        .status(125)
        .stderr_contains("for which it was made, is not here")
        .stderr_contains("--onto DIR")
        .check();
    import(&home, &["--name", "in"])
        .cwd(&other)
        .args(["--onto", "."])
        .arg(&tar)
        .status(125)
        .stderr_contains("changes called `in` are kept already")
        .check();
    import(&home, &["--name", "../x", "--onto", "."])
        .cwd(&other)
        .arg(&tar)
        .status(125)
        .stderr_contains("is not a name")
        .check();
    assert_eq!(kept(&home).len(), 2);
}

#[test]
fn several_layers_come_back_as_they_were() {
    let home = home();
    attempt_over_two(&home);
    let bytes = exported(&home);
    imported(&home, &bytes).stderr_contains("2 changes in in").check();
    let shown =
        |name| verb(&home, "diff").args([name, "--json"]).stdout_any().check().text().to_owned();
    assert_eq!(shown("it"), shown("in"));
    let again = export(&home, &["in"]).stdout_any().stderr_any().check().stdout;
    assert_eq!(super::names(&home, &again), super::names(&home, &bytes));
}

#[test]
fn stdin_and_what_is_packed() {
    needs!("gzip");
    let home = home();
    let bytes = tar([file("n", "new\n")]);
    import(&home, &["--name", "one"])
        .stdin(bytes.clone())
        .stderr_contains("1 change in one")
        .check();
    import(&home, &["-", "--name", "two"])
        .stdin(bytes.clone())
        .stderr_contains("1 change in two")
        .check();
    tar_file(&home, &bytes);
    let gzip = Command::new("gzip").args(["-k", "../it.tar"]).current_dir(home.work()).status();
    assert!(gzip.unwrap().success());
    import(&home, &["../it.tar.gz", "--name", "three"])
        .stderr_contains("1 change in three")
        .check();
    let mut packed = fs::read(home.root().join("it.tar.gz")).unwrap();
    let last = packed.len() - 6;
    packed[last] ^= 1;
    import(&home, &[]).stdin(packed).status(125).stderr_contains("corrupt").check();
    for (begin, name, hint) in [
        (b"\x28\xb5\x2f\xfd----".as_slice(), "zstd", "`zstdcat it.zst | bryo changes import`"),
        (b"\xfd7zXZ\0--", "xz", "`xzcat it.zst | bryo changes import`"),
        (b"BZh9----", "bzip2", "`bzcat it.zst | bryo changes import`"),
    ] {
        home.scratch().write("work/it.zst", begin);
        import(&home, &["it.zst"])
            .status(125)
            .stderr_contains(format!("cannot import `it.zst`: it is compressed with {name}\n"))
            .stderr_contains(hint)
            .check();
    }
    assert_eq!(kept(&home).len(), 3);
}

#[test]
fn nothing_that_differs_is_told() {
    let home = home();
    let root = [entry(EntryType::Directory, "./").mode(0o700)];
    imported(&home, &tar(root)).stderr_contains("0 changes in in").check();
}
