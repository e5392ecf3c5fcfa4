//! The line that shows how far long work is: on a terminal alone, and gone at the end.

use std::time::Duration;

use crate::support::{Bryo, Home, Terminal, place};

use super::verb;

const LONG: Duration = Duration::from_secs(120);

/// Runs a verb for `it` on a terminal of so many columns; what was drawn, and what came last.
fn watched(home: &Home, word: &str, columns: u16) -> (Vec<String>, String) {
    let program = place::binary().display().to_string();
    let mut terminal = Terminal::spawn(home, [program.as_str(), word, "it"]);
    terminal.resize(24, columns);
    assert_eq!(terminal.wait(LONG), 0);
    let screen = terminal.last_screen(LONG);
    let mut pieces: Vec<String> = screen.split('\r').map(str::to_owned).collect();
    // The end of the last line of all.
    assert_eq!(pieces.pop().as_deref(), Some("\n"), "{screen}");
    let last = pieces.pop().unwrap_or_default();
    (pieces.into_iter().filter(|it| !it.is_empty()).collect(), last)
}

#[test]
fn slow_long_work_shows_how_far_it_is() {
    let home = Home::new();
    Bryo::verb("try")
        .at(&home)
        .args(["--keep", "--name", "it"])
        .shell("for n in $(seq 80); do mkdir $n; (cd $n; seq 1000 | xargs touch); done")
        .limit(LONG)
        .stderr_contains("80080 changes in it")
        .leftovers_unjudged()
        .check();
    let (drawn, last) = watched(&home, "apply", 80);
    let is_bar = |line: &&String| line.starts_with("applying ") && line.contains("% [#");
    assert!(drawn.iter().filter(is_bar).count() > 3, "{drawn:?}");
    assert_eq!(last, "\x1b[Kbryo: note: applied all of it; `bryo undo it` takes it back");
    let (drawn, _) = watched(&home, "undo", 30);
    assert!(drawn.iter().any(|line| line.starts_with("taking back ")), "{drawn:?}");
    for line in &drawn {
        let shown = line.strip_suffix("\x1b[K").expect(line);
        assert!(shown.len() < 30, "{shown:?}");
    }
    // Nobody looks: the whole of what is said.
    let note = "bryo: note: discarded it\n";
    verb(&home, "discard").arg("it").stderr(note).limit(LONG).check();
}

#[test]
fn short_work_shows_nothing_but_its_end() {
    let home = Home::new();
    super::tried(&home, "echo > n");
    let (drawn, last) = watched(&home, "apply", 80);
    assert_eq!(drawn, [""; 0]);
    assert_eq!(last, "bryo: note: applied all of it; `bryo undo it` takes it back");
}
