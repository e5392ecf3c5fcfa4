//! What an apply keeps to the byte, one thing at a time, under both drivers; the random trees of
//! `changes::property` mix them.

use std::os::unix::fs::{FileTypeExt, MetadataExt};

use crate::support::{Bryo, Home};

use super::verb;

/// What is there before, what a command does, and what its tree looks like by `stat` and friends.
struct Exact {
    name: &'static str,
    before: &'static str,
    change: &'static str,
}

const fn exact(name: &'static str, before: &'static str, change: &'static str) -> Exact {
    Exact { name, before, change }
}

const CASES: [Exact; 14] = [
    exact(
        "a file becomes a directory and a file again",
        "echo f > x",
        "rm x; mkdir x; echo i > x/i; rm -r x; echo g > x",
    ),
    exact(
        "a directory becomes a file and a directory again",
        "mkdir x; echo i > x/i",
        "rm -r x; echo f > x; rm x; mkdir x; echo j > x/j",
    ),
    exact("a file becomes a directory", "echo f > x", "rm x; mkdir x; echo i > x/i"),
    exact("a directory becomes a link", "mkdir x; echo i > x/i", "rm -r x; ln -s elsewhere x"),
    exact(
        "renames across directories",
        "mkdir p q; echo a > p/a; mkdir p/d; echo b > p/d/b",
        "mv p/a q/z; mv p/d q/d; mv q r",
    ),
    exact(
        "hard links",
        "echo a > a; ln a b; mkdir d; ln a d/c",
        "echo n > n; ln n d/m; ln n o; rm b",
    ),
    exact(
        "sparse files",
        "truncate -s 3M s; printf x | dd of=s bs=1 seek=2M conv=notrunc status=none",
        "truncate -s 5M t; printf y | dd of=t bs=1 seek=4M conv=notrunc status=none; printf z | dd of=s bs=1 seek=1M conv=notrunc status=none",
    ),
    exact(
        "links",
        "ln -s a l; ln -s / out",
        "ln -sfn b l; ln -s ../.. up; rm out; ln -s '' e 2>/dev/null || true",
    ),
    exact("empty directories", "mkdir -p a/b c", "rmdir c; mkdir -p n/m/o; rmdir a/b"),
    exact(
        "modes",
        "echo a > a; chmod 640 a; mkdir d; chmod 750 d",
        "chmod 604 a; chmod 711 d; echo n > n; chmod 4 n; mkdir m; chmod 1777 m; echo z > z; chmod 0 z",
    ),
    exact(
        "times",
        "echo a > a; mkdir d; echo i > d/i; touch -d 2001-01-01 a d/i d",
        "touch -d 2002-02-02T02:02:02.123456789 a; echo n > n; touch -d 1969-12-31T12:00:00 n; touch -d 2038-02-01 d",
    ),
    exact(
        "user attributes",
        "echo a > a; setfattr -n user.one -v 1 a; mkdir d",
        "setfattr -x user.one a; setfattr -n user.two -v 2 a; setfattr -n user.three -v 3 d; echo n > n; setfattr -n user.four -v 4 n",
    ),
    exact(
        "access lists",
        "echo a > a; setfacl -m u:$(id -u):r a; mkdir d",
        "setfacl -b a; setfacl -m d:u:$(id -u):rwx d; echo n > d/n; setfacl -m g:$(id -g):w d/n",
    ),
    exact("contents swapped", "echo a > a; echo b > b", "mv a t; mv b a; mv t b"),
];

/// fuse-overlayfs keeps none of these.
const LISTS_OF_OTHERS: Exact = exact(
    "access lists that name others",
    "mkdir d; setfacl -m g:bin:rwx,d:g:bin:rwx,d:u:bin:r d; echo a > d/a; echo b > b; setfacl -m u:bin:r b",
    "mkdir d/n; echo n > d/n/n; echo x >> d/a; mv b c; chmod 750 d",
);

/// Of one tree, everything but inode numbers and change times; of hard links, which there are and not
/// how many, since a name that was removed is kept for an undo.
const SHOW: &str = r"cd $0
find . -mindepth 1 \( -type d -printf '%p %y %m\n' -o -printf '%p %y %m %s %l %T@\n' \) | sort
find . -type f -perm -400 | sort | xargs -r md5sum
find . ! -type l | sort | xargs getfattr -h -d -m user
find . ! -type l | sort | xargs getfacl -pnE
for one in $(find . -type f | sort); do find . -type f | sort | while read -r other; do
    test $one -ef $other && echo $one is $other
done; done
true";

