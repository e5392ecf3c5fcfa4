//! A directory tree as the root: shown read-only or writable, and never left by a link in it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::support::{Bryo, Home, Scratch, landlock, program};

const PROGRAMS: [&str; 11] =
    ["sh", "ls", "cat", "id", "mount", "umount", "stat", "touch", "readlink", "whoami", "grep"];

/// A small root file system in `work/r`, or why there is none.
fn home() -> Option<Home> {
    let busybox = program("busybox")?;
    let home = Home::new();
    let root = home.scratch();
    for directory in ["bin", "dev", "proc", "run", "tmp", "root"] {
        root.dir(format!("work/r/{directory}"));
    }
    fs::copy(busybox, root.join("work/r/bin/busybox")).unwrap();
    for name in PROGRAMS {
        symlink("busybox", root.join(format!("work/r/bin/{name}"))).unwrap();
    }
    root.write("work/r/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nowl:x:77:77::/nest:/bin/sh\n");
    root.write("work/r/etc/group", "root:x:0:\nowl:x:77:");
    for file in ["hosts", "hostname", "resolv.conf"] {
        root.write(format!("work/r/etc/{file}"), "of the rootfs\n");
    }
    Some(home)
}

/// The tree is static, so that it needs no libraries of the host.
macro_rules! home_or_skip {
    () => {
        match home() {
            Some(home) => home,
            None => skip!("`busybox` is not installed"),
        }
    };
}

fn run(home: &Home, mode: &str) -> Bryo {
    Bryo::run().at(home).args(["--rootfs", &format!("r:{mode}"), "--ids", "single"])
}

fn content(scratch: &Scratch) -> Vec<(String, String)> {
    let read = |name: &str| (name.to_owned(), scratch.read(format!("work/r/etc/{name}")));
    ["passwd", "group", "hosts", "hostname", "resolv.conf"].map(read).to_vec()
}

#[test]
fn a_tree_is_shown_read_only() {
    let home = home_or_skip!();
    let before = content(home.scratch());
    let script = "ls / | cat; touch /x /etc/x /bin/x 2>/dev/null; touch /tmp/x /run/x && pwd";
    run(&home, "ro").shell(script).stdout("bin\ndev\netc\nproc\nroot\nrun\ntmp\n/\n").check();
    let root = "mount -o remount,rw,bind / 2>/dev/null; umount /etc/hosts 2>/dev/null; touch /x";
    run(&home, "ro").arg("--root").shell(root).stderr_contains("Read-only").status(1).check();
    assert_eq!(content(home.scratch()), before);
    assert!(!home.work().join("r/x").exists());
}

#[test]
fn a_tree_is_shown_writable() {
    let home = home_or_skip!();
    let before = content(home.scratch());
    let script = "echo text > /made; cat /etc/hostname; echo x > /etc/hostname";
    run(&home, "rw").shell(script).stdout("bryo\n").stderr_contains("hostname").status(1).check();
    assert_eq!(home.scratch().read("work/r/made"), "text\n");
    // What bryo writes for the sandbox lies over the tree's own files.
    assert_eq!(content(home.scratch()), before);
}

#[test]
fn the_tree_knows_the_user() {
    let home = home_or_skip!();
    let own = rustix::process::getuid().as_raw().to_string();
    let outcome = run(&home, "ro").shell("id -u; grep -c . /etc/passwd").stdout_any().check();
    assert_eq!(outcome.text(), format!("{own}\n3\n"));
    run(&home, "ro").shell("whoami >/dev/null && id -gn >/dev/null").check();
    run(&home, "ro").arg("--root").shell("whoami; echo $HOME").stdout("root\n/root\n").check();
    let owl = run(&home, "ro").args(["--user", "77"]);
    owl.shell("whoami; id -gn; echo $HOME").stdout("owl\nowl\n/nest\n").check();
}

#[test]
fn nothing_of_the_host_is_in_it() {
    let home = home_or_skip!();
    home.scratch().write("work/secret", "CANARY\n");
    let script = format!("ls -d /usr /home {} 2>/dev/null; pwd", home.work().display());
    run(&home, "ro").shell(&script).stdout("/\n").check();
}

#[test]
fn a_dangling_link_to_run_is_where_a_file_is_written() {
    let home = home_or_skip!();
    let etc = home.work().join("r/etc");
    for (name, target) in [
        ("resolv.conf", "../run/systemd/resolve/stub-resolv.conf"),
        ("hosts", "/run/deep/hosts"),
        ("hostname", "chain"),
    ] {
        fs::remove_file(etc.join(name)).unwrap();
        symlink(target, etc.join(name)).unwrap();
    }
    symlink("/run/name", etc.join("chain")).unwrap();
    // An older Landlock leaves the host's abstract sockets open, which has to be granted.
    let granted: &[&str] = if landlock() < 6 { &["--best-effort"] } else { &[] };
    for mode in ["ro", "rw"] {
        run(&home, mode)
            .args(["--net=host", "--dns", "192.0.2.1"])
            .args(granted)
            .shell("cat /etc/hostname; cat /run/name; grep -c localhost /run/deep/hosts; cat /run/systemd/resolve/stub-resolv.conf")
            .stdout_contains("bryo\nbryo\n2\n")
            .stdout_contains("nameserver 192.0.2.1\n")
            .stderr_any()
            .check();
    }
    assert!(!home.work().join("r/run/name").exists());
}

