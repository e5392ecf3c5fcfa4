//! `apply --interactive`, on a terminal: file by file, hunk by hunk.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::{Home, Terminal, place};

use super::{Elsewhere, tried, tried_in, undo, verb};

const SOON: Duration = Duration::from_secs(10);
/// The end of every question.
const ASKED: &str = "[?] ";

const NUMBERS: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17\n18\n19\n20\n";

/// Two hunks in `text`, a file that is new, one that is gone.
const CHANGE: &str = "sed -i 's/^2$/two/; s/^19$/nineteen/' text; echo n > new; rm old";

fn home_with_text() -> Home {
    let home = Home::new();
    home.scratch().write("work/text", NUMBERS);
    home.scratch().write("work/old", "old\n");
    home
}

fn asked(home: &Home, flags: &[&str]) -> Terminal {
    let program = place::binary().display().to_string();
    let words = [program.as_str(), "apply", "it", "--interactive"];
    Terminal::spawn(home, words.iter().chain(flags))
}

/// Each key is typed when the next question is asked, after what that must hold.
fn answer(terminal: &mut Terminal, keys: &[(&str, &str)]) {
    for (shown, key) in keys {
        terminal.wait_for(shown, SOON);
        terminal.wait_for(ASKED, SOON);
        terminal.send(key);
    }
}

fn text(home: &Home) -> String {
    home.scratch().read("work/text")
}

fn changed(replaced: &[(&str, &str)]) -> String {
    replaced.iter().fold(NUMBERS.to_owned(), |text, (old, new)| {
        text.replace(&format!("\n{old}\n"), &format!("\n{new}\n"))
    })
}

/// An arrow ends in the letter that stands for all the rest.
#[test]
fn a_key_without_a_letter_is_no_answer() {
    let home = home_with_text();
    tried(&home, CHANGE);
    let mut terminal = asked(&home, &[]);
    for keys in ["\x1b[A", "\x1bOA", "\u{9b}A", "\x1b]4;1;rgb:aaaa/aaaa/aaaa\x1b\\"] {
        terminal.send(keys);
        std::thread::sleep(Duration::from_millis(300));
    }
    terminal.send("q");
    terminal.wait_for("quit", SOON);
    assert_eq!(terminal.wait(SOON), 0);
    assert_eq!(text(&home), NUMBERS);
    assert!(!home.work().join("new").exists() && home.work().join("old").exists());
}

#[test]
fn hunk_by_hunk_a_part_is_applied_and_the_rest_is_left() {
    for lower in [None, Elsewhere::new()] {
        let home = home_with_text();
        let work = lower.as_ref().map_or_else(|| home.work(), |it| it.0.clone());
        fs::write(work.join("text"), NUMBERS).unwrap();
        fs::write(work.join("old"), "old\n").unwrap();
        tried_in(&home, work.clone(), CHANGE);
        let mut terminal = asked(&home, &[]);
        let keys = [("+n", "n"), ("-old", "y"), ("+two", "n"), ("+nineteen", "y")];
        answer(&mut terminal, &keys);
        terminal.wait_for("applied a part of it; 2 changes left", SOON);
        assert_eq!(terminal.wait(SOON), 0);
        let read = |name: &str| fs::read_to_string(work.join(name)).ok();
        let after = changed(&[("19", "nineteen")]);
        assert_eq!((read("text").unwrap(), read("new"), read("old")), (after, None, None));
        // What is left, and nothing else.
        verb(&home, "diff")
            .arg("it")
            .stdout_contains("+two\n")
            .stdout_contains("+n\n")
            .stdout_lacks("+nineteen")
            .check();
        verb(&home, "apply").arg("it").stderr_contains("applied all of it").check();
        assert_eq!(read("text").unwrap(), changed(&[("2", "two"), ("19", "nineteen")]));
        for _ in 0..2 {
            undo(&home);
        }
        assert_eq!(
            (read("text").unwrap(), read("old").unwrap()),
            (NUMBERS.to_owned(), "old\n".into())
        );
        verb(&home, "diff")
            .arg("it")
            .stdout_contains("+two\n")
            .stdout_contains("+nineteen")
            .check();
        verb(&home, "apply").arg("it").stderr_contains("applied all of it").check();
    }
}

#[test]
fn quit_applies_what_was_said_yes_to() {
    for key in ["q", "\x04"] {
        let home = home_with_text();
        tried(&home, CHANGE);
        let mut terminal = asked(&home, &[]);
        answer(&mut terminal, &[("+n", "y"), ("-old", key)]);
        terminal.wait_for("applied a part of it; 2 changes left", SOON);
        assert_eq!(terminal.wait(SOON), 0);
        assert!(home.work().join("new").exists() && home.work().join("old").exists());
        assert_eq!(text(&home), NUMBERS);
    }
}

