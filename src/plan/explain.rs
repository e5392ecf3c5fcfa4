//! The plan, drawn for a person: who the command is inside, what it sees and can change, what it
//! can reach, and which way was taken where there are several. Decides nothing, reads nothing;
//! the same plan is always the same text.

mod confinement;
mod filter;
mod identity;
mod limits;
mod network;
mod view;

use std::fmt::{Display, Write};

use crate::base::Text;

use super::Plan;

/// Behind the heading of a line.
const INDENT: usize = 13;

/// The whole drawing.
#[must_use]
pub fn explain(plan: &Plan) -> String {
    let mut drawing = Drawing(String::new());
    command(&mut drawing, plan);
    drawing.gap();
    identity::draw(&mut drawing, plan);
    filter::draw(&mut drawing, plan);
    drawing.gap();
    view::draw(&mut drawing, plan);
    drawing.gap();
    network::draw(&mut drawing, plan);
    confinement::draw(&mut drawing, plan);
    limits::draw(&mut drawing, plan);
    surroundings(&mut drawing, plan);
    choices(&mut drawing, plan);
    warnings(&mut drawing, plan);
    drawing.0
}

/// Lines under headings, aligned.
struct Drawing(String);

impl Drawing {
    fn line(&mut self, heading: &str, text: impl Display) {
        let text = text.to_string();
        let _ = writeln!(self.0, "{heading:INDENT$}{}", text.trim_end());
    }

    /// Under one heading, which only the first line bears.
    fn lines(&mut self, heading: &str, lines: impl IntoIterator<Item = String>) {
        for (index, line) in lines.into_iter().enumerate() {
            self.line(if index == 0 { heading } else { "" }, line);
        }
    }

    fn gap(&mut self) {
        self.0.push('\n');
    }
}

/// Rows of cells, each column as wide as its widest cell, the last one free.
fn aligned<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> Vec<String> {
    /// A longer cell pushes its own row only.
    const WIDEST: usize = 44;
    let letters = |cell: &String| cell.chars().count();
    let width = |column: usize| {
        let fitting = rows.iter().map(|row| letters(&row[column])).filter(|width| *width <= WIDEST);
        fitting.max().unwrap_or(0)
    };
    rows.iter()
        .map(|row| {
            let cells = row.iter().enumerate().map(|(column, cell)| match column + 1 == COLUMNS {
                true => cell.clone(),
                false => format!("{cell:0$}  ", width(column)),
            });
            cells.collect::<String>().trim_end().to_owned()
        })
        .collect()
}

fn command(drawing: &mut Drawing, plan: &Plan) {
    let words: Vec<String> = plan.command.iter().map(shell_word).collect();
    drawing.line("command", words.join(" "));
    drawing.line("starts in", &plan.view.workdir);
    let span = match &plan.life.timeout {
        Some(timeout) => {
            format!("at most {timeout}; then TERM, and KILL {} later", plan.life.grace)
        }
        None => return,
    };
    drawing.line("lives", span);
}

/// The word as one would type it.
fn shell_word(word: &Text) -> String {
    let shown = word.to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:=,+@%".contains(c);
    if !shown.is_empty() && shown.chars().all(is_plain) {
        return shown;
    }
    format!("'{}'", shown.replace('\'', "'\\''"))
}

fn surroundings(drawing: &mut Drawing, plan: &Plan) {
    let names: Vec<String> = plan.environment.iter().map(|(name, _)| name.to_string()).collect();
    drawing.lines("environment", wrapped(&names));
    let passed: Vec<String> = plan.pass_descriptors.iter().map(ToString::to_string).collect();
    if !passed.is_empty() {
        drawing.line("descriptors", format!("0, 1, 2 and {}", passed.join(", ")));
    }
    if let Some(fd) = plan.life.status_fd {
        drawing.line("reports", format!("its start and end on descriptor {fd}"));
    }
}

/// Words in lines of a screen's width.
fn wrapped(words: &[String]) -> Vec<String> {
    const WIDTH: usize = 66;
    let mut lines: Vec<String> = vec![String::new()];
    for word in words {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + word.chars().count() < WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.clone()),
        }
    }
    lines
}

fn choices(drawing: &mut Drawing, plan: &Plan) {
    if plan.rungs.is_empty() {
        return;
    }
    drawing.gap();
    let rows: Vec<[String; 3]> = plan
        .rungs
        .iter()
        .map(|rung| [rung.need.to_owned(), shown(&rung.took), shown(&rung.why)])
        .collect();
    drawing.lines("choices", aligned(&rows));
}

fn warnings(drawing: &mut Drawing, plan: &Plan) {
    if !plan.warnings.is_empty() {
        drawing.gap();
    }
    for warning in &plan.warnings {
        drawing.line("warning", shown(warning));
    }
}

/// Text that may hold names of others, its control characters escaped.
fn shown(text: &str) -> String {
    Text::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_as_a_shell_wants_them() {
        assert_eq!(shell_word(&Text::from("make")), "make");
        assert_eq!(shell_word(&Text::from("")), "''");
        assert_eq!(shell_word(&Text::from("a b'c")), "'a b'\\''c'");
        assert_eq!(shell_word(&Text::from("\x1b[1m")), "'\\u{1b}[1m'");
    }

    #[test]
    fn columns_are_as_wide_as_their_cells() {
        let row = |a: &str, b: &str| [a.to_owned(), b.to_owned()];
        assert_eq!(
            aligned(&[row("a", "x"), row("long", ""), row("", "y")]),
            ["a     x", "long", "      y"]
        );
    }

    #[test]
    fn long_lists_are_wrapped() {
        let words = vec!["x".repeat(40), "y".repeat(40)];
        assert_eq!(wrapped(&words).len(), 2);
        assert_eq!(wrapped(&["a".to_owned(), "b".to_owned()]), ["a b"]);
    }
}
