//! The flags of the view, one after another: what each shows, and that the later wins.

use std::fs;
use std::os::unix::fs::{FileTypeExt, symlink};

use crate::support::{Bryo, Home};

/// A working directory with `src/f`, `src/sub/g` and `file`.
fn home() -> Home {
    let home = Home::new();
    home.scratch().write("work/src/f", "f\n");
    home.scratch().write("work/src/sub/g", "g\n");
    home.scratch().write("work/file", "file\n");
    home
}

/// Runs a script with these flags; nothing may be left of it in the working directory.
fn run(flags: &[&str], script: &str) -> Bryo {
    Bryo::run().at(&home()).args(flags).shell(script)
}

/// What a refusal says, with `--flag` named at its beginning.
fn refused(flags: &[&str], why: &str) {
    let home = home();
    let before = listing(&home);
    Bryo::run()
        .at(&home)
        .args(flags)
        .shell("echo started")
        .stderr_contains(format!("bryo: error: cannot use `{}`: ", flags[0]))
        .stderr_contains(why)
        .status(125)
        .check();
    assert_eq!(listing(&home), before);
}

fn listing(home: &Home) -> String {
    let list = ["-c", "find . -printf '%p %y %m %s %T@\\n' | sort"];
    Bryo::program("/bin/sh").at(home).args(list).stdout_any().check().text().to_owned()
}

#[test]
fn ro_shows_a_directory_or_a_file() {
    let cannot = "Read-only file system";
    run(&["--ro", "src:/d"], "cat /d/f; cat /d/sub/g").stdout("f\ng\n").check();
    run(&["--ro", "src:/d"], "touch /d/x").stderr_contains(cannot).status(1).check();
    run(&["--ro", "file:/a/b/c"], "cat /a/b/c").stdout("file\n").check();
    run(&["--ro", "file:/c"], "rm -f /c").stderr_contains("annot remove").status(1).check();
    // Where it is: the working directory's own place becomes read-only.
    run(&["--ro", "src"], "cat src/f; touch ok; touch src/x")
        .stdout("f\n")
        .stderr_contains(cannot)
        .status(1)
        .check();
    run(&["--ro", "~/../work/src:~/seen"], "cat ~/seen/f").stdout("f\n").check();
    run(&["--ro", "file:/etc/hosts"], "cat /etc/hosts").stdout("file\n").check();
    run(&["--ro", "file:/usr/bin/env"], "cat /usr/bin/env").stdout("file\n").check();
}

#[test]
fn rw_shows_what_can_be_written() {
    let home = home();
    let outside = home.scratch().write("outside/x", "old\n");
    Bryo::run()
        .at(&home)
        .arg("--rw")
        .arg(home.root().join("outside"))
        .shell(&format!("cat {0}; echo new > {0}", outside.display()))
        .stdout("old\n")
        .check();
    assert_eq!(fs::read_to_string(&outside).unwrap(), "new\n");
    Bryo::run().at(&home).args(["--rw", "file:/f"]).shell("echo changed > /f").check();
    assert_eq!(home.scratch().read("work/file"), "changed\n");
}

#[test]
fn volumes_are_as_docker_users_type_them() {
    run(&["-v", "src:/d"], "cat /d/f; touch /d/x && ls src/x").stdout("f\nsrc/x\n").check();
    run(&["-v", "src:/d:rw"], "touch /d/x && ls src/x").stdout("src/x\n").check();
    run(&["-v", "src:/d:ro"], "touch /d/x").stderr_contains("Read-only").status(1).check();
    run(&["--volume", "src"], "cat src/f").stdout("f\n").check();
    refused(&["--volume", "src:/d:z"], "`z` in `src:/d:z` is not `ro`, `rw` or `overlay`");
}

