//! Why an apply is not begun, and what helps; why it was cut short, and what goes on with it.

use std::fs;

use crate::support::{Bryo, Home, place};

use super::{home_with_tree, injected, tried, undo, verb};

/// An apply after that was done to the tree by somebody with the right to mount; what it said.
/// `None`: nobody has the right here.
fn after_mount(home: &Home, mount: &str) -> Option<(i32, String)> {
    let outcome = Bryo::program("/usr/bin/unshare")
        .at(home)
        .args(["--user", "--map-current-user", "--keep-caps", "--mount", "sh", "-c"])
        .arg(format!("{mount} || exit 99; exec \"$0\" apply it"))
        .arg(place::binary())
        .leftovers_unjudged()
        .start()
        .finish();
    let cannot = outcome.status == 99 || outcome.talk().contains("unshare failed");
    (!cannot).then(|| (outcome.status, outcome.talk().to_owned()))
}

#[test]
fn a_read_only_filesystem_is_told_before_anything_is_touched() {
    let home = home_with_tree();
    tried(&home, "echo x > d/n; echo y > other");
    let d = home.work().join("d").display().to_string();
    let mount = format!("mount --bind {d} {d} && mount -o remount,bind,ro {d}");
    let Some((status, talk)) = after_mount(&home, &mount) else {
        skip!("no bind mount in a user namespace")
    };
    assert_eq!(status, 125, "{talk}");
    let said = format!("you may not write to `{d}`: its filesystem is mounted read-only\n");
    assert!(talk.contains(&said), "{talk}");
    let hint = format!("hint: nothing was touched; `mount -o remount,rw {d}` helps");
    assert!(talk.contains(&hint), "{talk}");
    assert!(!home.work().join("other").exists());
}

/// It would move into the store with the directory, and be in the way of a discard.
#[test]
fn what_is_mounted_in_a_directory_that_goes_is_a_conflict() {
    for at in ["d", "d/m"] {
        let home = home_with_tree();
        let (old, at) = (home.work().join("old"), home.work().join(at));
        fs::create_dir(&old).unwrap();
        fs::create_dir_all(&at).unwrap();
        tried(&home, "rm -r d");
        let mount = format!("mount --bind {} {}", old.display(), at.display());
        let Some((status, talk)) = after_mount(&home, &mount) else {
            skip!("no bind mount in a user namespace")
        };
        assert_eq!(status, 125, "{talk}");
        assert!(talk.contains("something in it was changed outside"), "{talk}");
        super::apply(&home);
    }
}

#[test]
fn a_disk_that_is_too_small_is_told_before_anything_is_touched() {
    let home = home_with_tree();
    tried(&home, "head -c 3000000 /dev/zero | tr '\\0' x > big; echo n > n");
    let work = home.work().display().to_string();
    let mount = format!("mount -t tmpfs -o size=1m none {work}");
    let Some((status, talk)) = after_mount(&home, &mount) else {
        skip!("no tmpfs in a user namespace")
    };
    assert_eq!(status, 125, "{talk}");
    assert!(talk.contains(&format!("the disk of `{work}` has 1048576 bytes left")), "{talk}");
    assert!(talk.contains("hint: nothing was touched; make room"), "{talk}");
}

#[test]
fn an_error_in_the_midst_says_what_to_type() {
    needs!("strace");
    for (errno, helps) in [
        (
            "ENOSPC",
            "make room; then `bryo apply --resume it` goes on, or `bryo undo it` takes it back",
        ),
        ("EIO", "no file was left by halves: `bryo apply --resume it` goes on"),
        ("EACCES", "give yourself the right to it; then `bryo apply --resume it` goes on"),
    ] {
        let home = home_with_tree();
        tried(&home, "echo x >> a; echo y > other");
        let faulty = |verb: &str, errno: &str| {
            let fault = format!("renameat2:error={errno}:when=2");
            let run = injected(&home, &fault, &[verb, "it"]).start().finish();
            assert_eq!(run.status, 125);
            run.talk().to_owned()
        };
        let talk = faulty("apply", errno);
        assert!(talk.contains(helps), "{talk}");
        assert!(talk.contains("cannot change `"), "{talk}");
        verb(&home, "apply")
            .arg("it")
            .stderr_contains("`bryo apply --resume it`")
            .status(125)
            .check();
        verb(&home, "apply").args(["it", "--resume"]).stderr_contains("applied all").check();
        let talk = faulty("undo", errno);
        assert!(talk.contains("`bryo undo it` goes on"), "{talk}");
        undo(&home);
        assert_eq!(home.scratch().read("work/a"), "a\n");
    }
}

