//! What a command sees and may write when nothing was asked for.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;

use crate::support::{Bryo, Home, Scratch};

/// Every file below a directory, with its content.
fn tree(directory: &Path) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        let kind = entry.file_type().unwrap();
        let content =
            if kind.is_file() { fs::read_to_string(&path).unwrap() } else { String::new() };
        all.push((path.display().to_string(), content));
        if kind.is_dir() {
            all.extend(tree(&path));
        }
    }
    all.sort();
    all
}

#[test]
fn the_home_is_empty_private_and_gone_afterwards() {
    let home = Home::new();
    for name in [".ssh/id_ed25519", ".bash_history", ".netrc", ".config/gh/hosts.yml", ".bashrc"] {
        home.scratch().write(format!("home/{name}"), "CANARY\n");
    }
    let before = tree(&home.home());
    Bryo::run()
        .at(&home)
        .shell("cd; ls -A; stat -c %a .; echo x > .bashrc; mkdir .ssh; echo x > .ssh/id_ed25519; ls -A")
        .stdout("700\n.bashrc\n.ssh\n")
        .check();
    assert_eq!(tree(&home.home()), before);
}

#[test]
fn a_project_below_the_home_shows_nothing_beside_it() {
    let home = Home::new();
    home.scratch().write("home/.ssh/id", "CANARY\n");
    home.scratch().write("home/other/file", "CANARY\n");
    let project = home.scratch().dir("home/work/project");
    Bryo::run()
        .at(&home)
        .cwd(&project)
        .shell("pwd; cd; find . | sort; grep -rs CANARY . ..; echo x > work/project/made")
        .stdout(format!("{}\n.\n./work\n./work/project\n", project.display()))
        .leftovers_unjudged()
        .check();
    assert_eq!(home.scratch().read("home/work/project/made"), "x\n");
}

#[test]
fn toolchains_of_the_home_are_there_and_read_only_and_their_secrets_are_not() {
    let home = Home::new();
    let scratch = home.scratch();
    scratch.script("home/.cargo/bin/tool", "#!/bin/sh\necho ran\n");
    scratch.write("home/.cargo/credentials.toml", "CANARY\n");
    scratch.write("home/.local/share/keyrings/login", "CANARY\n");
    let path = format!("{}/.cargo/bin:/usr/bin:/bin", home.home().display());
    Bryo::run()
        .at(&home)
        .env("PATH", path)
        .shell("tool; grep -rs CANARY ~; touch ~/.cargo/bin/x")
        .stdout("ran\n")
        .stderr_contains("Read-only file system")
        .status(1)
        .check();
}

#[test]
fn places_that_programs_share_are_private() {
    let canary = format!("bryo-canary-{}", std::process::id());
    let mut made = Vec::new();
    for place in ["/tmp", "/var/tmp", "/dev/shm"] {
        let path = Path::new(place).join(&canary);
        fs::write(&path, "CANARY\n").unwrap();
        made.push(path);
    }
    let script = format!(
        "for place in /tmp /var/tmp /dev/shm; do
            grep -s CANARY $place/{canary} && echo seen $place
            echo inside > $place/{canary} && stat -fc %T $place/
        done"
    );
    let outcome = Bryo::run().shell(&script).stdout_any().stderr_any().check();
    for path in made {
        assert_eq!(fs::read_to_string(&path).unwrap(), "CANARY\n");
        fs::remove_file(path).unwrap();
    }
    assert_eq!((outcome.text(), outcome.talk()), ("tmpfs\ntmpfs\ntmpfs\n", ""));
}

#[test]
fn places_of_the_system_that_hold_state_are_not_there() {
    let script = "for place in /run /var /srv /mnt /media /root /sys /boot /home; do
        find $place -type f -o -type s 2>/dev/null | head -1
    done; ls /run /var; ls -d /srv /mnt /media /root /sys /boot /etc/shadow /etc/ssh 2>/dev/null";
    let outcome = Bryo::run().shell(script).stdout("/run:\n\n/var:\ntmp\n").status(2).check();
    assert_eq!(outcome.talk(), "");
}

#[test]
fn sockets_of_the_session_are_out_of_reach() {
    needs!("python3");
    let home = Home::new();
    let socket = home.runtime().join("agent.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    let connect = format!(
        "import socket; s = socket.socket(socket.AF_UNIX); s.connect('{}'); print('reached')",
        socket.display()
    );
    let python =
        |words: [&str; 2]| ["python3".to_owned(), words[0].to_owned(), words[1].to_owned()];
    Bryo::program("/usr/bin/env").args(python(["-c", &connect])).stdout("reached\n").check();
    Bryo::run()
        .at(&home)
        .env("SSH_AUTH_SOCK", &socket)
        .command(python(["-c", &connect]))
        .stderr_contains("FileNotFoundError")
        .status(1)
        .check();
}

