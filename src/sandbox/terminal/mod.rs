//! The terminal of a run: a pseudo-terminal of the sandbox's own, whose inner end ([`Inside`])
//! init and the payload have, and whose outer end ([`Outside`]) the caller relays to the terminal
//! it was started on. No descriptor of that one ever stays inside.

mod guard;
mod inside;
mod outside;
mod relay;

use std::os::fd::{AsFd, BorrowedFd};

use serde::{Deserialize, Serialize};

use crate::sys::{process, terminal};

pub(super) use inside::Inside;
pub(super) use outside::{Outside, Ready};

/// Where the payload's process group stands on its terminal. In the background it may write, and
/// is stopped when it wants to read or to change the settings.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Place {
    Foreground,
    Background,
}

/// Which of the streams 0, 1 and 2 are terminals, and where the payload begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Streams {
    terminals: [bool; 3],
    pub(super) beginning: Place,
}

impl Streams {
    /// Asks about the caller's own streams; `None` when none of them is a terminal.
    ///
    /// In a pipeline (`bryo run -- ls | less`) another program may be the one that reads the
    /// keys, so the payload begins in the background and gets them when it asks for them.
    pub(super) fn of_the_caller() -> Option<Self> {
        let terminals = process::standard_streams().map(terminal::is_terminal);
        if terminals == [false; 3] {
            return None;
        }
        let mut streams = Self { terminals, beginning: Place::Background };
        if streams.are_for_a_person() && is_ours_now(streams.read_from()) {
            streams.beginning = Place::Foreground;
        }
        Some(streams)
    }

    /// Typed at, and shown what it says: no pipeline.
    fn are_for_a_person(self) -> bool {
        self.terminals[0] && self.terminals[1]
    }

    fn numbers(self) -> impl Iterator<Item = i32> {
        (0..3).zip(self.terminals).filter(|(_, is_terminal)| *is_terminal).map(|(number, _)| number)
    }

    fn read_from(self) -> BorrowedFd<'static> {
        self.first_of([0, 1, 2])
    }

    fn written_to(self) -> BorrowedFd<'static> {
        self.first_of([1, 2, 0])
    }

    fn first_of(self, order: [usize; 3]) -> BorrowedFd<'static> {
        let first = order.into_iter().find(|number| self.terminals[*number]);
        process::standard_streams()[first.unwrap_or_default()]
    }
}

/// Whether this process group is in the foreground of the terminal. A terminal that does not
/// control it knows no background.
fn is_ours_now(terminal: impl AsFd) -> bool {
    terminal::foreground_group(terminal.as_fd())
        .map_or(true, |group| group == process::own_process_group())
}
