//! What others do to the host while an apply or an undo is at work.

use std::ffi::OsStr;
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bryo::sys::entry;

use crate::support::Home;

use super::{home_with_tree, injected, store, tried, tried_in, verb};

/// Everything in a tree, to the byte, with modes and times: a canary.
fn show(root: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let facts = fs::symlink_metadata(&path).unwrap();
            let content = if facts.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
            let times = (facts.mtime(), facts.mtime_nsec(), facts.ctime(), facts.ctime_nsec());
            lines.push(format!("{path:?} {:o} {times:?} {content:?}", facts.mode()));
            if facts.is_dir() {
                open.push(path);
            }
        }
    }
    lines.sort();
    lines
}

/// Two names exchanged over and over.
struct Swap {
    directory: PathBuf,
    names: [&'static str; 2],
}

impl Swap {
    fn once(&self) -> bool {
        let Ok(directory) = fs::File::open(&self.directory) else { return false };
        let [one, other] = self.names.map(OsStr::new);
        entry::exchange(directory.as_fd(), one, directory.as_fd(), other).is_ok()
    }

    fn run(&self, is_over: &AtomicBool, count: &AtomicU64) {
        while !is_over.load(Ordering::Relaxed) {
            count.fetch_add(u64::from(self.once()), Ordering::Relaxed);
        }
    }
}

const ROUNDS: u32 = 60;
const LEVELS: [&str; 3] = ["", "d", "d/e"];

fn fill(root: &Path) {
    for level in LEVELS {
        fs::create_dir_all(root.join(level)).unwrap();
        for number in 0..8 {
            fs::write(root.join(level).join(format!("f{number}")), "old\n").unwrap();
        }
    }
}

/// The root of what is applied, a directory in it, and one in that are exchanged with links to a
/// tree of the same names, while apply and undo work. Nothing of that tree is touched.
#[test]
fn directories_swapped_for_links_lead_no_apply_astray() {
    let home = Home::new();
    let (root, canary) = (home.work().join("root"), home.scratch().dir("canary"));
    fill(&root);
    fill(&canary);
    tried_in(
        &home,
        root.clone(),
        "for l in . d d/e; do cd $l; for n in 0 1 2; do echo new > f$n; done; rm f3 f4; \
         echo n > n; mkdir m; echo n > m/n; chmod 755 f5; ln -sf x f6; cd $OLDPWD; done; chmod 711 d",
    );
    symlink(&canary, home.work().join("rlink")).unwrap();
    symlink(canary.join("d"), root.join("dlink")).unwrap();
    symlink(canary.join("d/e"), root.join("d/elink")).unwrap();
    let swaps = [
        Swap { directory: home.work(), names: ["root", "rlink"] },
        Swap { directory: root.clone(), names: ["d", "dlink"] },
        Swap { directory: root.join("d"), names: ["e", "elink"] },
    ];
    let before = show(&canary);
    let (mut hit, mut done) = (0, 0);
    for swap in &swaps {
        let (is_over, count) = (AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| swap.run(&is_over, &count));
            for _ in 0..ROUNDS / 3 {
                for words in [&["apply", "it"][..], &["apply", "it", "--resume"], &["undo", "it"]] {
                    let run = verb(&home, words[0]).args(&words[1..]).start().finish();
                    assert!(matches!(run.status, 0 | 125), "{words:?}: {}", run.talk());
                    hit += u32::from(run.status != 0);
                    done += u32::from(run.status == 0);
                }
            }
            is_over.store(true, Ordering::Relaxed);
        });
        assert!(count.load(Ordering::Relaxed) > 100, "hardly anything was exchanged");
        assert_eq!(before, show(&canary), "the canary was touched");
        // As it was, for the next.
        if fs::symlink_metadata(swap.directory.join(swap.names[0])).unwrap().is_symlink() {
            assert!(swap.once());
        }
        undo_all(&home);
    }
    assert!(hit > 0 && done > 0, "{hit} stopped, {done} done: the race was none");
    for level in LEVELS {
        assert_eq!(fs::read_to_string(root.join(level).join("f3")).unwrap(), "old\n");
        assert!(!root.join(level).join("n").exists(), "{level}");
    }
    verb(&home, "apply").args(["it", "--force"]).stderr_contains("applied all").check();
    assert_eq!(fs::read_to_string(root.join("d/e/f0")).unwrap(), "new\n");
    assert_eq!(before, show(&canary), "the canary was touched");
}

