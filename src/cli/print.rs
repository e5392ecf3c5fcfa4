//! The only mouth: data to stdout, talk to stderr.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::io::{self, BufWriter, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use crate::base::{Context, Error, Result, progress};
use crate::changes::diff::Colour;
use crate::sys::{CallError, Errno, signal, terminal};

/// Whether there is a line on the terminal that is to pass.
static PASSING: AtomicBool = AtomicBool::new(false);

/// A line that goes when anything else is said, or another one of its kind. For a terminal only.
pub(super) fn passing(line: &str) {
    PASSING.store(true, Ordering::Relaxed);
    // In one call, and the rest of the line last: nothing flickers.
    let _ = std::io::stderr().write_all(format!("\r{line}\x1b[K").as_bytes());
}

/// Takes such a line away.
pub(super) fn clear() {
    if PASSING.swap(false, Ordering::Relaxed) {
        let _ = std::io::stderr().write_all(b"\r\x1b[K");
    }
}

/// Data, to stdout.
pub(super) fn answer(text: &str) {
    clear();
    let _ = heard(writeln!(std::io::stdout(), "{text}"));
}

pub(super) fn json(data: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(data).map_err(|e| Error::new(e.to_string()))?;
    answer(&text);
    Ok(())
}

/// The first error of an answer that was not written to its end.
static CUT: Mutex<Option<CallError>> = Mutex::new(None);

/// Keeps the error of an answer, to be told when the verb has ended. A reader that has gone away is
/// none.
fn heard<T>(result: io::Result<T>) -> io::Result<T> {
    if let Err(error) = &result
        && error.kind() != io::ErrorKind::BrokenPipe
        && let Ok(mut cut) = CUT.lock()
    {
        let errno = error.raw_os_error().map_or(Errno::EIO, Errno);
        cut.get_or_insert_with(|| CallError { call: "write(1)".to_owned(), errno });
    }
    result
}

/// An error if half an answer was written, as on a full disk.
pub(super) fn check_is_whole() -> Result<()> {
    let cut = CUT.lock().ok().and_then(|mut cut| cut.take());
    cut.map_or(Ok(()), Err).context(|| "cannot write the answer to its end".to_owned())
}

/// Where long answers go: stdout, or on a terminal a pager, if one is there.
pub(super) struct Reader {
    to: Box<dyn Write>,
    pager: Option<Child>,
    is_person: bool,
    colour: Colour,
    has_gone: bool,
}

impl Reader {
    pub(super) fn open() -> Self {
        let is_person = terminal::is_terminal(std::io::stdout().as_fd());
        let colour = colour_for(std::io::stdout().as_fd());
        let pager = if is_person { pager() } else { None };
        let (to, pager): (Box<dyn Write>, _) = match pager {
            Some(mut pager) => match pager.stdin.take() {
                Some(pipe) => (Box::new(BufWriter::new(pipe)), Some(pager)),
                None => (Box::new(std::io::stdout()), Some(pager)),
            },
            None => (Box::new(BufWriter::new(std::io::stdout())), None),
        };
        if pager.is_some() {
            // `^C` is for the pager, which lives on: it would share the terminal with a shell.
            for key in [signal::SIGINT, signal::SIGQUIT] {
                let _ = signal::ignore(key);
            }
        }
        Self { to, pager, is_person, colour, has_gone: false }
    }

    /// Whether it is a terminal, and not a program, that reads.
    pub(super) fn is_person(&self) -> bool {
        self.is_person
    }

    pub(super) fn colour(&self) -> Colour {
        self.colour
    }

    pub(super) fn has_gone(&self) -> bool {
        self.has_gone
    }

    /// All is written; waits until it has been read.
    pub(super) fn finish(mut self) {
        let _ = self.flush();
        drop(self.to);
        if let Some(mut pager) = self.pager {
            let _ = pager.wait();
        }
    }
}

impl Write for Reader {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_person {
            // The answer itself shows from now on how far it is.
            progress::listen(None);
            clear();
        }
        let result = heard(self.to.write(bytes));
        self.has_gone |= result.is_err();
        result
    }

    fn flush(&mut self) -> io::Result<()> {
        heard(self.to.flush())
    }
}