#[test]
fn an_interrupt_or_a_kill_applies_nothing() {
    let home = home_with_text();
    tried(&home, CHANGE);
    let untouched = || {
        assert!(!home.work().join("new").exists() && home.work().join("old").exists());
        assert_eq!(text(&home), NUMBERS);
    };
    let keys = [("+n", "y"), ("-old", "y"), ("+two", "y")];
    let mut terminal = asked(&home, &[]);
    answer(&mut terminal, &keys);
    answer(&mut terminal, &[("+nineteen", "\x03")]);
    terminal.wait_for("nothing was applied", SOON);
    assert_eq!(terminal.wait(SOON), 130);
    untouched();
    for signal in [Signal::TERM, Signal::KILL] {
        let mut terminal = asked(&home, &[]);
        answer(&mut terminal, &keys);
        terminal.wait_for("+nineteen", SOON);
        terminal.wait_for(ASKED, SOON);
        terminal.signal(signal);
        assert_ne!(terminal.wait(SOON), 0);
        untouched();
    }
    verb(&home, "apply").arg("it").stderr_contains("applied all of it").check();
}

#[test]
fn all_the_rest_is_taken_unasked() {
    let home = home_with_text();
    tried(&home, CHANGE);
    let mut terminal = asked(&home, &[]);
    answer(&mut terminal, &[("+n", "n"), ("-old", "A")]);
    terminal.wait_for("applied a part of it; 1 change left", SOON);
    assert_eq!(terminal.wait(SOON), 0);
    assert!(!home.work().join("new").exists() && !home.work().join("old").exists());
    assert_eq!(text(&home), changed(&[("2", "two"), ("19", "nineteen")]));
}

#[test]
fn a_file_is_taken_or_left_from_a_hunk_on() {
    let home = home_with_text();
    let script = "sed -i 's/^2$/two/; s/^10$/ten/; s/^19$/nineteen/' text; cp text text2";
    home.scratch().write("work/text2", NUMBERS);
    tried(&home, script);
    let mut terminal = asked(&home, &[]);
    answer(&mut terminal, &[("(1/3)", "n"), ("(2/3)", "a"), ("(1/3)", "y"), ("(2/3)", "d")]);
    assert_eq!(terminal.wait(SOON), 0);
    assert_eq!(text(&home), changed(&[("10", "ten"), ("19", "nineteen")]));
    assert_eq!(home.scratch().read("work/text2"), changed(&[("2", "two")]));
}

#[test]
fn a_hunk_is_split() {
    let home = home_with_text();
    tried(&home, "sed -i 's/^2$/two/; s/^5$/five/; s/^8$/eight/' text");
    let mut terminal = asked(&home, &[]);
    // `s` means nothing where there is nothing to split.
    let keys = [("(1/1)", "s"), ("(1/3)", "n"), ("(2/3)", "sy"), ("(3/3)", "n")];
    answer(&mut terminal, &keys);
    assert_eq!(terminal.wait(SOON), 0);
    assert_eq!(text(&home), changed(&[("5", "five")]));
}

#[test]
fn a_mode_is_asked_about_by_itself() {
    let home = home_with_text();
    let mode = || fs::metadata(home.work().join("text")).unwrap().mode() & 0o777;
    fs::set_permissions(home.work().join("text"), fs::Permissions::from_mode(0o600)).unwrap();
    tried(&home, "sed -i 's/^2$/two/' text; chmod 755 text");
    let mut terminal = asked(&home, &[]);
    answer(&mut terminal, &[("mode 0755, was 0600", "n"), ("+two", "y")]);
    assert_eq!(terminal.wait(SOON), 0);
    assert_eq!((mode(), text(&home)), (0o600, changed(&[("2", "two")])));
    let mut terminal = asked(&home, &[]);
    answer(&mut terminal, &[("mode 0755, was 0600", "y")]);
    terminal.wait_for("applied all of it", SOON);
    assert_eq!(terminal.wait(SOON), 0);
    assert_eq!((mode(), text(&home)), (0o755, changed(&[("2", "two")])));
}

#[test]
fn a_directory_comes_with_what_is_wanted_in_it() {
    let home = home_with_text();
    tried(&home, "mkdir -p a/b c e; echo 1 > a/b/one; echo 2 > a/b/two; echo 3 > c/three");
    let mut terminal = asked(&home, &[]);
    let keys = [("+1", "n"), ("+2", "y"), ("+3", "n"), ("e: directory added", "y")];
    answer(&mut terminal, &keys);
    assert_eq!(terminal.wait(SOON), 0);
    let is_there = |name: &str| home.work().join(name).exists();
    assert_eq!(["a/b/one", "a/b/two", "c", "e"].map(is_there), [false, true, false, true]);
}

#[test]
fn what_would_come_in_the_place_of_what_stays_is_not_asked_about() {
    let home = home_with_text();
    tried(&home, "rm old; mkdir old; echo inside > old/in; echo n > z");
    let mut terminal = asked(&home, &[]);
    answer(&mut terminal, &[("directory added", "n"), ("+n", "y")]);
    assert_eq!(terminal.wait(SOON), 0);
    assert_eq!(home.scratch().read("work/old"), "old\n");
    assert!(!terminal.screen().contains("inside"));
}