#[test]
fn the_system_is_read_only_for_root_inside_too() {
    for flags in [&[][..], &["--root"][..]] {
        let script = "for file in /usr/x /usr/bin/x /etc/x /x /dev/x /opt/x /run/x /var/x; do
                touch $file 2>/dev/null && echo wrote $file
            done
            findmnt -rno TARGET,OPTIONS -t ext4,xfs,btrfs,overlay | grep -v ' ro,'; true";
        let outcome = Bryo::run().args(flags).shell(script).stdout_any().check();
        // The working directory is the one writable mount of the host.
        assert!(outcome.text().lines().all(|line| line.contains("/work ")), "{}", outcome.text());
    }
}

#[test]
fn the_working_directory_is_writable_and_where_it_starts() {
    let home = Home::new();
    home.scratch().write("work/old", "old\n");
    let work = home.work();
    Bryo::run()
        .at(&home)
        .shell("pwd; echo $PWD; cat old; echo new > new; mkdir -p a/b; mv old a/b")
        .stdout(format!("{0}\n{0}\nold\n", work.display()))
        .check();
    assert_eq!(home.scratch().read("work/new"), "new\n");
    assert_eq!(home.scratch().read("work/a/b/old"), "old\n");
}

#[test]
fn names_of_any_bytes_work() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let home = Home::new();
    for name in [&b"a b"[..], b"a:b", b"a\nb", b"\xff\xfe", b"~", b"-v", b"a,b=c", b"a\\040b"] {
        let directory = home.work().join(OsStr::from_bytes(name));
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("f"), "text\n").unwrap();
        let script = "cat f; pwd | tail -c 3 | od -An -tx1 | tr -d ' \\n'";
        let outcome = Bryo::run().at(&home).cwd(&directory).shell(script).stdout_any().check();
        let tail = [name, b"\n"].concat();
        let hex: String = [&b"/"[..], &tail]
            .concat()
            .iter()
            .rev()
            .take(3)
            .rev()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert_eq!(outcome.text(), format!("text\n{hex}"), "{name:?}");
        // As the source and the place of a bind, too.
        let mut flag = directory.into_os_string();
        flag.push("/f:/shown");
        Bryo::run().at(&home).arg("--ro").arg(&flag).shell("cat /shown").stdout("text\n").check();
    }
}

#[test]
fn a_directory_that_must_not_be_shown_is_refused_with_a_hint() {
    let home = Home::new();
    let link = home.root().join("link");
    std::os::unix::fs::symlink(home.home(), &link).unwrap();
    let refused = |directory: &Path, variable: &Path, why: &str| {
        Bryo::run()
            .at(&home)
            .cwd(directory)
            .env("HOME", variable)
            .shell("echo started")
            .stderr_contains(format!(
                "bryo: error: cannot show the working directory `{}` to the sandbox: {why}",
                directory.display()
            ))
            .stderr_contains("\n\nhint: `cd` to the project first")
            .status(125)
            .check();
    };
    let own = home.home();
    refused(&own, &own, "it is your home, with every key and token in it");
    refused(&own, &link, "it is your home");
    refused(home.root(), &own, "your home is in it");
    refused(Path::new("/"), &own, "your home is in it");
    refused(Path::new("/tmp"), Path::new("/nowhere"), "other programs keep");
    refused(Path::new("/dev/shm"), &own, "other programs keep");
    refused(Path::new("/sys"), &own, "it is a view of the kernel");
    refused(&home.runtime(), &own, "other programs keep");
    fs::create_dir_all(home.config().join("bryo")).unwrap();
    refused(&home.config(), &own, "your policies");
    refused(&home.config().join("bryo"), &own, "your policies");
}

#[test]
fn the_home_of_the_account_is_refused_whatever_home_says() {
    let getent = Bryo::program("/bin/sh")
        .args(["-c", "getent passwd $(id -u) | cut -d : -f 6"])
        .stdout_any()
        .check();
    let of_the_account = getent.text().trim().to_owned();
    if !Path::new(&of_the_account).is_dir() || of_the_account == "/" {
        skip!("the account has no home");
    }
    Bryo::run()
        .cwd(&of_the_account)
        .shell("echo started")
        .stderr_contains("it is your home, with every key and token in it")
        .status(125)
        .check();
}