fn undo_all(home: &Home) {
    let run = verb(home, "undo").args(["it", "--force"]).start().finish();
    let is_fine = run.status == 0 || run.talk().contains("nothing of it was applied");
    assert!(is_fine, "{}", run.talk());
}

/// A writer that replaces a file again and again, as editors do: what it wrote last is on the host,
/// or kept in the store by an apply that says it was done.
#[test]
fn a_file_that_is_replaced_all_the_while_is_never_lost() {
    let home = home_with_tree();
    tried(&home, "echo sandbox >> a; rm d/b");
    let (is_over, mut stopped) = (AtomicBool::new(false), 0);
    let write = |number: u64, name: &str| {
        let new = home.work().join(".saved");
        fs::write(&new, format!("outside {number}\n")).unwrap();
        let _ = fs::rename(&new, home.work().join(name));
    };
    for round in 0..40 {
        let name = if round % 2 == 0 { "a" } else { "d/b" };
        is_over.store(false, Ordering::Relaxed);
        let last = std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut number = 0;
                loop {
                    number += 1;
                    write(number, name);
                    if is_over.load(Ordering::Relaxed) {
                        return number;
                    }
                    std::thread::sleep(Duration::from_micros(200));
                }
            });
            let run = verb(&home, "apply").args(["it", "--force"]).start().finish();
            assert!(matches!(run.status, 0 | 125), "{}", run.talk());
            stopped += u32::from(run.status != 0);
            is_over.store(true, Ordering::Relaxed);
            writer.join().unwrap()
        });
        let wanted = format!("outside {last}\n");
        let is_kept = [home.work(), store(&home)].iter().any(|it| holds(it, &wanted));
        if !is_kept {
            let found = std::process::Command::new("sh")
                .args(["-c", "find work data -type f | xargs head -v; find data -ls"])
                .current_dir(home.root())
                .output()
                .unwrap();
            panic!(
                "round {round}: {wanted:?}, written last, is nowhere: {}",
                String::from_utf8_lossy(&found.stdout)
            );
        }
        undo_all(&home);
    }
    assert!(stopped > 0, "nothing came between");
}

fn holds(directory: &Path, wanted: &str) -> bool {
    // The kernel's own working directory is closed.
    let Ok(entries) = fs::read_dir(directory) else { return false };
    entries.map(|it| it.unwrap().path()).any(|path| match fs::symlink_metadata(&path) {
        Ok(facts) if facts.is_dir() => holds(&path, wanted),
        Ok(facts) => facts.is_file() && fs::read(&path).is_ok_and(|it| it == wanted.as_bytes()),
        Err(_) => false,
    })
}

/// A run that strace(1) has stopped in its midst; the lock names it.
struct Stopped(i32);

impl Stopped {
    /// Once that file is in the store, and the run stands still.
    fn at(home: &Home, paper: &str) -> Self {
        while !store(home).join(paper).exists() {
            std::thread::sleep(Duration::from_millis(2));
        }
        let lock = fs::read_to_string(store(home).join("layers/lock")).unwrap();
        let holder = lock.split_whitespace().next().unwrap();
        let stands = || {
            let status = fs::read_to_string(format!("/proc/{holder}/stat")).unwrap();
            matches!(status.rsplit(") ").next().and_then(|it| it.chars().next()), Some('t' | 'T'))
        };
        // Each call under strace stands still for a moment.
        let mut times = 0;
        while times < 25 {
            times = if stands() { times + 1 } else { 0 };
            std::thread::sleep(Duration::from_millis(2));
        }
        Self(holder.parse().unwrap())
    }

    fn go_on(self) {
        let pid = rustix::process::Pid::from_raw(self.0).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    }
}