fn shell(home: &Home, directory: &str, script: &str) -> String {
    let outcome = Bryo::program("/bin/sh")
        .at(home)
        .cwd(home.work().join(directory))
        .args(["-c", script, "."])
        .stdout_any()
        .stderr_any()
        .leftovers_unjudged()
        .check();
    outcome.text().to_owned()
}

#[test]
fn what_a_command_makes_under_the_kernel_is_what_an_apply_makes() {
    needs!("setfattr", "getfattr", "setfacl", "getfacl");
    CASES.iter().chain([&LISTS_OF_OTHERS]).for_each(|case| is_exact(case, "kernel"));
}

#[test]
fn slow_what_a_command_makes_under_fuse_is_what_an_apply_makes() {
    needs!("setfattr", "getfattr", "setfacl", "getfacl");
    needs_fuse!();
    CASES.iter().for_each(|case| is_exact(case, "fuse"));
}

/// Nothing is renamed then, and what goes may be no file.
#[test]
fn what_lies_on_another_filesystem_is_copied_to_the_byte() {
    needs!("setfattr", "getfattr", "setfacl", "getfacl", "mkfifo", "python3");
    let Some(elsewhere) = super::Elsewhere::new() else {
        skip!("/dev/shm is on the same filesystem");
    };
    let home = Home::new();
    let work = elsewhere.0.to_str().unwrap();
    let before = "mkdir d; mkfifo -m 640 d/p; ln -s p d/l; echo a > a; setfacl -m u:bin:r a; mkfifo f; \
                  python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"d/s\")'";
    shell(&home, work, before);
    let before = shell(&home, work, SHOW);
    super::tried_in(&home, elsewhere.0.clone(), "rm -r d; echo x >> a; rm f; echo f > f");
    super::apply(&home);
    let names = "find . -mindepth 1 | sort; cat a f; getfacl -c a | grep bin";
    assert_eq!(shell(&home, work, names), "./a\n./f\na\nx\nf\nuser:bin:r--\n");
    super::undo(&home);
    assert_eq!(before, shell(&home, work, SHOW));
}

fn is_exact(case: &Exact, driver: &str) {
    let what = format!("{} under {driver}", case.name);
    let home = Home::new();
    for directory in ["plain", "tried"] {
        home.scratch().dir(format!("work/{directory}"));
        shell(&home, directory, &format!("umask 022; {}", case.before));
    }
    let before = shell(&home, "tried", SHOW);
    let change = format!("umask 022; {}", case.change);
    shell(&home, "plain", &change);
    Bryo::verb("try")
        .at(&home)
        .cwd(home.work().join("tried"))
        .args(["--name", "it", "--overlay-driver", driver])
        .shell(&change)
        .stderr_any()
        .leftovers_unjudged()
        .check();
    let wanted = without_times(&shell(&home, "plain", SHOW));
    assert_eq!(before, shell(&home, "tried", SHOW), "{what}: before");
    verb(&home, "apply").arg("it").stderr_contains("applied all of it").stderr_any().check();
    assert_eq!(wanted, without_times(&shell(&home, "tried", SHOW)), "{what}");
    verb(&home, "undo").arg("it").stderr_any().check();
    assert_eq!(before, shell(&home, "tried", SHOW), "{what}: undone");
}

/// Times of this hour are when it was made; those that a command has set stay.
fn without_times(shown: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let is_recent = |word: &&str| {
        let seconds = word.split('.').next().and_then(|it| it.parse::<u64>().ok());
        seconds.is_some_and(|it| it.abs_diff(now.as_secs()) < 3600)
    };
    let line =
        |line: &str| line.split(' ').filter(|it| !is_recent(it)).collect::<Vec<_>>().join(" ");
    shown.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn holes_stay_holes_and_special_files_stay_out() {
    needs!("mkfifo");
    let home = Home::new();
    super::tried(
        &home,
        "truncate -s 64M sparse; printf x | dd of=sparse bs=1 seek=32M conv=notrunc status=none; \
         mkfifo pipe; mkdir d; python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"d/sock\")'",
    );
    verb(&home, "apply")
        .arg("it")
        .stderr_contains("pipe` is not applied")
        .stderr_contains("d/sock` is not applied")
        .stderr_any()
        .check();
    let sparse = std::fs::metadata(home.work().join("sparse")).unwrap();
    assert_eq!(sparse.size(), 64 << 20);
    assert!(sparse.blocks() < 256, "{} blocks", sparse.blocks());
    assert!(home.work().join("d").is_dir());
    assert!(!home.work().join("d/sock").exists() && !home.work().join("pipe").exists());
    let kept = std::fs::symlink_metadata(super::upper(&home).join("pipe")).unwrap();
    assert!(kept.file_type().is_fifo(), "it is reported, and stays among the changes");
}
