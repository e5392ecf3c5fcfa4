//! The blocks of the README, and the commands in them with what they print there.

use std::fs;

use super::place;

pub(crate) struct Block {
    /// The nearest line above that is not empty.
    pub(crate) before: String,
    pub(crate) language: String,
    pub(crate) text: String,
}

/// A command, and the lines behind it; `…` stands for anything.
pub(crate) struct Step {
    pub(crate) command: String,
    pub(crate) printed: Vec<String>,
}

pub(crate) fn blocks() -> Vec<Block> {
    blocks_of(&text())
}

/// The commands of the first block behind a heading.
#[track_caller]
pub(crate) fn steps(heading: &str) -> Vec<Step> {
    let text = text();
    let (_, behind) = text.split_once(&format!("**{heading}")).expect(heading);
    let mut steps: Vec<Step> = Vec::new();
    for line in blocks_of(behind)[0].text.lines() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => {
                steps.push(Step { command: command.to_owned(), printed: Vec::new() });
            }
            (None, Some(step)) => step.printed.push(line.to_owned()),
            (None, None) => panic!("{line:?} stands before a command"),
        }
    }
    steps
}

/// Holds what was printed to what the README says.
#[track_caller]
pub(crate) fn assert_printed(printed: &str, expected: &[String]) {
    let lines: Vec<_> = printed.lines().collect();
    let fits = lines.len() == expected.len()
        && lines.iter().zip(expected).all(|(line, pattern)| matches(line, pattern));
    assert!(fits, "printed:\n{printed}\nexpected:\n{}", expected.join("\n"));
}

fn matches(line: &str, pattern: &str) -> bool {
    let parts: Vec<_> = pattern.split('…').collect();
    let [first, middle @ .., last] = parts.as_slice() else { return line == pattern };
    let ends = line.len() >= first.len() + last.len() && line.starts_with(first);
    if !ends || !line.ends_with(last) {
        return false;
    }
    let mut rest = &line[first.len()..line.len() - last.len()];
    middle.iter().all(|part| match rest.split_once(part) {
        Some((_, behind)) => {
            rest = behind;
            true
        }
        None => false,
    })
}

fn text() -> String {
    fs::read_to_string(place::tree().join("README.md")).unwrap()
}

fn blocks_of(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut before = "";
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let text = lines.by_ref().take_while(|line| *line != "```").map(|l| format!("{l}\n"));
            blocks.push(Block {
                before: before.to_owned(),
                language: language.to_owned(),
                text: text.collect(),
            });
        } else if !line.is_empty() {
            before = line;
        }
    }
    blocks
}
