//! Layers that were forged, and a host on which something was planted.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use crate::support::{Bryo, Home};

use super::{apply, home_with_tree, store, tried, upper, verb};

#[test]
fn a_link_in_the_place_of_a_directory_is_not_followed() {
    let home = home_with_tree();
    let victim = home.scratch().dir("victim");
    fs::write(victim.join("b"), "precious\n").unwrap();
    tried(&home, "echo x >> d/b; echo n > d/n");
    fs::remove_dir_all(home.work().join("d")).unwrap();
    symlink(&victim, home.work().join("d")).unwrap();
    for flags in [[].as_slice(), &["--force"], &["--skip-conflicts"]] {
        let _ = verb(&home, "apply").arg("it").args(flags).start().finish();
        assert_eq!(fs::read_to_string(victim.join("b")).unwrap(), "precious\n");
        assert!(!victim.join("n").exists());
    }
}

#[test]
fn what_is_forged_in_a_layer_is_refused_or_made_harmless() {
    needs!("mkfifo", "setfattr", "getfattr");
    let home = home_with_tree();
    tried(&home, "echo x > plain");
    let upper = upper(&home);
    let armed = home.scratch().script("armed", "#!/bin/sh\n");
    fs::rename(armed, upper.join("armed")).unwrap();
    fs::set_permissions(upper.join("armed"), fs::Permissions::from_mode(0o6755)).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(upper.join("socket")).unwrap();
    let tool = |program: &str, words: &[&str]| {
        let status =
            std::process::Command::new(program).args(words).current_dir(&upper).status().unwrap();
        assert!(status.success(), "{program} {words:?}");
    };
    tool("mkfifo", &["fifo"]);
    tool("setfattr", &["-n", "user.overlay.redirect", "-v", "/etc/passwd", "plain"]);
    tool("setfattr", &["-n", "user.overlay.metacopy", "-v", "", "plain"]);
    for name in ["-rf", "new\nline", "\u{1b}[31mred", &"n".repeat(255)] {
        fs::write(upper.join(name), "odd\n").unwrap();
    }
    verb(&home, "apply")
        .arg("it")
        .stderr_contains("fifo` is not applied")
        .stderr_contains("socket` is not applied")
        .stderr_contains("armed` is applied without its set-user-id")
        .stderr_lacks("\u{1b}")
        .check();
    let mode = fs::metadata(home.work().join("armed")).unwrap().mode();
    assert_eq!(mode & 0o7777, 0o755);
    assert!(!home.work().join("fifo").exists() && !home.work().join("socket").exists());
    for name in ["-rf", "new\nline", "\u{1b}[31mred", &"n".repeat(255)] {
        assert_eq!(fs::read_to_string(home.work().join(name)).unwrap(), "odd\n", "{name:?}");
    }
    Bryo::program("/usr/bin/getfattr")
        .at(&home)
        .args(["-d", "-m", "-", "plain"])
        .leftovers_unjudged()
        .check();
}

#[test]
fn a_hard_link_out_of_the_layer_is_broken() {
    let home = home_with_tree();
    let secret = home.scratch().write("secret", "precious\n");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    tried(&home, "echo x > one; ln one two");
    fs::hard_link(&secret, upper(&home).join("linked")).unwrap();
    apply(&home);
    fs::write(home.work().join("linked"), "overwritten\n").unwrap();
    assert_eq!(fs::read_to_string(&secret).unwrap(), "precious\n");
    let inode = |name: &str| fs::metadata(home.work().join(name)).unwrap().ino();
    assert_eq!(inode("one"), inode("two"));
}

/// A descriptor of an overlay's file is one of the layer's, whoever holds it.
#[test]
fn what_somebody_can_still_write_to_is_not_applied() {
    needs!("python3");
    let home = home_with_tree();
    let shared = home.scratch().dir("shared");
    let take = "import socket, time; s = socket.socket(socket.AF_UNIX); s.bind('s'); s.listen(); \
                c = s.accept()[0]; f = socket.recv_fds(c, 1, 1); c.send(b'!'); time.sleep(600)";
    let mut friend = std::process::Command::new("python3")
        .args(["-c", take])
        .current_dir(&shared)
        .spawn()
        .unwrap();
    let pass = "import socket, os, sys, time\nf = open('a', 'r+'); f.write('harmless')\nf.flush()\n\
                while not os.path.exists(sys.argv[1]): time.sleep(0.01)\n\
                c = socket.socket(socket.AF_UNIX)\n\
                while c.connect_ex(sys.argv[1]): time.sleep(0.01)\n\
                socket.send_fds(c, [b'.'], [f.fileno()]); c.recv(1)";
    let socket = shared.join("s").display().to_string();
    let shown = shared.display().to_string();
    let tried = Bryo::verb("try")
        .at(&home)
        .args(["--name", "it", "--keep", "--overlay-driver", "kernel", "--rw", &shown])
        .command(["python3", "-c", pass, &socket])
        .leftovers_unjudged()
        .start()
        .finish();
    let refused = verb(&home, "apply").arg("it").start().finish();
    let there = home.scratch().read("work/a");
    friend.kill().unwrap();
    friend.wait().unwrap();
    assert_eq!(tried.status, 0, "{}", tried.talk());
    assert!(
        refused.talk().contains("another program has it open for writing"),
        "{}",
        refused.talk()
    );
    assert_eq!((refused.status, there.as_str()), (125, "a\n"));
    verb(&home, "apply").args(["it", "--resume"]).stderr_any().check();
    assert_eq!(home.scratch().read("work/a"), "harmless");
}

