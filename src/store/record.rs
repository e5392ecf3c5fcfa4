//! What is known of a try besides its changes, in a file beside them.

use std::os::fd::{AsFd, BorrowedFd};

use serde::{Deserialize, Serialize};

use crate::base::{Error, Result, Text};
use crate::sys::clock::Moment;
use crate::sys::small_file::{self, Durability};
use crate::sys::{entry, file};

pub(super) const NAME: &str = "record.json";
const LIMIT: usize = 1 << 20;
/// How much is kept of a command, which may be longer than the whole record.
const LONGEST_COMMAND: usize = 64 << 10;
/// The form that this bryo writes.
const VERSION: u32 = 1;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Record {
    /// Of this form; a later bryo reads it, too.
    pub version: u32,
    /// For people: control characters are escaped.
    pub command: Vec<String>,
    /// When the sandbox began, by the clock that stamps files: whatever was changed outside since
    /// bears a later ctime.
    pub began: Time,
    /// `None`: it has not ended, or not by itself.
    pub ended: Option<End>,
}

/// Seconds and nanoseconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Time(pub i64, pub u32);

impl From<Moment> for Time {
    fn from(moment: Moment) -> Self {
        Self(moment.seconds, moment.nanoseconds)
    }
}

impl From<Time> for Moment {
    fn from(Time(seconds, nanoseconds): Time) -> Self {
        Self { seconds, nanoseconds }
    }
}

#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct End {
    pub at: Time,
    /// The exit status that bryo gave.
    pub status: u8,
}

fn told(command: &[Text]) -> Vec<String> {
    let mut left = LONGEST_COMMAND;
    let fits = |word: &String| {
        left = left.saturating_sub(word.len() + 1);
        left > 0
    };
    let mut told: Vec<_> = command.iter().map(ToString::to_string).take_while(fits).collect();
    if told.len() < command.len() {
        told.push("…".to_owned());
    }
    told
}

impl Record {
    pub(super) fn of(command: &[Text], began: Time) -> Self {
        Self { version: VERSION, command: told(command), began, ended: None }
    }

    /// The same for another command on top of it.
    pub(super) fn again(&self, command: &[Text]) -> Self {
        Self { command: told(command), ended: None, ..self.clone() }
    }

    pub(super) fn write(&self, place: BorrowedFd<'_>, durability: Durability) -> Result<()> {
        let text = serde_json::to_vec(self).map_err(|e| Error::new(e.to_string()))?;
        Ok(small_file::write(place, NAME, &text, durability).map(drop)?)
    }

    pub(super) fn read(place: BorrowedFd<'_>) -> Result<Self> {
        let fd = entry::open_file_at(place, NAME.as_ref())?;
        let text = file::read_all(fd.as_fd(), LIMIT)?;
        let record: Self = serde_json::from_slice(&text)
            .map_err(|e| Error::new(format!("`{NAME}` is damaged: {e}")))?;
        match record.version {
            VERSION => Ok(record),
            other => Err(Error::new(format!("`{NAME}` is of version {other}"))),
        }
    }
}
