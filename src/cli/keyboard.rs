//! Somebody at the terminal, who answers with one key.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use crate::base::Result;
use crate::sys::poll::{Watch, wait_for};
use crate::sys::signal::{self, SignalQueue};
use crate::sys::terminal::{self, Settings};
use crate::sys::{file, process};

use super::print;

/// What a key of that name sends to a program that reads every byte.
pub(super) const INTERRUPT: u8 = 3;
pub(super) const END: u8 = 4;
const SUSPEND: u8 = 26;
const ESCAPE: u8 = 0x1b;

/// A terminal sends all of what it sends at once.
const AT_ONCE: Duration = Duration::from_millis(100);

/// Whether a byte begins what a terminal sends for a key without a letter, or by itself: a command
/// may have asked for a colour as its last word, and the answer comes while bryo asks
/// (`rgb:aaaa/…`, ctlseqs "Control characters", with 8 bits after S8C1T).
fn is_of_the_terminal(key: u8) -> bool {
    key == ESCAPE || key >= 0x80
}

/// That there is somebody to ask: both the streams of talk are a terminal. Looked at before a
/// sandbox takes them.
pub(super) struct Person(());

impl Person {
    pub(super) fn look() -> Option<Self> {
        let [input, _, talk] = process::standard_streams();
        (terminal::is_terminal(input) && terminal::is_terminal(talk)).then_some(Self(()))
    }
}

pub(super) struct Keyboard(OwnedFd);

impl Keyboard {
    /// The terminal, if bryo is in its foreground.
    pub(super) fn open(_person: &Person) -> Option<Self> {
        let keyboard = file::open_path_for_update(Path::new("/dev/tty")).ok()?;
        let foreground = terminal::foreground_group(keyboard.as_fd()).ok()?;
        (foreground == process::own_process_group()).then_some(Self(keyboard))
    }

    pub(super) fn terminal(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// The first key that is an answer to the question; `None`: the terminal is gone, or a signal
    /// asks to end. What was typed before is no answer, and no letter of an arrow key is one. `^Z`
    /// stops bryo, which then asks again.
    pub(super) fn ask(&self, question: &str, is_answer: &dyn Fn(u8) -> bool) -> Result<Option<u8>> {
        loop {
            let before = Settings::of(self.terminal())?;
            before.raw().with_own_output_of(&before).apply_afresh(self.terminal())?;
            print::question(question);
            let key = self.read(&|key| key == SUSPEND || is_answer(key));
            before.apply(self.terminal())?;
            // What a sandbox has left blocked; a pager, and what is done next, can be ended and
            // stopped.
            signal::unblock_all()?;
            match key? {
                Some(SUSPEND) => process::kill(0, signal::SIGTSTP)?,
                key => return Ok(key),
            }
            print::question("\n");
        }
    }

    fn read(&self, is_answer: &dyn Fn(u8) -> bool) -> Result<Option<u8>> {
        let signals = SignalQueue::open(&signal::ENDING)?;
        loop {
            let mut watches = [Watch::reading(self.terminal()), Watch::reading(signals.as_fd())];
            wait_for(&mut watches, None)?;
            if watches[1].readable {
                while signals.next()?.is_some() {}
                return Ok(None);
            }
            let mut key = [0];
            match file::read(self.terminal(), &mut key) {
                Ok(0) | Err(_) => return Ok(None),
                Ok(_) if is_of_the_terminal(key[0]) && self.has_passed_over_more()? => {}
                Ok(_) if is_answer(key[0]) => return Ok(Some(key[0])),
                Ok(_) => {}
            }
        }
    }

    /// Whether the byte was not all of it.
    fn has_passed_over_more(&self) -> Result<bool> {
        let mut is_more = false;
        loop {
            let mut watches = [Watch::reading(self.terminal())];
            wait_for(&mut watches, Some(AT_ONCE))?;
            if !watches[0].readable || file::read(self.terminal(), &mut [0; 64])? == 0 {
                return Ok(is_more);
            }
            is_more = true;
        }
    }
}
