//! Layers that were forged, and a host on which something was planted.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use crate::support::Bryo;

use super::{apply, home_with_tree, tried, upper, verb};

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

#[test]
fn a_forged_whiteout_deletes_no_more_than_its_name() {
    let home = home_with_tree();
    tried(&home, "rm a; mkdir -p e");
    fs::rename(upper(&home).join("a"), upper(&home).join("e/a")).unwrap();
    verb(&home, "apply").arg("it").stderr_any().check();
    assert_eq!(home.scratch().read("work/a"), "a\n");
}