#[test]
fn the_order_is_the_callers_and_the_later_wins() {
    run(&["--ro", "src", "--tmpfs", "src"], "ls src; touch src/x").check();
    run(&["--tmpfs", "src", "--ro", "src"], "cat src/f").stdout("f\n").check();
    run(&["--ro", "src", "--rw", "src"], "touch src/x; ls src").stdout("f\nsub\nx\n").check();
    run(&["--ro", "src:/d", "--tmpfs", "/d", "--ro", "src:/d"], "cat /d/f").stdout("f\n").check();
    run(&["--hide", "src", "--ro", "src"], "cat src/f").stdout("f\n").check();
    run(&["--file", "/x=1", "--file", "/x=2"], "cat /x").stdout("2").check();
    run(&["--ro", "file:/x", "--file", "/x=2"], "cat /x").stdout("2").check();
    run(&["--file", "/x=1", "--ro", "file:/x"], "cat /x").stdout("file\n").check();
    run(&["--file", "/x=1", "--symlink", "a:/x"], "readlink /x").stdout("a\n").check();
    run(&["--tmpfs", "/t", "--file", "/t/a=1", "--tmpfs", "/t", "--file", "/t/b=2"], "ls /t")
        .stdout("b\n")
        .check();
    // A place inside another stays when the outer one comes first.
    run(&["--tmpfs", "/t", "--ro", "src:/t/d"], "cat /t/d/f; touch /t/x").stdout("f\n").check();
    run(&["--ro", "src:/t/d", "--tmpfs", "/t"], "ls /t").check();
}

#[test]
fn what_is_put_below_a_hidden_place_is_not_lost_in_silence() {
    let flags = ["--file", "/d/a=1", "--hide", "/d", "--file", "/d/b=2"];
    run(&flags, "cat /d/b").stderr_contains("cannot use `--file`").status(125).check();
}

#[test]
fn a_tmpfs_has_its_size_and_mode() {
    run(&["--tmpfs", "/t:size=64K"], "head -c 100000 /dev/zero > /t/a; stat -c %s /t/a")
        .stdout("65536\n")
        .stderr_contains("No space left on device")
        .check();
    run(&["--tmpfs", "/t"], "stat -c '%a %U' /t | sed s/$USER/me/").stdout("755 me\n").check();
    run(&["--tmpfs", "/t:size=1M,mode=1777"], "stat -c %a /t").stdout("1777\n").check();
    run(&["--tmpfs", "/t:mode=700"], "stat -c %a /t; stat -fc %T /t")
        .stdout("700\ntmpfs\n")
        .check();
    run(&["--tmpfs", "/a:b"], "ls -d /a:b").stdout("/a:b\n").check();
    // Away from the working directory, whose files no setuid bit may be left on.
    run(&["--workdir", "/tmp", "--tmpfs", "/t"], "cp /bin/true /t/x && chmod u+s /t/x && /t/x")
        .check();
}

#[test]
fn hidden_is_hidden_for_root_inside_too() {
    run(&["--hide", "src/f"], "cat src/f").stderr_contains("Permission denied").status(1).check();
    run(&["--hide", "src"], "ls src").stderr_contains("Permission denied").status(2).check();
    for flags in [&["--root", "--hide", "src"], &["--root", "--hide", "src/f"]] {
        run(flags, "chmod 777 src src/f; cat src/f; umount src src/f; cat src/f; true")
            .stderr_any()
            .check();
    }
    refused(&["--hide", "nothing"], "nothing is at");
}

#[test]
fn files_are_written_or_copied() {
    run(&["--file", "/x=some text"], "cat /x").stdout("some text").check();
    run(&["--file", "/x="], "wc -c < /x").stdout("0\n").check();
    run(&["--file", "/a/b/x=@file"], "cat /a/b/x").stdout("file\n").check();
    run(&["--file", "~/.npmrc=@file"], "cat ~/.npmrc").stdout("file\n").check();
    // Over what is there: inside it is another, outside it stays.
    let home = home();
    let cover = Bryo::run().at(&home).args(["--file", "src/f=covered"]);
    cover
        .shell("cat src/f; echo x >> src/f")
        .stdout("covered")
        .stderr_contains("src/f")
        .status(2)
        .check();
    assert_eq!(home.scratch().read("work/src/f"), "f\n");
    refused(&["--file", "src/new=x"], "src/new` does not exist, and");
    refused(&["--file", "/x=@missing"], "no such file");
    refused(&["--file", "/x=@src"], "is a directory");
    refused(&["--file", "src=x"], "which is a directory");
}

