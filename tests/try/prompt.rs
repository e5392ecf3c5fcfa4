//! The question at the end, on a terminal.

use std::time::Duration;

use crate::support::{Home, Terminal, place};

use super::verb;

const SOON: Duration = Duration::from_secs(10);
const QUESTION: &str = "[d]iff, [a]pply, [k]eep, d[i]scard? ";

/// A try on a terminal that writes a file, asked what is to become of it.
fn asked(home: &Home, flags: &[&str]) -> Terminal {
    let program = place::binary().display().to_string();
    let mut words = vec!["env", "PAGER=cat", program.as_str(), "try", "--name", "x"];
    words.extend(flags);
    words.extend(["--", "sh", "-c", "echo content > n; exit 3"]);
    Terminal::spawn(home, words)
}

fn question(home: &Home) -> Terminal {
    let mut terminal = asked(home, &[]);
    terminal.wait_for("1 change in x: 1 added", SOON);
    terminal.wait_for(QUESTION, SOON);
    terminal
}

#[test]
fn one_key_answers() {
    let home = Home::new();
    let mut terminal = question(&home);
    terminal.send("d");
    terminal.wait_for("+content", SOON);
    terminal.wait_for(QUESTION, SOON);
    // An arrow begins with the byte of the escape key, which is an answer.
    terminal.send("x\x1b[A");
    std::thread::sleep(Duration::from_millis(300));
    terminal.send("a");
    terminal.wait_for("applied all of x", SOON);
    assert_eq!(terminal.wait(SOON), 3);
    assert_eq!(home.scratch().read("work/n"), "content\n");
}

#[test]
fn the_outline_stands_before_the_question_where_it_fits() {
    let home = Home::new();
    let after = |script: &str| {
        let program = place::binary().display().to_string();
        let mut terminal = Terminal::spawn(&home, [&program, "try", "--", "sh", "-c", script]);
        terminal.wait_for(QUESTION, SOON);
        terminal.send("i");
        terminal.wait_for("discarded ", SOON);
        terminal.screen()
    };
    let colours = after("echo > .envrc; mkdir -p d/e; printf 'no newline'");
    assert!(colours.contains("\x1b[1;31m! .envrc  direnv obeys it\x1b[m\r\n\r\n"), "{colours}");
    assert!(colours.contains("\x1b[32m+ d/\x1b[m  1 name, 0B\r\n"), "{colours}");
    // What the command wrote last has its line to itself.
    let open = format!("\x1b[r\x1b8{:80}\r\x1b[", "");
    assert!(colours.contains("no newline\x18") && colours.contains(&open), "{colours:?}");
    let many = after("for n in $(seq 30); do echo > f$n; done; chmod +x f7");
    assert!(many.contains("! f7  may be executed now\x1b[m\r\nbryo: note: 30 changes"), "{many}");
    assert!(!many.contains("f8"), "{many}");
}

#[test]
fn discarded_is_gone() {
    let home = Home::new();
    let mut terminal = question(&home);
    terminal.send("i");
    terminal.wait_for("discarded x", SOON);
    assert_eq!(terminal.wait(SOON), 3);
    assert!(!home.work().join("n").exists());
    verb(&home, "changes").stderr_contains("no changes are kept").check();
}

#[test]
fn whatever_is_no_answer_keeps() {
    // The last two are what xterm answers, in 7 bits and in 8, to a command that asked it for a colour.
    let answers = ["\x1b]4;1;rgb:aaaa/aaaa/aaaa\x1b\\", "\u{9d}4;1;rgb:aaaa/aaaa/aaaa\u{9c}"];
    for key in ["k", "\x03", "\x04", "\r", "\x1b"].into_iter().chain(answers) {
        let home = Home::new();
        let mut terminal = question(&home);
        terminal.send(key);
        if answers.contains(&key) {
            // Passed over, and the shell does not read it either.
            std::thread::sleep(Duration::from_millis(300));
            terminal.send("k");
        }
        terminal.wait_for("`bryo apply x`", SOON);
        assert_eq!(terminal.wait(SOON), 3, "{key:?}");
        assert!(!home.work().join("n").exists(), "{key:?}");
        verb(&home, "changes").stdout_contains("1 added").check();
    }
}

#[test]
fn a_stop_is_no_answer() {
    let home = Home::new();
    let program = place::binary().display().to_string();
    let text = format!("{program} try --name x -- touch n; echo stopped $?; fg; echo ended $?");
    let mut terminal = Terminal::spawn(&home, ["bash", "-mc", &text]);
    terminal.wait_for(QUESTION, SOON);
    terminal.send("\x1a");
    terminal.wait_for("stopped 148", SOON);
    terminal.wait_for(QUESTION, SOON);
    terminal.send("a");
    terminal.wait_for("applied all of x", SOON);
    terminal.wait_for("ended 0", SOON);
    assert_eq!(terminal.wait(SOON), 0);
}

#[test]
fn a_pager_hears_every_signal() {
    let home = Home::new();
    let program = place::binary().display().to_string();
    let pager = "PAGER=grep SigBlk /proc/self/status";
    let mut terminal = Terminal::spawn(&home, ["env", pager, &program, "try", "--", "touch", "n"]);
    terminal.wait_for(QUESTION, SOON);
    terminal.send("d");
    terminal.wait_for("SigBlk:\t0000000000000000", SOON);
    terminal.wait_for(QUESTION, SOON);
    terminal.send("i");
    assert_eq!(terminal.wait(SOON), 0);
}

#[test]
fn the_terminal_is_as_it_was() {
    let home = Home::new();
    let program = place::binary().display().to_string();
    let text = format!("read go; {program} try --name x -- touch n; read end");
    let mut terminal = Terminal::spawn(&home, ["sh", "-c", &text]);
    let before = terminal.settings();
    terminal.send("\n");
    terminal.wait_for(QUESTION, SOON);
    assert_ne!(terminal.settings(), before);
    terminal.send("k");
    terminal.wait_for("`bryo apply x`", SOON);
    assert_eq!(terminal.settings(), before);
    terminal.send("\n");
    assert_eq!(terminal.wait(SOON), 0);
}

#[test]
fn nobody_is_asked_who_has_answered_or_reads_no_talk() {
    let home = Home::new();
    let mut terminal = asked(&home, &["--keep"]);
    assert_eq!(terminal.wait(SOON), 3);
    assert!(!terminal.screen().contains(QUESTION));

    let home = Home::new();
    let program = place::binary().display().to_string();
    let text = format!("{program} try --name x -- touch n 2>talk; cat talk");
    let mut terminal = Terminal::spawn(&home, ["sh", "-c", &text]);
    terminal.wait_for("1 change in x", SOON);
    assert_eq!(terminal.wait(SOON), 0);
    assert!(!terminal.screen().contains(QUESTION));
}