#[test]
fn a_forged_whiteout_deletes_no_more_than_its_name() {
    let home = home_with_tree();
    tried(&home, "rm a; mkdir -p e");
    fs::rename(upper(&home).join("a"), upper(&home).join("e/a")).unwrap();
    verb(&home, "apply").arg("it").stderr_any().check();
    assert_eq!(home.scratch().read("work/a"), "a\n");
}

fn forged_by_the_command(driver: &str) -> Option<Home> {
    let home = home_with_tree();
    let run = Bryo::verb("try")
        .at(&home)
        .args(["--name", "it", "--overlay-driver", driver])
        .shell(
            "touch .wh.a .wh. .wh.. .wh... d/.wh.b d/.wh..wh..opq 2>/dev/null; mkfifo pipe; \
             mknod null c 1 3 2>/dev/null; mknod gone c 0 0 2>/dev/null; for note in \
             overlay.opaque overlay.whiteout overlay.redirect overlay.metacopy \
             fuseoverlayfs.opaque fuseoverlayfs.origin; do for name in a d; do \
             setfattr -n user.$note -v y $name 2>/dev/null; done; done; setfattr -n user.own -v y a; \
             true",
        )
        .leftovers_unjudged()
        .start()
        .finish();
    if run.status != 0 {
        crate::support::report_skip(&format!("no try under {driver}: {}", run.talk()));
        return None;
    }
    Some(home)
}

/// To the kernel's overlay a name `.wh.a` is a name, and it keeps its own notes out of reach.
#[test]
fn notes_that_a_command_forges_under_the_kernel_mean_nothing() {
    needs!("mkfifo", "setfattr", "getfattr");
    let Some(home) = forged_by_the_command("kernel") else { return };
    verb(&home, "diff").args(["it", "--name-only"]).stdout_lacks("d/b").stdout_any().check();
    verb(&home, "apply").arg("it").stderr_contains("pipe` is not applied").stderr_any().check();
    for (path, content) in [("a", "a\n"), ("d/b", "b\n"), (".wh.a", ""), ("d/.wh.b", "")] {
        assert_eq!(fs::read_to_string(home.work().join(path)).unwrap(), content, "{path}");
    }
    for path in ["a", "d"] {
        Bryo::program("/usr/bin/getfattr")
            .at(&home)
            .args(["-d", "-m", "user", path])
            .stdout_lacks("overlay")
            .stdout_any()
            .leftovers_unjudged()
            .check();
    }
    assert!(!home.work().join("null").exists() && !home.work().join("pipe").exists());
}

/// fuse-overlayfs refuses the names, and lets through a note that it would believe itself: what an
/// apply does of it, the diff has shown.
#[test]
fn notes_that_a_command_forges_under_fuse_do_no_more_than_the_diff_shows() {
    needs!("mkfifo", "setfattr", "getfattr");
    needs_fuse!();
    let Some(home) = forged_by_the_command("fuse") else { return };
    let shown = verb(&home, "diff").args(["it", "--name-only"]).stdout_any().check();
    verb(&home, "apply").arg("it").stderr_any().check();
    for (path, content) in [("a", "a\n"), ("d/b", "b\n")] {
        let is_shown = shown.text().lines().any(|line| line == path);
        let there = fs::read_to_string(home.work().join(path)).ok();
        assert!(is_shown || there.as_deref() == Some(content), "{path}: {there:?}");
    }
    Bryo::program("/usr/bin/getfattr")
        .at(&home)
        .args(["-d", "-m", "user", "a"])
        .stdout_lacks("overlay")
        .stdout_any()
        .leftovers_unjudged()
        .check();
    assert!(!home.work().join("null").exists() && !home.work().join("pipe").exists());
}

