//! The only mouth: data to stdout, talk to stderr.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::io::Write;

use crate::base::Error;

/// Data, to stdout. A reader that has gone away is no error of ours.
pub(super) fn answer(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// One line of warning.
pub(super) fn warning(text: &str) {
    let _ = writeln!(std::io::stderr(), "bryo: warning: {text}");
}

/// One line that is good to know.
pub(super) fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "bryo: note: {text}");
}

/// One line of numbers, at the end.
pub(super) fn stats(text: &str) {
    let _ = writeln!(std::io::stderr(), "bryo: stats: {text}");
}

/// What could not be done and why; then what helps. Returns the exit status to end with.
pub(super) fn error(error: &Error) -> u8 {
    let mut text = format!("bryo: error: {error}\n");
    if let Some(hint) = error.hint_text() {
        text.push_str(&format!("\nhint: {hint}\n"));
    }
    let _ = std::io::stderr().write_all(text.as_bytes());
    error.exit_code().number()
}

/// Help and version, as clap words them.
pub(super) fn help(text: &clap::Error) {
    let _ = text.print();
}
