//! The story of one run: a caller outside, an init and a payload inside, helpers beside them.
//!
//! [`launch`] takes a complete plan and decides nothing. Each process has a file that opens with
//! who it is; the parts they share are one noun a file.

mod caller;
mod clock;
mod command;
mod confine;
mod every_id;
mod helper;
mod identity;
mod init;
mod integrity;
mod interpreter;
mod limits;
mod missing;
mod namespaces;
mod net;
mod overlay;
mod paper;
mod payload;
mod relayed;
mod status;
mod terminal;
mod view;
mod wire;

use std::ffi::OsStr;
use std::os::fd::BorrowedFd;

use crate::base::{Error, Result};
use crate::plan::{Identity, Plan};
use crate::sys::process::Change;

use integrity::Watch;
use status::Status;

pub use integrity::{Change as Became, Cut, Finding, Integrity, What, obeyed_by};
pub use limits::{Excess, Usage};
pub use overlay::{Lock, Locked, check_is_whole, renew};

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Outcome {
    /// How the payload ended.
    pub end: Change,
    /// Whether bryo ended it, because its time was over.
    pub timed_out: bool,
    /// Why it was killed, if it used too much.
    pub excess: Option<Excess>,
    /// Where that was asked for.
    pub usage: Option<Usage>,
}

impl Outcome {
    fn new(end: Change) -> Self {
        Self { end, timed_out: false, excess: None, usage: None }
    }

    /// What bryo's own exit status says of it.
    #[must_use]
    pub fn exit_status(self) -> u8 {
        if self.timed_out {
            return crate::base::ExitCode::TimedOut.number();
        }
        match self.end {
            Change::Exited(status) => status as u8,
            Change::Killed(signal) => (128 + signal) as u8,
            Change::Stopped(_) | Change::Continued => 0,
        }
    }
}

/// Tells `--status-fd` of a run that failed before there was a plan.
pub fn report_failure(number: i32, error: &Error) {
    Status::of_descriptor(number).ended(&Err(error.clone()));
}

/// Removes a directory that a sandbox wrote to, by its name in another one.
pub fn remove_tree(parent: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
    overlay::remove_tree(parent, name)
}

/// The same where files of subordinate ids are in it, with the maps of this identity.
pub fn remove_tree_of_every_id(
    identity: &Identity,
    parent: BorrowedFd<'_>,
    name: &OsStr,
) -> Result<()> {
    every_id::remove_tree(identity, parent, name)
}

/// How a run ended, and what it left behind: whoever makes it fail hides nothing by that.
#[derive(Clone, Debug)]
pub struct Ended {
    pub outcome: Result<Outcome>,
    pub integrity: Integrity,
}

/// Runs the plan to its end.
#[must_use]
pub fn launch(plan: &Plan) -> Ended {
    let status = match Status::open(plan) {
        Ok(status) => status,
        Err(error) => return Ended { outcome: Err(error), integrity: Integrity::default() },
    };
    let watch = Watch::begin(plan);
    let mut paper = None;
    let outcome = caller::launch(plan, &status, &mut paper)
        .map_err(|error| error.explained("cannot run the sandbox"));
    status.ended(&outcome);
    let integrity = watch.end();
    status.looked_at(&integrity);
    let completed = paper.map_or(Ok(()), |paper| paper.complete(plan, &integrity));
    let outcome = outcome.and_then(|outcome| completed.map(|()| outcome));
    Ended { outcome, integrity }
}