/// What the sandbox does; what happens outside while the apply waits before its first change of the
/// host; and a file that must be there afterwards, with what it holds.
type Case = (&'static str, fn(&Path), &'static str, &'static str);

const BETWEEN: [Case; 7] = [
    ("echo x >> a", |work| replace(&work.join("a")), "a", "outside\n"),
    ("rm a", |work| replace(&work.join("a")), "a", "outside\n"),
    ("rm -r d", |work| fs::write(work.join("d/b"), "outside\n").unwrap(), "d/b", "outside\n"),
    ("rm -r d", |work| fs::write(work.join("d/c"), "outside\n").unwrap(), "d/c", "outside\n"),
    ("echo x > n", |work| fs::write(work.join("n"), "outside\n").unwrap(), "n", "outside\n"),
    ("mkdir n", |work| fs::write(work.join("n"), "outside\n").unwrap(), "n", "outside\n"),
    (
        "echo x >> a",
        |work| {
            fs::remove_file(work.join("a")).unwrap();
            fs::create_dir(work.join("a")).unwrap();
            fs::write(work.join("a/in"), "outside\n").unwrap();
        },
        "a/in",
        "outside\n",
    ),
];

fn replace(path: &Path) {
    let new = path.with_extension("new");
    fs::write(&new, "outside\n").unwrap();
    fs::rename(new, path).unwrap();
}

#[test]
fn what_happens_between_the_plan_and_its_first_step_is_seen() {
    needs!("strace");
    for (script, outside, path, wanted) in BETWEEN {
        let home = home_with_tree();
        tried(&home, script);
        // syncfs(2) is what comes between the paper and the first step.
        let running = injected(&home, "syncfs:signal=SIGSTOP:when=1", &["apply", "it"]).start();
        let stopped = Stopped::at(&home, "applied/1/begun");
        outside(&home.work());
        stopped.go_on();
        let run = running.finish();
        assert_eq!(run.status, 125, "{script}: {}", run.talk());
        assert!(run.talk().contains("it was changed outside just now"), "{}", run.talk());
        let read = || fs::read_to_string(home.work().join(path)).unwrap_or_default();
        assert_eq!(read(), wanted, "{script}");
        verb(&home, "undo").arg("it").stderr_contains("as it was before").check();
        assert_eq!(read(), wanted, "{script}, undone");
        verb(&home, "apply").arg("it").stderr_contains("outside since").status(125).check();
        assert_eq!(read(), wanted, "{script}, applied again");
    }
}

/// The same while an undo waits.
#[test]
fn what_happens_between_the_check_and_the_undo_is_seen() {
    needs!("strace");
    type Case = (&'static str, fn(&Path), &'static str);
    let cases: [Case; 3] = [
        ("echo x >> a", |work| replace(&work.join("a")), "a"),
        ("echo x > n", |work| replace(&work.join("n")), "n"),
        ("rm a", |work| replace(&work.join("a")), "a"),
    ];
    for (script, outside, path) in cases {
        let home = home_with_tree();
        tried(&home, script);
        verb(&home, "apply").arg("it").stderr_any().check();
        let running = injected(&home, "fsync:signal=SIGSTOP:when=1", &["undo", "it"]).start();
        let stopped = Stopped::at(&home, "applied/1/taken-back-in-part");
        outside(&home.work());
        stopped.go_on();
        let run = running.finish();
        assert_eq!(run.status, 125, "{script}: {}", run.talk());
        assert_eq!(fs::read_to_string(home.work().join(path)).unwrap(), "outside\n", "{script}");
        let said = "were changed since";
        verb(&home, "undo").arg("it").stderr_contains(said).stderr_any().status(125).check();
        assert_eq!(fs::read_to_string(home.work().join(path)).unwrap(), "outside\n", "{script}");
    }
}

#[test]
fn the_second_of_two_says_who_is_at_work() {
    needs!("strace");
    let home = home_with_tree();
    tried(&home, "echo x >> a");
    let running = injected(&home, "syncfs:signal=SIGSTOP:when=1", &["apply", "it"])
        .stderr_contains("applied all of it")
        .start();
    let stopped = Stopped::at(&home, "applied/1/begun");
    for word in ["apply", "undo", "discard"] {
        verb(&home, word)
            .arg("it")
            .stderr_contains("(`")
            .stderr_contains("bryo apply it`) is using them")
            .stderr_contains("process ")
            .stderr_contains("hint: ")
            .status(125)
            .check();
    }
    stopped.go_on();
    assert_eq!(running.finish().status, 0);
}