#[test]
fn a_terminal_obeys_nothing_of_what_it_shows() {
    let home = home_with_text();
    tried(&home, "printf 'x\\033]0;owned\\007\\n' > \"$(printf 'n\\033[2J\\n')\"; echo t >> text");
    let mut terminal = asked(&home, &[]);
    answer(&mut terminal, &[("owned", "y"), ("+t", "y")]);
    assert_eq!(terminal.wait(SOON), 0);
    assert!(!terminal.screen().contains("\x1b]0;") && !terminal.screen().contains("\x1b[2J"));
}

#[test]
fn what_is_changed_while_somebody_is_asked_stops_it() {
    let home = home_with_text();
    tried(&home, CHANGE);
    let mut terminal = asked(&home, &[]);
    answer(&mut terminal, &[("+n", "y"), ("-old", "y"), ("+two", "n"), ("+nineteen", "")]);
    fs::write(home.work().join("text"), "outside\n").unwrap();
    terminal.send("y");
    terminal.wait_for("it was changed while you were asked", SOON);
    terminal.wait_for("nothing was touched", SOON);
    assert_eq!(terminal.wait(SOON), 125);
    assert_eq!(text(&home), "outside\n");
    assert!(!home.work().join("new").exists() && home.work().join("old").exists());
}

#[test]
fn nobody_is_asked_in_vain() {
    let home = home_with_text();
    tried(&home, CHANGE);
    verb(&home, "apply")
        .args(["it", "--interactive"])
        .stderr_contains("there is no terminal to ask on")
        .stderr_contains("hint: `bryo apply it PATH`")
        .status(125)
        .check();
    fs::write(home.work().join("text"), "outside\n").unwrap();
    let mut terminal = asked(&home, &[]);
    terminal.wait_for("it was changed outside since", SOON);
    assert_eq!(terminal.wait(SOON), 125);
    assert!(!terminal.screen().contains(ASKED));
}

#[test]
fn what_was_merged_is_asked_about_as_it_would_be() {
    let home = home_with_text();
    tried(&home, "sed -i 's/^2$/two/; s/^19$/nineteen/' text");
    let outside = NUMBERS.replace("\n10\n", "\nten\n");
    for keys in [["y", "n"], ["y", "y"]] {
        fs::write(home.work().join("text"), &outside).unwrap();
        let mut terminal = asked(&home, &["--merge"]);
        answer(&mut terminal, &[("+two", keys[0]), ("+nineteen", keys[1])]);
        assert_eq!(terminal.wait(SOON), 0);
        assert!(!terminal.screen().contains("-ten"));
        let both = outside.replace("\n2\n", "\ntwo\n");
        let is_all = keys == ["y", "y"];
        let wanted = if is_all { both.replace("\n19\n", "\nnineteen\n") } else { both };
        assert_eq!(text(&home), wanted);
        let left = verb(&home, "diff").arg("it").arg("--name-only").stderr_any().stdout_any();
        assert_eq!(left.check().text().is_empty(), is_all);
        undo(&home);
        assert_eq!(text(&home), outside);
    }
}

#[test]
fn all_of_it_is_what_an_apply_does() {
    let home = home_with_text();
    tried(&home, CHANGE);
    let inode = |path: PathBuf| fs::metadata(path).unwrap().ino();
    let written = inode(super::upper(&home).join("text"));
    let mut terminal = asked(&home, &["text"]);
    answer(&mut terminal, &[("+two", "y"), ("+nineteen", "y")]);
    terminal.wait_for("applied a part of it; 2 changes left", SOON);
    assert_eq!(terminal.wait(SOON), 0);
    // Moved, not put together.
    assert_eq!(inode(home.work().join("text")), written);
}

#[test]
fn what_was_put_together_and_changed_since_is_never_lost() {
    let home = home_with_text();
    tried(&home, CHANGE);
    let mut terminal = asked(&home, &["text"]);
    answer(&mut terminal, &[("+two", "y"), ("+nineteen", "n")]);
    assert_eq!(terminal.wait(SOON), 0);
    let since = format!("{}mine\n", changed(&[("2", "two")]));
    fs::write(home.work().join("text"), &since).unwrap();
    verb(&home, "undo").arg("it").stderr_contains("it was changed since").status(125).check();
    let forced = verb(&home, "undo").args(["it", "--force"]).stderr_contains("as it was before");
    forced.stderr_contains("it was put together of both sides, and changed").check();
    assert_eq!(text(&home), since);
    verb(&home, "apply").args(["it", "--merge"]).stderr_contains("applied all").check();
    assert_eq!(text(&home), format!("{}mine\n", changed(&[("2", "two"), ("19", "nineteen")])));
}
