//! `bryo diff`: what changed, in git's form for programs, safely for people.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::{Bryo, Home, Terminal, place};

const DRIVERS: [&str; 2] = ["kernel", "fuse"];
const SOON: Duration = Duration::from_secs(10);

/// A try called `it`, its changes kept.
fn tried(home: &Home, driver: &str, script: &str) {
    Bryo::verb("try")
        .at(home)
        .cwd(home.work())
        .args(["--name", "it", "--keep", "--overlay-driver", driver])
        .shell(script)
        .stderr_any()
        .leftovers_unjudged()
        .check();
}

fn verb(home: &Home, verb: &str) -> Bryo {
    Bryo::verb(verb).at(home).cwd(home.work()).arg("it").leftovers_unjudged()
}

fn ran(program: &str, directory: &Path, words: &[&str]) -> Vec<u8> {
    let out = Command::new(program).args(words).current_dir(directory).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{program} {words:?}: {said}");
    out.stdout
}

/// Names, modes as git knows them, and content, of all that git would know.
fn known_to_git(tree: &Path) -> Vec<u8> {
    let script = "find . ! -type d -printf '%P %y %l ' -a \\( -type l -o -perm /100 -printf x -o -printf - \\) \
                  -printf '\\n' | LC_ALL=C sort; find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum";
    ran("sh", tree, &["-c", script])
}

