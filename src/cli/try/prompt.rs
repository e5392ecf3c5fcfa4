//! The question at the end of a try, on the terminal: one key answers it. Whatever ends it otherwise,
//! such as `^C` or the end of the input, keeps the changes.

use crate::base::{Error, Result};
use crate::cli::keyboard::{Keyboard, Person};
use crate::cli::{diff, named, print};
use crate::store::Kept;
use crate::sys::process;

use super::{answer, discard};

const QUESTION: &str = "[d]iff, [a]pply, [k]eep, d[i]scard? ";

enum Choice {
    Diff,
    Apply,
    Keep,
    Discard,
}

pub(super) struct Prompt {
    keyboard: Keyboard,
}

impl Prompt {
    pub(super) fn open(person: &Person) -> Option<Self> {
        Keyboard::open(person).map(|keyboard| Self { keyboard })
    }

    /// Asks until there is an answer, and does what it says.
    pub(super) fn ask(self, kept: Kept) -> Result<()> {
        // The sandbox has had the other streams; a pager needs them.
        let [_, _, talk] = process::standard_streams();
        process::duplicate_to(self.keyboard.terminal(), 0)?;
        process::duplicate_to(talk, 1)?;
        loop {
            match self.choice()? {
                Choice::Keep => {
                    named::tell_next(&kept.name);
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
        let (choice, word) = match self.keyboard.ask(QUESTION, &is_answer)? {
            Some(b'd' | b'D') => (Choice::Diff, "diff"),
            Some(b'a' | b'A') => (Choice::Apply, "apply"),
            Some(b'i' | b'I') => (Choice::Discard, "discard"),
            _ => (Choice::Keep, "keep"),
        };
        print::question(&format!("{word}\n"));
        Ok(choice)
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