#[test]
fn a_file_of_another_id_becomes_the_users_or_is_told() {
    needs!("newuidmap");
    for (mode, is_applied) in [("644", true), ("600", false)] {
        let home = home_with_tree();
        Bryo::verb("try")
            .at(&home)
            .args(["--name", "it", "--root", "--ids", "subids"])
            .shell(&format!("echo x > theirs; chmod {mode} theirs; chown 5:5 theirs; echo y > own"))
            .stderr_any()
            .leftovers_unjudged()
            .check();
        if is_applied {
            verb(&home, "apply").arg("it").stderr_contains("applied all").check();
            let file = home.work().join("theirs");
            assert_eq!(fs::read_to_string(&file).unwrap(), "x\n");
            let owner = |path| std::os::unix::fs::MetadataExt::uid(&fs::metadata(path).unwrap());
            assert_eq!(owner(file), owner(home.work()));
        } else {
            verb(&home, "apply")
                .arg("it")
                .stderr_contains("theirs`: the sandbox gave it to a subordinate id")
                .stderr_contains("hint: nothing was touched; `--exclude GLOB` leaves a part out")
                .status(125)
                .check();
            assert!(!home.work().join("own").exists());
            verb(&home, "apply")
                .args(["it", "--exclude", "theirs"])
                .stderr_contains("1 change left")
                .check();
        }
        verb(&home, "discard").arg("it").stderr_any().check();
    }
}

#[test]
fn a_directory_that_another_id_has_closed_keeps_nothing_else_back() {
    needs!("newuidmap");
    let home = home_with_tree();
    let script = "mkdir shut; echo x > shut/x; chown -R 5:5 shut; chmod 700 shut; echo y > own; \
                  rm -r d; mkdir d; echo n > d/n; chown 5 d";
    Bryo::verb("try")
        .at(&home)
        .args(["--name", "it", "--root", "--ids", "subids"])
        .shell(script)
        .stderr_contains("5 changes in it")
        .leftovers_unjudged()
        .check();
    verb(&home, "diff").args(["it", "--name-only"]).stdout("d\nd/b\nd/n\nown\nshut\n").check();
    verb(&home, "apply")
        .arg("it")
        .stderr_contains("shut`: the sandbox gave it to a subordinate id")
        .stderr_contains("work/d`: the sandbox gave it to a subordinate id")
        .status(125)
        .check();
    let rest = ["it", "--exclude", "shut", "--exclude", "d"];
    verb(&home, "apply").args(rest).stderr_contains("applied a part").check();
    assert_eq!(home.scratch().read("work/own"), "y\n");
}

#[test]
fn a_directory_that_is_not_there_any_more_is_told_before_anything_is_begun() {
    let home = home_with_tree();
    super::tried_in(&home, home.work().join("d"), "echo n > n");
    fs::rename(home.work().join("d"), home.work().join("e")).unwrap();
    verb(&home, "apply")
        .arg("it")
        .stderr_contains("cannot reach the directory that the changes lie over")
        .stderr_contains(format!("hint: `mkdir -p {}`", home.work().join("d").display()))
        .status(125)
        .check();
    fs::rename(home.work().join("e"), home.work().join("d")).unwrap();
    super::apply(&home);
    assert_eq!(home.scratch().read("work/d/n"), "n\n");
}