#[test]
fn git_applies_what_it_says_of_text() {
    needs!("git", "sha256sum");
    const OLD: [(&str, &str); 8] = [
        ("plain", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17\n18\n19\n20\n"),
        ("gone", "a\nb\n"),
        ("unended", "x"),
        ("returns", "a\rb\r\nc\r\n"),
        ("was/here", "long enough to be the same\n"),
        ("tool", "#!/bin/sh\n"),
        ("tabs\tand \"quotes\" \\", "q\n"),
        ("umlaut-\u{fc}", "u\n"),
    ];
    let script = "sed -i 's/^2$/two/; s/^19$/nineteen/; 10d' plain; rm gone; printf 'x\\ny' > unended; \
                  printf 'a\\rB\\r\\nc\\r\\nd' > returns; mkdir is; mv was/here is/there; chmod +x tool; \
                  for f in tabs* umlaut*; do echo more >> \"$f\"; done; : > empty; ln -s plain link; \
                  printf 'n\\n' > \"$(printf 'new\\nline')\"; printf 'l\\n' > \"$(printf 'latin-\\374')\"; \
                  printf 'd\\n' > -dash";
    for driver in DRIVERS {
        let home = Home::new();
        for tree in ["work", "other"] {
            for (name, content) in OLD {
                home.scratch().write(format!("{tree}/{name}"), content);
            }
        }
        tried(&home, driver, script);
        let patch = verb(&home, "diff").stdout_any().check().stdout;
        let other = home.scratch().join("other");
        fs::write(home.scratch().join("patch"), patch).unwrap();
        ran("git", &other, &["apply", "--verbose", "../patch"]);
        verb(&home, "apply").stderr_contains("applied all of it").check();
        let (ours, gits) = (known_to_git(&home.work()), known_to_git(&other));
        assert_eq!(String::from_utf8_lossy(&ours), String::from_utf8_lossy(&gits), "{driver}");
        assert!(home.work().join(std::ffi::OsStr::from_bytes(b"latin-\xfc")).exists());
    }
}

#[test]
fn a_file_that_was_moved_is_a_rename() {
    for driver in DRIVERS {
        let home = Home::new();
        home.scratch().write("work/old/name", "content that is long enough\n");
        tried(&home, driver, "mkdir new; mv old/name new/name");
        verb(&home, "diff")
            .stdout_contains("rename from old/name\nrename to new/name\n")
            .stdout_lacks("+content")
            .check();
    }
}

#[test]
fn binary_files_are_told_by_size_and_digest() {
    needs!("sha256sum");
    for driver in DRIVERS {
        let home = Home::new();
        let old = home.scratch().write("work/b", b"\0old");
        let digest = |path: &Path| {
            let out = ran("sha256sum", Path::new("/"), &[path.to_str().unwrap()]);
            String::from_utf8(out).unwrap().split(' ').next().unwrap().to_owned()
        };
        tried(&home, driver, "printf '\\0newer' > b");
        let new = home.scratch().write("copy", b"\0newer");
        let line = format!(
            "# b: 6 bytes, sha256 {}; was 4 bytes, sha256 {}\n",
            digest(&new),
            digest(&old)
        );
        verb(&home, "diff").stdout(line).check();
    }
}

/// At a gigabyte a second they would take four hours.
#[test]
fn a_file_of_holes_is_not_read() {
    let home = Home::new();
    tried(&home, "kernel", "truncate -s 15T holes");
    let line = "# holes: added: 16492674416640 bytes, nearly all of them holes\n";
    verb(&home, "diff").stdout(line).check();
    verb(&home, "diff").arg("--stat").stdout_contains("holes").check();
}

#[test]
fn modes_attributes_and_links_are_told() {
    needs!("setfattr");
    for driver in DRIVERS {
        let home = Home::new();
        for name in ["moded", "noted", "linked", "touched", "both"] {
            home.scratch().write(format!("work/{name}"), "x\n");
        }
        symlink("here", home.work().join("link")).unwrap();
        tried(
            &home,
            driver,
            "chmod 0600 moded; setfattr -n user.note -v short noted; ln linked again; \
             touch -d 2001-01-01 touched; ln -sfn there link; echo y >> both; chmod 0700 both; \
             setfattr -n user.note -v 'a\u{1b}b' both",
        );
        let said = verb(&home, "diff").stdout_any().check();
        for wanted in [
            "# moded: mode 0600, was 0644\n",
            "# noted: attribute user.note `short`, new\n",
            "# touched: time of modification\n",
            "-here\n",
            "+there\n",
            "+y\n",
            "# both: mode 0700, was 0644; attribute user.note 0x611b62, new\n",
        ] {
            assert!(said.text().contains(wanted), "{driver}: {wanted:?} in {}", said.text());
        }
    }
}

#[test]
fn a_summary_names_what_is_dangerous_first() {
    let home = Home::new();
    home.scratch().write("work/.git/config", "[core]\n\tbare = false\n");
    home.scratch().write("work/plain", "x\n");
    tried(
        &home,
        "kernel",
        "mkdir -p .github/workflows .vscode dir; echo on: push > .github/workflows/ci.yml; \
         echo {} > .vscode/tasks.json; ln -s ../../etc out; printf '#!/bin/sh\\n' > tool; \
         chmod +x tool; mkfifo pipe; echo y >> plain; echo z > dir/inner",
    );
    let said = verb(&home, "diff").arg("--summary").stdout_any().check().text().to_owned();
    let (dangers, tree) = said.split_once("\n\n").unwrap();
    for wanted in [
        "! .github/workflows/ci.yml  ",
        "! .vscode/tasks.json  ",
        "! out  leads out, to ../../etc",
        "! tool  may be executed now",
        "! pipe  a device, a FIFO or a socket; never applied",
    ] {
        assert!(dangers.contains(wanted), "{wanted} in {dangers}");
    }
    assert!(!dangers.contains("plain") && tree.contains("~ plain"), "{said}");
    assert!(tree.contains("+ dir/"), "{said}");
}

#[test]
fn many_lesser_dangers_hide_no_greater_one() {
    let home = Home::new();
    let script = "for n in $(seq 40); do echo > a$n; chmod +x a$n; done; mkdir -p z/.git/hooks; \
                  echo > z/.git/hooks/post-checkout";
    tried(&home, "kernel", script);
    let said = verb(&home, "diff").arg("--summary").stdout_any().check().text().to_owned();
    assert!(said.starts_with("! z/.git/hooks/post-checkout  git obeys it\n! a1  "), "{said}");
    assert!(said.contains("\n! 21 more to look at\n\n"), "{said}");
}

#[test]
fn programs_read_json_and_names() {
    for driver in DRIVERS {
        let home = Home::new();
        home.scratch().write("work/a", "1\n");
        home.scratch().write("work/d/x", "1\n");
        tried(&home, driver, "echo 2 > a; chmod 600 a; rm -r d; printf x > \"$(printf 'b\\377')\"");
        let json = verb(&home, "diff").arg("--json").stdout_any().check();
        let all: serde_json::Value = serde_json::from_str(json.text()).unwrap();
        let one = |at: usize, key: &str| all[at][key].clone();
        assert_eq!(all.as_array().unwrap().len(), 3, "{all}");
        assert_eq!(one(0, "change"), "modified");
        assert_eq!(one(0, "differs"), serde_json::json!(["content", "mode", "time"]));
        assert_eq!(one(0, "after")["mode"], "0600");
        assert_eq!(one(0, "path"), home.work().join("a").to_str().unwrap());
        assert!(one(1, "path_bytes").as_str().unwrap().ends_with("2f62ff"), "{all}");
        assert_eq!(one(2, "change"), "deleted");
        assert_eq!(one(2, "before")["kind"], "directory");
        verb(&home, "diff").arg("--name-only").stdout("a\nb\\xff\nd\n").check();
        verb(&home, "diff").args(["--stat", "a"]).stdout_contains(" a | 2 +-\n").check();
    }
}

#[test]
fn paths_choose_and_one_that_holds_nothing_is_an_error() {
    let home = Home::new();
    tried(&home, "kernel", "mkdir d e; echo 1 > d/one; echo 2 > e/two");
    verb(&home, "diff").arg("d").stdout_contains("+1").stdout_lacks("+2").check();
    verb(&home, "diff")
        .arg("d/ome")
        .stderr_contains("no change is at")
        .stderr_contains("did you mean")
        .status(125)
        .check();
}

#[test]
fn a_terminal_obeys_nothing_of_what_a_file_or_name_holds() {
    let home = Home::new();
    let script = "printf 'a\\033]0;owned\\007b\\rc\\n' > file; echo > \"$(printf 'n\\033[2Jame')\"";
    tried(&home, "kernel", script);
    let program = place::binary().display().to_string();
    let mut terminal = Terminal::spawn(
        &home,
        ["sh", "-c", "PAGER=cat \"$0\" diff it; echo over", program.as_str()],
    );
    terminal.wait_for("over", SOON);
    let screen = terminal.screen();
    assert!(screen.contains("\\u{1b}]0;owned\\u{7}b\\rc"), "{screen:?}");
    assert!(screen.contains("\x1b[32m+"), "no colour: {screen:?}");
    assert!(!screen.contains("\x1b]0") && !screen.contains("\x1b[2J"), "{screen:?}");
}

#[test]
fn a_file_that_its_owner_may_not_read_is_shown_all_the_same() {
    for driver in DRIVERS {
        let home = Home::new();
        tried(&home, driver, "mkdir closed; echo inside > closed/x; chmod 0 closed/x closed");
        verb(&home, "diff").stdout_contains("+inside").check();
        let closed = fs::metadata(upper(&home).join("closed")).unwrap();
        assert_eq!(closed.permissions().mode() & 0o777, 0, "{driver}");
    }
}

fn upper(home: &Home) -> std::path::PathBuf {
    home.data().join("bryo/changes/it/layers/0/upper")
}