/// In a layer of either driver, edited by hand.
#[test]
fn notes_that_lead_out_of_the_tree_mean_nothing() {
    for driver in ["kernel", "fuse"] {
        let home = home_with_tree();
        let beside = home.scratch().write("beside", "precious\n");
        tried(&home, "echo x > n; mkdir e");
        fs::write(store(&home).join("layers/driver"), driver).unwrap();
        for name in [".wh.", ".wh..", ".wh...", "e/.wh..", "e/.wh...", ".wh..wh.a"] {
            fs::write(upper(&home).join(name), "").unwrap();
        }
        // No note can bear a name that is longer still.
        let long = "n".repeat(255);
        fs::write(upper(&home).join(&long), "").unwrap();
        verb(&home, "discard").args(["it", &long]).stderr_contains("discarded 1 change").check();
        verb(&home, "apply").arg("it").stderr_any().check();
        assert_eq!(home.scratch().read("work/n"), "x\n", "{driver}");
        assert_eq!(home.scratch().read("work/a"), "a\n", "{driver}");
        assert_eq!(home.scratch().read("work/d/b"), "b\n", "{driver}");
        assert_eq!(fs::read_to_string(&beside).unwrap(), "precious\n", "{driver}");
    }
}

/// A name beside the deletion of another that means the same to the other driver.
#[test]
fn a_part_takes_no_name_that_only_looks_like_a_note() {
    let home = home_with_tree();
    tried(&home, "rm a d/b; echo precious > .wh.a; echo precious > d/.wh.b");
    verb(&home, "apply").args(["it", "a"]).stderr_contains("3 changes left").stderr_any().check();
    verb(&home, "discard").args(["it", "d/b"]).stderr_contains("discarded 1 change").check();
    apply(&home);
    for name in [".wh.a", "d/.wh.b"] {
        assert_eq!(fs::read_to_string(home.work().join(name)).unwrap(), "precious\n");
    }
    assert!(!home.work().join("a").exists() && home.work().join("d/b").exists());
}

/// Names of every kind that is odd, new, changed, removed, and as directories.
#[test]
fn odd_names_are_names() {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let home = Home::new();
    let names: Vec<std::ffi::OsString> = [
        b"-rf".as_slice(),
        b"--",
        b"new\nline",
        b"\x1b[2Jred",
        b"\xff\xfe",
        b"back\\slash",
        b" ",
        b"%2e%2e",
        b"$(touch x)",
        b"tab\there",
        &[b'n'; 255],
        "\u{202e}gnp".as_bytes(),
    ]
    .iter()
    .map(|name| std::ffi::OsString::from_vec(name.to_vec()))
    .collect();
    for (number, name) in names.iter().enumerate() {
        match number % 3 {
            0 => fs::write(home.work().join(name), "old\n").unwrap(),
            1 => fs::create_dir(home.work().join(name)).unwrap(),
            _ => {}
        }
    }
    let script = "import os, sys\nfor name in map(os.fsencode, sys.argv[1:]):\n \
                  if os.path.isdir(name): open(name + b'/in', 'w').write('in')\n \
                  elif os.path.exists(name): open(name, 'a').write('new')\n \
                  else: os.mkdir(name); os.mkdir(name + b'/' + name[:200])";
    Bryo::verb("try")
        .at(&home)
        .args(["--name", "it"])
        .command(["python3", "-c", script])
        .args(&names)
        .stderr_any()
        .leftovers_unjudged()
        .check();
    for words in [&["diff", "it"][..], &["diff", "it", "--stat"], &["apply", "it", "--dry-run"]] {
        let said = verb(&home, words[0]).args(&words[1..]).stdout_any().stderr_any().check();
        assert!(!said.stdout.contains(&0x1b), "{words:?}");
        assert!(!said.stdout.windows(3).any(|it| it == "\u{202e}".as_bytes()), "{words:?}");
    }
    apply(&home);
    for (number, name) in names.iter().enumerate() {
        let path = home.work().join(name);
        match number % 3 {
            0 => assert_eq!(fs::read_to_string(path).unwrap(), "old\nnew", "{name:?}"),
            1 => assert_eq!(fs::read_to_string(path.join("in")).unwrap(), "in", "{name:?}"),
            _ => {
                let inner = std::ffi::OsStr::from_bytes(&name.as_bytes()[..name.len().min(200)]);
                assert!(path.join(inner).is_dir(), "{name:?}");
            }
        }
    }
    super::undo(&home);
    for (number, name) in names.iter().enumerate() {
        let path = home.work().join(name);
        match number % 3 {
            0 => assert_eq!(fs::read_to_string(path).unwrap(), "old\n", "{name:?}"),
            1 => assert_eq!(fs::read_dir(path).unwrap().count(), 0, "{name:?}"),
            _ => assert!(!path.exists(), "{name:?}"),
        }
    }
}