#[test]
fn symlinks_are_made_where_nothing_of_the_host_is_changed() {
    run(&["--symlink", "/etc/hosts:/h"], "readlink /h; cat /h | head -1")
        .stdout("/etc/hosts\n127.0.0.1 localhost\n")
        .check();
    run(&["--symlink", "a:b:/h"], "readlink /h").stdout("a:b\n").check();
    refused(&["--symlink", "x:src/link"], "is the host's, where nothing is created");
    refused(&["--symlink", "x:/etc"], "`/etc` is in the way");
}

#[test]
fn devices_are_shown_by_name() {
    let is_device = |path: &str| fs::metadata(path).is_ok_and(|m| m.file_type().is_char_device());
    if !is_device("/dev/fuse") {
        skip!("no /dev/fuse");
    }
    run(&["--dev", "fuse"], "stat -c %t:%T /dev/fuse").stdout("a:e5\n").check();
    run(&["--dev", "/dev/fuse"], "test -c /dev/fuse").check();
    run(&[], "ls /dev/fuse 2>/dev/null").status(2).check();
    refused(&["--dev", "nothing"], "`/dev/nothing` is not a device");
    refused(&["--dev", "../etc/passwd"], "is not the name of a device");
}

#[test]
fn a_home_that_lasts() {
    let home = home();
    home.scratch().write("kept/old", "old\n");
    let kept = home.root().join("kept");
    let run = || Bryo::run().at(&home).arg("--home").arg(&kept);
    run()
        .shell("cat ~/old; echo new > ~/new; pwd")
        .stdout(format!("old\n{}\n", home.work().display()))
        .check();
    assert_eq!(home.scratch().read("kept/new"), "new\n");
    Bryo::run().at(&home).args(["--home", "private"]).shell("ls -A ~").check();
    // A project below the home finds its place in it, and nothing else is made there.
    let project = home.scratch().dir("home/a/project");
    run()
        .cwd(&project)
        .shell("touch made; ls ~")
        .stdout("a\nnew\nold\n")
        .leftovers_unjudged()
        .check();
    assert!(project.join("made").exists());
    assert_eq!(fs::read_dir(kept.join("a/project")).unwrap().count(), 0);
    run()
        .args(["--file", "~/.rc=x"])
        .shell("true")
        .stderr_contains(format!("hint: make it first with `touch {}/.rc`", kept.display()))
        .status(125)
        .check();
}

#[test]
fn a_home_that_lasts_is_no_way_to_the_real_one() {
    let home = home();
    symlink(home.home(), home.root().join("link")).unwrap();
    let why = "that is your real home, with every key and token in it";
    for directory in [home.home(), home.root().join("link"), home.root().to_path_buf(), "/".into()]
    {
        Bryo::run()
            .at(&home)
            .arg("--home")
            .arg(directory)
            .shell("echo started")
            .stderr_contains(why)
            .status(125)
            .check();
    }
    refused(&["--home", "missing"], "is not a directory\n\nhint: make it with `mkdir -p ");
    refused(&["--home", "file"], "is not a directory");
    // A link that an earlier run left in it is not followed.
    let kept = home.scratch().dir("kept");
    symlink(home.home(), kept.join("a")).unwrap();
    Bryo::run()
        .at(&home)
        .cwd(home.scratch().dir("home/a/project"))
        .arg("--home")
        .arg(kept)
        .shell("echo started")
        .stderr_contains("is a symbolic link, and nothing is mounted through one")
        .status(125)
        .leftovers_unjudged()
        .check();
}

