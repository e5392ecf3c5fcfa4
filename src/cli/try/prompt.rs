//! The question at the end of a try, on the terminal: one key answers it. Whatever is no answer, the
//! end of the input and `^C` too, keeps the changes.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use crate::base::{Error, Result};
use crate::cli::{diff, print};
use crate::store::Kept;
use crate::sys::poll::{Watch, wait_for};
use crate::sys::signal::{self, SignalQueue};
use crate::sys::terminal::{self, Settings};
use crate::sys::{file, process};

use super::{answer, discard};

const QUESTION: &str = "[d]iff, [a]pply, [k]eep, d[i]scard? ";

/// Those that end a program that asks.
const SIGNALS: [i32; 4] = [signal::SIGHUP, signal::SIGINT, signal::SIGQUIT, signal::SIGTERM];

enum Choice {
    Diff,
    Apply,
    Keep,
    Discard,
}

/// That there is somebody to ask: both the streams of talk are a terminal. Looked at before the
/// sandbox takes them.
pub(super) struct Person(());

impl Person {
    pub(super) fn look() -> Option<Self> {
        let [input, _, talk] = process::standard_streams();
        (terminal::is_terminal(input) && terminal::is_terminal(talk)).then_some(Self(()))
    }
}

pub(super) struct Prompt {
    keyboard: OwnedFd,
}

impl Prompt {
    /// The terminal, if bryo is in its foreground.
    pub(super) fn open(_person: &Person) -> Option<Self> {
        let keyboard = file::open_path_for_update(Path::new("/dev/tty")).ok()?;
        let foreground = terminal::foreground_group(keyboard.as_fd()).ok()?;
        (foreground == process::own_process_group()).then_some(Self { keyboard })
    }

    /// Asks until there is an answer, and does what it says.
    pub(super) fn ask(self, kept: Kept) -> Result<()> {
        // The sandbox has had the other streams; a pager needs them.
        let [_, _, talk] = process::standard_streams();
        process::duplicate_to(self.keyboard.as_fd(), 0)?;
        process::duplicate_to(talk, 1)?;
        loop {
            match self.choice()? {
                Choice::Keep => {
                    answer::tell_next(&kept.name);
                    return Ok(());
                }
                Choice::Discard => return discard(kept),
                Choice::Diff => tell(show(&kept.name)),
                Choice::Apply => match answer::apply(&kept.name) {
                    Ok(_) => return Ok(()),
                    Err(error) => tell(Err(error)),
                },
            }
        }
    }

    fn choice(&self) -> Result<Choice> {
        let terminal = self.keyboard.as_fd();
        let before = Settings::of(terminal)?;
        // What was typed for the command is no answer.
        before.raw().with_own_output_of(&before).apply_afresh(terminal)?;
        print::question(QUESTION);
        let choice = self.read();
        before.apply(terminal)?;
        let (choice, word) = match choice? {
            b'd' | b'D' => (Choice::Diff, "diff"),
            b'a' | b'A' => (Choice::Apply, "apply"),
            b'i' | b'I' => (Choice::Discard, "discard"),
            _ => (Choice::Keep, "keep"),
        };
        print::question(&format!("{word}\n"));
        Ok(choice)
    }

    /// The first key that means something.
    fn read(&self) -> Result<u8> {
        const END: u8 = 4;
        let signals = SignalQueue::open(&SIGNALS)?;
        loop {
            let mut watches =
                [Watch::reading(self.keyboard.as_fd()), Watch::reading(signals.as_fd())];
            wait_for(&mut watches, None)?;
            if watches[1].readable {
                return Ok(END);
            }
            let mut key = [0];
            match file::read(self.keyboard.as_fd(), &mut key) {
                Ok(0) | Err(_) => return Ok(END),
                Ok(_) if is_answer(key[0]) => return Ok(key[0]),
                Ok(_) => {}
            }
        }
    }
}

/// The four letters; `^C`, `^D`, escape, `q` and Enter, which keep.
fn is_answer(key: u8) -> bool {
    b"daikDAIKqQ\r\n\x03\x04\x1b".contains(&key)
}

fn show(name: &str) -> Result<()> {
    let matches = diff::command()
        .try_get_matches_from(["diff", name])
        .map_err(|e| Error::new(e.to_string()))?;
    diff::run(&matches).map(drop)
}

fn tell(result: Result<()>) {
    if let Err(error) = result {
        print::error(&error);
    }
}
