//! The only mouth: data to stdout, talk to stderr.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::io::{BufWriter, Write};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};

use crate::base::Error;
use crate::sys::terminal;

/// Data, to stdout. A reader that has gone away is no error of ours.
pub(super) fn answer(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Where long answers go: stdout, or on a terminal a pager, if one is there.
pub(super) struct Reader {
    to: Box<dyn Write>,
    pager: Option<Child>,
    is_person: bool,
    has_gone: bool,
}

impl Reader {
    pub(super) fn open() -> Self {
        let is_person = terminal::is_terminal(std::io::stdout().as_fd());
        let pager = if is_person { pager() } else { None };
        let (to, pager): (Box<dyn Write>, _) = match pager {
            Some(mut pager) => match pager.stdin.take() {
                Some(pipe) => (Box::new(BufWriter::new(pipe)), Some(pager)),
                None => (Box::new(std::io::stdout()), Some(pager)),
            },
            None => (Box::new(BufWriter::new(std::io::stdout())), None),
        };
        Self { to, pager, is_person, has_gone: false }
    }

    /// Whether it is a terminal, and not a program, that reads.
    pub(super) fn is_person(&self) -> bool {
        self.is_person
    }

    pub(super) fn has_gone(&self) -> bool {
        self.has_gone
    }

    /// All is written; waits until it has been read.
    pub(super) fn finish(mut self) {
        let _ = self.to.flush();
        drop(self.to);
        if let Some(mut pager) = self.pager {
            let _ = pager.wait();
        }
    }
}

impl Write for Reader {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let result = self.to.write(bytes);
        self.has_gone |= result.is_err();
        result
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}

/// What `PAGER` names, else less(1), told to end at once where everything fits and to pass colours.
fn pager() -> Option<Child> {
    let named = std::env::var("PAGER").ok().filter(|pager| !pager.trim().is_empty());
    let words = named.unwrap_or_else(|| "less".to_owned());
    let mut words = words.split_ascii_whitespace();
    let program = words.next()?;
    if program == "cat" {
        return None;
    }
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::piped());
    if std::env::var_os("LESS").is_none() {
        command.env("LESS", "FRX");
    }
    command.spawn().ok()
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

/// What can be done next.
pub(super) fn hint(text: &str) {
    let _ = writeln!(std::io::stderr(), "hint: {text}");
}

/// What somebody is to be asked about.
pub(super) fn talk() -> impl Write {
    BufWriter::new(std::io::stderr())
}

/// Part of a line that somebody is to answer.
pub(super) fn question(text: &str) {
    let mut to = std::io::stderr();
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
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