#[test]
fn a_command_starts_where_it_is_told() {
    run(&["--workdir", "src"], "pwd | tail -c 5; cat f").stdout("/src\nf\n").check();
    run(&["--workdir", "/usr"], "pwd; echo $PWD").stdout("/usr\n/usr\n").check();
    run(&["--workdir", "~"], "test $PWD = $HOME").check();
    run(&["-w", "/tmp"], "pwd; ls -A ..|wc -l >/dev/null").stdout("/tmp\n").check();
    run(&["--workdir", "/nowhere"], "echo started")
        .stderr_contains("cannot start in `/nowhere`: ")
        .stderr_contains("hint: show it to the sandbox with `--rw /nowhere` or `--ro /nowhere`")
        .status(125)
        .check();
    run(&["--workdir", "file"], "echo started")
        .stderr_contains("ot a directory")
        .status(125)
        .check();
}

#[test]
fn a_missing_mount_point_never_changes_the_host() {
    refused(&["--ro", "file:~/../work/src/missing"], "src/missing` does not exist, and `");
    refused(&["--tmpfs", "src/a/b/c"], "hint: make it first with `mkdir -p ");
    refused(&["--ro", "file:/usr/missing"], "hint: make it first with `touch /usr/missing`");
    refused(&["--rw", "src:~/../work/src/sub/new"], "where nothing is created");
    let home = home();
    let before = listing(&home);
    let flags = [
        "--ro",
        "file:/a/b",
        "--tmpfs",
        "/c/d",
        "--symlink",
        "x:/e/f",
        "--ro",
        "src:~/../work/src/sub",
    ];
    Bryo::run().at(&home).args(flags).shell("cat /a/b src/sub/f").stdout("file\nf\n").check();
    assert_eq!(listing(&home), before);
}

#[test]
fn a_destination_that_would_break_the_view_is_refused() {
    for dest in ["/proc", "/proc/self/maps", "/proc/sys", "/../proc/x"] {
        refused(&["--ro", &format!("file:{dest}")], "must be the kernel's own");
        refused(&["--tmpfs", dest], "must be the kernel's own");
    }
    refused(&["--ro", "src:/"], "`/` is what all the rest stands on");
    refused(&["--ro", "src:/usr/bin/env"], "which is a file");
    refused(&["--ro", "file:/usr/bin"], "which is a directory");
    refused(&["--ro", "file:/var/tmp/x"], "`/var/tmp` is a symbolic link");
}

#[test]
fn a_source_that_is_not_there_is_named() {
    refused(&["--ro", "missing"], "missing` does not exist");
    refused(&["--ro", ""], "has an empty path");
    refused(&["--ro", ":/x"], "has an empty path");
    let home = home();
    symlink("nowhere", home.work().join("dangling")).unwrap();
    symlink("loop", home.work().join("loop")).unwrap();
    let run = |source: &str| Bryo::run().at(&home).args(["--ro", source]).shell("echo started");
    run("dangling:/x")
        .stderr_contains("is a link to `nowhere`, which does not exist")
        .status(125)
        .check();
    run("loop:/x").stderr_contains("bryo: error: cannot use `--ro`: `").status(125).check();
    symlink("src", home.work().join("link")).unwrap();
    run("link:/x").stdout("started\n").check();
    if rustix::process::getuid().is_root() {
        return;
    }
    let closed = home.scratch().dir("closed");
    home.scratch().dir("closed/in");
    fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
    run(&format!("{}/in:/x", closed.display()))
        .stderr_contains("you may not look at")
        .status(125)
        .check();
}

#[test]
fn a_socket_or_fifo_can_be_shown_by_name() {
    let home = home();
    let _listener = std::os::unix::net::UnixListener::bind(home.work().join("socket")).unwrap();
    Bryo::run()
        .at(&home)
        .args(["--ro", "socket:/s"])
        .shell("test -S /s && echo yes")
        .stdout("yes\n")
        .check();
}