#[test]
fn links_to_the_places_of_the_host_lead_nowhere() {
    let home = home_or_skip!();
    let secret = home.scratch().write("secret", "CANARY\n");
    let etc = home.work().join("r/etc");
    let up = "../".repeat(20);
    let targets = [
        secret.display().to_string(),
        format!("{up}{}", secret.display()),
        "/proc/self/environ".to_owned(),
        "/proc/1/root/etc/hosts".to_owned(),
        "/dev/null".to_owned(),
        "hosts".to_owned(),
        "/".to_owned(),
    ];
    for target in targets {
        for name in ["hosts", "resolv.conf", "passwd", "group"] {
            let _ = fs::remove_file(etc.join(name));
            symlink(&target, etc.join(name)).unwrap();
        }
        for mode in ["ro", "rw"] {
            let script =
                "cat /etc/hosts /etc/resolv.conf /etc/passwd /etc/group; echo; echo started";
            let outcome = run(&home, mode).shell(script).stdout_any().stderr_any().check();
            assert!(outcome.text().ends_with("started\n"), "{target}: {outcome:?}");
            assert!(!outcome.text().contains("CANARY"), "{target}");
        }
        assert_eq!(fs::read_to_string(&secret).unwrap(), "CANARY\n");
    }
}

#[test]
fn missing_files_are_left_out() {
    let home = home_or_skip!();
    fs::remove_dir_all(home.work().join("r/etc")).unwrap();
    run(&home, "ro").shell("ls / | cat; echo started").stdout_contains("started\n").check();
    assert!(!home.work().join("r/etc").exists());
}

#[test]
fn a_tree_without_the_kernels_places_is_told_how_to_get_them() {
    for name in ["proc", "dev", "tmp", "run"] {
        let home = home_or_skip!();
        let place = home.work().join("r").join(name);
        fs::remove_dir(&place).unwrap();
        let refused = || run(&home, "ro").shell("echo started").status(125);
        refused()
            .stderr_contains(format!("cannot make `/{name}`: `/{name}` does not exist, and `/` is"))
            .stderr_contains(format!("hint: make it first with `mkdir -p {}`", place.display()))
            .check();
        for target in ["/tmp", "/", "bin", &format!("{}/work", home.root().display())] {
            symlink(target, &place).unwrap();
            refused().stderr_contains(format!("`/{name}` is a symbolic link")).check();
            fs::remove_file(&place).unwrap();
        }
        fs::write(&place, "").unwrap();
        refused().stderr_contains(format!("a directory cannot cover `/{name}`")).check();
    }
}

#[test]
fn a_destination_through_a_link_of_the_tree_is_refused() {
    let home = home_or_skip!();
    let target = home.scratch().dir("target");
    symlink(&target, home.work().join("r/link")).unwrap();
    symlink("/tmp", home.work().join("r/inner")).unwrap();
    home.scratch().write("work/file", "x\n");
    for link in ["link", "inner"] {
        for (flag, value) in [
            ("--ro", format!("file:/{link}/f")),
            ("--ro", format!("file:/{link}")),
            ("--tmpfs", format!("/{link}")),
            ("--tmpfs", format!("/{link}/d")),
            ("--file", format!("/{link}/f=text")),
            ("--symlink", format!("x:/{link}/f")),
        ] {
            run(&home, "rw")
                .args([flag, &value])
                .shell("echo started")
                .stderr_contains(format!("`/{link}` is a symbolic link, and nothing is mounted"))
                .status(125)
                .check();
        }
    }
    assert_eq!(fs::read_dir(target).unwrap().count(), 0);
}

#[test]
fn flags_of_the_view_work_in_a_tree() {
    let home = home_or_skip!();
    home.scratch().write("work/file", "x\n");
    run(&home, "ro")
        .args(["--ro", "file:/tmp/f", "--tmpfs", "/root", "--hide", "/bin/busybox.none"])
        .shell("true")
        .stderr_contains("cannot use `--hide`")
        .status(125)
        .check();
    run(&home, "ro")
        .args(["--ro", "file:/tmp/f", "--tmpfs", "/root", "--workdir", "/tmp"])
        .shell("cat f; touch /root/x; pwd")
        .stdout("x\n/tmp\n")
        .check();
    let kept = home.scratch().dir("kept");
    run(&home, "ro").arg("--root").arg("--home").arg(&kept).shell("touch ~/x").check();
    assert!(kept.join("x").exists());
    run(&home, "ro")
        .args(["--ro", "file:/new"])
        .shell("true")
        .stderr_contains(format!(
            "hint: make it first with `touch {}/r/new`",
            home.work().display()
        ))
        .status(125)
        .check();
}

#[test]
fn what_is_no_tree_is_refused() {
    let home = home_or_skip!();
    symlink("nowhere", home.work().join("dangling")).unwrap();
    for (value, why) in [
        ("missing", "missing` does not exist"),
        ("r/etc/passwd", "is not a directory"),
        ("dangling:ro", "is not a directory"),
        ("/", "`/` is the host itself"),
        (":ro", "has an empty path"),
    ] {
        Bryo::run()
            .at(&home)
            .args(["--rootfs", value])
            .shell("echo started")
            .stderr_contains("bryo: error: cannot use `--rootfs`: ")
            .stderr_contains(why)
            .status(125)
            .check();
    }
    let relative = run(&home, "ro").args(["--workdir", "tmp"]).shell("echo started");
    relative.stderr_contains("with `--rootfs`, paths inside begin at its `/`").status(125).check();
    run(&home, "ro")
        .command(["nothing"])
        .stderr_contains("cannot find `nothing`")
        .status(127)
        .check();
    assert!(Path::new("/etc/passwd").exists());
}

#[test]
fn a_fifo_for_an_account_file_hangs_nothing() {
    let home = home_or_skip!();
    let passwd = home.work().join("r/etc/passwd");
    fs::remove_file(&passwd).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o644);
    rustix::fs::mknodat(rustix::fs::CWD, &passwd, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    run(&home, "ro").shell("echo started").stdout("started\n").check();
}
