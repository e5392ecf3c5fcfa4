//! What `--status-fd` tells: one line of JSON for each thing that happens to the payload, on a
//! descriptor that never gets inside.

use std::os::fd::{AsFd, OwnedFd};

use serde::Serialize;

use crate::base::{Error, Result};
use crate::plan::Plan;
use crate::sys::process::{self, Change};
use crate::sys::{file, terminal};

use super::limits::Resource;
use super::{Integrity, Outcome, Usage};

/// The descriptor that events are written to, if one was asked for.
#[derive(Debug)]
pub(super) struct Status(Option<OwnedFd>);

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Event<'a> {
    Started,
    Exited {
        status: i32,
        #[serde(skip_serializing_if = "Option::is_none")]
        usage: Option<Usage>,
    },
    Killed {
        signal: i32,
        /// Whether it was for its memory.
        #[serde(skip_serializing_if = "is_false")]
        oom: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        usage: Option<Usage>,
    },
    TimedOut {
        #[serde(skip_serializing_if = "Option::is_none")]
        usage: Option<Usage>,
    },
    Failed {
        error: String,
        status: u8,
    },
    /// What was found after it.
    Integrity(&'a Integrity),
}

// In the form in which serde asks.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(truth: &bool) -> bool {
    !truth
}

impl Status {
    /// Checks every descriptor that was named. Before anything else is opened, for a number that
    /// the user did not open could otherwise be one of bryo's own.
    pub(super) fn open(plan: &Plan) -> Result<Self> {
        for number in &plan.pass_descriptors {
            check_passed(*number, plan)
                .map_err(|e| e.within(format!("cannot pass descriptor {number}")))?;
        }
        let Some(number) = plan.life.status_fd else { return Ok(Self(None)) };
        match process::duplicate_number(number) {
            Ok(own) => Ok(Self(Some(own))),
            Err(_) => Err(Error::new(format!("descriptor {number} is not open"))
                .within("cannot report the status")),
        }
    }

    /// For a number that nobody has checked yet; one that is not open hears nothing.
    pub(super) fn of_descriptor(number: i32) -> Self {
        Self(process::duplicate_number(number).ok())
    }

    pub(super) fn started(&self) {
        self.tell(&Event::Started);
    }

    pub(super) fn ended(&self, result: &Result<Outcome>) {
        self.tell(&match result {
            Ok(Outcome { timed_out: true, usage, .. }) => Event::TimedOut { usage: *usage },
            Ok(Outcome { end: Change::Killed(signal), excess, usage, .. }) => Event::Killed {
                signal: *signal,
                oom: excess.is_some_and(|excess| excess.of == Resource::Memory),
                usage: *usage,
            },
            Ok(Outcome { end: Change::Exited(status), usage, .. }) => {
                Event::Exited { status: *status, usage: *usage }
            }
            Ok(Outcome { end: Change::Stopped(_) | Change::Continued, .. }) => return,
            Err(error) => {
                Event::Failed { error: error.to_string(), status: error.exit_code().number() }
            }
        });
    }

    /// Only what is worth a word: a run that left nothing behind has had its last one.
    pub(super) fn looked_at(&self, integrity: &Integrity) {
        if integrity.is_clean() {
            return;
        }
        self.tell(&Event::Integrity(integrity));
        if let Err(error) = integrity.verdict() {
            self.ended(&Err(error));
        }
    }

    fn tell(&self, event: &Event<'_>) {
        let Some(fd) = &self.0 else { return };
        let Ok(mut line) = serde_json::to_vec(event) else { return };
        line.push(b'\n');
        // A reader that has gone away is no reason to end the run.
        let _ = file::write_all(fd.as_fd(), &line);
    }
}

fn check_passed(number: i32, plan: &Plan) -> Result<()> {
    if plan.life.status_fd == Some(number) {
        return Err(Error::new("the status is reported on it, and nobody inside may write there"));
    }
    match process::duplicate_number(number) {
        Err(_) => Err(Error::new("it is not open")),
        Ok(copy) if terminal::is_terminal(copy.as_fd()) => {
            Err(Error::new("it is a terminal of the host, and the sandbox gets none but its own"))
        }
        Ok(_) => Ok(()),
    }
}