#[test]
fn a_place_to_start_in_makes_up_for_a_directory_that_is_not_shown() {
    let home = Home::new();
    home.scratch().write("home/secret", "CANARY\n");
    let start = |directory: &Path| {
        let bryo = Bryo::run().at(&home).cwd(directory).args(["--workdir", "/tmp"]);
        bryo.shell("pwd; ls -A ~; touch x").stdout("/tmp\n").check();
    };
    start(&home.home());
    start(Path::new("/"));
    start(Path::new("/tmp"));
}

#[test]
fn a_working_directory_that_vanished_is_told() {
    let home = Home::new();
    let bryo = crate::support::place::binary();
    let gone = |words: &str| {
        let script =
            format!("mkdir gone; cd gone; rmdir ../gone; exec '{}' {words}", bryo.display());
        Bryo::program("/bin/sh").at(&home).args(["-c", &script])
    };
    gone("run -- echo started")
        .stderr_contains("cannot use the working directory: it was removed\n\nhint: ")
        .status(125)
        .check();
    gone("run --workdir /tmp -- pwd").stdout("/tmp\n").check();
    for flag in ["--ro etc", "--file /x=@etc/passwd", "--env-file etc/passwd", "--home etc"] {
        gone(&format!("run --workdir /tmp {flag} -- echo started"))
            .stderr_contains("removed")
            .status(125)
            .check();
    }
}

#[test]
fn what_a_repository_runs_later_is_read_only() {
    needs!("git");
    let home = Home::new();
    let git = |words: &[&str]| {
        let bryo = Bryo::program("/usr/bin/env").at(&home).arg("git").args(words);
        bryo.leftovers_unjudged().stdout_any().check();
    };
    git(&["init", "-q", "."]);
    let hook = home.work().join(".git/hooks/pre-commit");
    let config = fs::read(home.work().join(".git/config")).unwrap();
    let script = "echo evil > .git/hooks/pre-commit && echo 1
        echo '[core]' >> .git/config && echo 2
        git config core.fsmonitor evil && echo 3
        mv .git moved && echo 4
        rm -rf .git/hooks && echo 5
        mv .git/config x && echo 6
        mv .git/hooks x && echo 7
        ln -sf /tmp .git/hooks/x && echo 8
        true";
    for flags in [&[][..], &["--root"][..]] {
        Bryo::run().at(&home).args(flags).shell(script).stderr_any().check();
    }
    assert!(!hook.exists() && home.work().join(".git/HEAD").exists());
    assert_eq!(fs::read(home.work().join(".git/config")).unwrap(), config);
    let commit =
        "echo a > a && git add a && git -c user.name=a -c user.email=a@b commit -qm first &&
        git checkout -qb other && git log --format=%s";
    Bryo::run().at(&home).shell(commit).stdout("first\n").check();
}

#[test]
fn a_home_that_would_cover_the_system_is_made_elsewhere() {
    for home in ["/", "/usr", "/etc", "/proc", "/dev", "/tmp", "/usr/sbin"] {
        Bryo::run()
            .env("HOME", home)
            .shell("case $HOME in /home/*) ;; *) echo $HOME;; esac; touch ~/x && ls ~ /usr/bin/env")
            .stdout_contains("/usr/bin/env\n")
            .check();
    }
}

#[test]
fn a_working_directory_that_is_swapped_meanwhile_never_leads_elsewhere() {
    let home = Home::new();
    let scratch: &Scratch = home.scratch();
    scratch.write("secret/f", "CANARY\n");
    scratch.write("work/real/f", "text\n");
    let work = home.work();
    std::os::unix::fs::symlink(scratch.join("secret"), work.join("other")).unwrap();
    // By descriptor, since the path is another's half of the time.
    let directory = fs::File::open(work.join("real")).unwrap();
    let real = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&directory));
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let swapper = std::thread::spawn({
        let (stop, work) = (stop.clone(), work.clone());
        move || {
            let flags = rustix::fs::RenameFlags::EXCHANGE;
            let mut swaps = 0u32;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let (a, b) = (work.join("real"), work.join("other"));
                rustix::fs::renameat_with(rustix::fs::CWD, &a, rustix::fs::CWD, &b, flags).unwrap();
                swaps += 1;
            }
            swaps
        }
    });
    let mut ran = 0;
    for _ in 0..100 {
        let mut running = Bryo::run().at(&home).cwd(&real).shell("cat f; echo x >> f").start();
        running.close_stdin();
        let outcome = running.finish();
        if outcome.status == 0 {
            ran += 1;
            assert!(outcome.text().starts_with("text\n"), "{outcome:?}");
        }
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(swapper.join().unwrap() > 100 && ran > 0, "{ran}");
    assert_eq!(scratch.read("secret/f"), "CANARY\n");
}
