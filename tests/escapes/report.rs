//! All that was found, as a table for people: `tests/escapes/README.md`.

use std::fmt::Write;
use std::fs;
use std::io::Write as _;

use super::probe::Family;
use super::scenario::Scenario;
use super::verdict::{Class, Findings, Row};
use crate::support::place;

const HEAD: &str = "\
# What a sandboxed program may try, and what comes of it

Judged by the escape suite (`scripts/test escapes`), written anew by an ordinary user's
`BRYO_BLESS=1 cargo test --test suite escapes`. Each probe was first seen to work with its door open,
on the same machine and in the same run.

* **denied**: somebody said no.
* **hidden**: there was nothing to be had.
* **harmless**: it could do what it wanted, and the host is as it was.
* **told**: it stays behind for the user to meet, and the end of the run says so.
* **open**: it comes through, and `SECURITY.md` says so.
* **leak**: it got what it was after, by the canary it brought back or what changed on the host.

";

const FOOT: &str = include_str!("elsewhere.md");

/// Past the capture of the test harness: `scripts/test` repeats it at its end.
pub(crate) fn say_count(found: &[(&Family, &Findings)]) {
    let line = format!("\nescapes: {}\n", counted(found));
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Compares the table with the committed one.
pub(crate) fn compare(found: &[(&Family, &Findings)]) {
    let table = table(found);
    let path = place::tree().join("tests/escapes/README.md");
    if std::env::var_os("BRYO_BLESS").is_some() {
        fs::write(&path, &table).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let changed: Vec<&str> =
        table.lines().filter(|line| !committed.lines().any(|it| it == *line)).collect();
    assert!(
        committed == table,
        "the table has changed (BRYO_BLESS=1 writes it):\n  {}",
        changed.join("\n  ")
    );
}

/// `N probes × N scenarios: N denied, N hidden, N harmless, N leaked`, of ours.
fn counted(found: &[(&Family, &Findings)]) -> String {
    let rows = || found.iter().flat_map(|(_, findings)| &findings.rows);
    let of = |class: Class| {
        let ours = |row: &Row| {
            let ours = row.scenarios[..Scenario::OURS].iter();
            ours.filter(|verdict| verdict.class == class).count()
        };
        rows().map(ours).sum::<usize>()
    };
    format!(
        "{} probes × {} scenarios: {} denied, {} hidden, {} harmless, {} told, {} open, {} leaked",
        rows().count(),
        Scenario::OURS,
        of(Class::Denied),
        of(Class::Hidden),
        of(Class::Harmless),
        of(Class::Told),
        of(Class::Open),
        of(Class::Leak),
    )
}

fn table(found: &[(&Family, &Findings)]) -> String {
    let mut text = format!("{HEAD}{}.\n", counted(found));
    for (family, findings) in found {
        let titles = Scenario::ALL.map(Scenario::title).join(" | ");
        let rule = " --- |".repeat(Scenario::ALL.len() + 3);
        let _ = write!(
            text,
            "\n## {}\n\n| probe | tries to | door that lets it | {titles} |\n|{rule}\n",
            family.title
        );
        for Row { probe, scenarios, .. } in &findings.rows {
            let door = probe.door.in_words();
            let words: Vec<&str> = scenarios.iter().map(|it| it.class.word()).collect();
            let _ = writeln!(
                text,
                "| {} | {} | {door} | {} |",
                probe.id,
                probe.tries,
                words.join(" | ")
            );
        }
    }
    text.push_str("\n## The scenarios\n\n");
    for scenario in Scenario::ALL {
        let _ = writeln!(text, "* {}: {}", scenario.title(), scenario.told());
    }
    let _ = write!(text, "\n{FOOT}");
    text
}