/// What `PAGER` names, else less(1), told to end at once where everything fits and to pass colours.
/// less(1) can do nothing with a dumb terminal, and waits for a key to say so.
fn pager() -> Option<Child> {
    let named = std::env::var("PAGER").ok().filter(|pager| !pager.trim().is_empty());
    let named = named.or_else(|| (!is_dumb()).then(|| "less".to_owned()))?;
    let words = match named.contains(['"', '\'', '\\', '$', '|', '~']) {
        // A shell tells too late that a plain program is missing.
        true => vec!["sh", "-c", &named],
        false => named.split_ascii_whitespace().collect(),
    };
    let (program, words) = words.split_first().filter(|(program, _)| **program != "cat")?;
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::piped());
    if std::env::var_os("LESS").is_none() {
        command.env("LESS", "FRX");
    }
    command.spawn().ok()
}

/// Set while the cursor may be anywhere in a line, since a command has written there.
static CURSOR_IS_ANYWHERE: AtomicBool = AtomicBool::new(false);

/// A command had the terminal, and may have left its last line open.
pub(super) fn a_command_has_written() {
    CURSOR_IS_ANYWHERE.store(true, Ordering::Relaxed);
}

/// What a command may have left that would hide what is said of it: a sequence without an end, in
/// which a terminal swallows all that follows, letters in another or no colour or of another
/// alphabet, insertion, lines that do not wrap, a screen of two lines (ctlseqs).
const SHOW_AGAIN: &str = "\x18\x1b\\\x1b[m\x1b(B\x0f\x1b[4l\x1b[?7h\x1b7\x1b[r\x1b8";

/// Talk, to stderr, from the first column of a terminal: as many blanks as it has columns end on
/// the same line from there, and on the next one from any other.
fn talk(text: &[u8]) {
    clear();
    let mut to = std::io::stderr().lock();
    if CURSOR_IS_ANYWHERE.swap(false, Ordering::Relaxed)
        && terminal::is_terminal(to.as_fd())
        && let Some(columns) = terminal::columns(to.as_fd())
    {
        let show_again = if is_dumb() { "" } else { SHOW_AGAIN };
        let _ = write!(to, "{show_again}{:columns$}\r", "");
    }
    let _ = to.write_all(text).and_then(|()| to.flush());
}

/// One line of warning.
pub(super) fn warning(text: &str) {
    talk(format!("bryo: warning: {text}\n").as_bytes());
}

/// One line that is good to know.
pub(super) fn note(text: &str) {
    talk(format!("bryo: note: {text}\n").as_bytes());
}

/// One line of numbers, at the end.
pub(super) fn stats(text: &str) {
    talk(format!("bryo: stats: {text}\n").as_bytes());
}

/// What can be done next.
pub(super) fn hint(text: &str) {
    talk(format!("hint: {text}\n").as_bytes());
}

/// Lines for a person to look at.
pub(super) fn overview(text: &[u8]) {
    talk(text);
}

/// For talk to a person.
pub(super) fn colour_of_talk() -> Colour {
    colour_for(std::io::stderr().as_fd())
}

/// None where nobody sees it, and where nobody wants it: <https://no-color.org>.
fn colour_for(to: BorrowedFd<'_>) -> Colour {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match terminal::is_terminal(to) && !is_set("NO_COLOR") && !is_dumb() {
        true => Colour::Coloured,
        false => Colour::Plain,
    }
}

/// One that knows no sequences.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb")
}

/// What somebody is to be asked about.
pub(super) fn shown() -> impl Write {
    BufWriter::new(std::io::stderr())
}

/// Part of a line that somebody is to answer.
pub(super) fn question(text: &str) {
    talk(text.as_bytes());
}

/// What could not be done and why; then what helps. Returns the exit status to end with.
pub(super) fn error(error: &Error) -> u8 {
    let mut text = format!("bryo: error: {error}\n");
    if let Some(hint) = error.hint_text() {
        text.push_str(&format!("\nhint: {hint}\n"));
    }
    talk(text.as_bytes());
    error.exit_code().number()
}

/// Help and version, as clap words them.
pub(super) fn help(text: &clap::Error) {
    let _ = heard(text.print());
}
