//! How long a run may take: its timeout and grace. Tells what is due; sends nothing itself.

use std::time::{Duration, Instant};

use crate::plan::Plan;
use crate::sys::process::Change;

use super::Outcome;

/// What the clock says.
pub(super) enum Tick {
    NotYet,
    TimeIsOver,
    GraceIsOver,
}

/// The timeout: TERM when the time is over, KILL after the grace.
pub(super) struct Clock {
    deadline: Option<Instant>,
    grace: Duration,
    pub(super) timed_out: bool,
}

impl Clock {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            deadline: plan.life.timeout.and_then(|timeout| Instant::now().checked_add(timeout.0)),
            grace: plan.life.grace.0,
            timed_out: false,
        }
    }

    pub(super) fn until_next(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    pub(super) fn tick(&mut self) -> Tick {
        if self.deadline.is_none_or(|deadline| Instant::now() < deadline) {
            return Tick::NotYet;
        }
        if self.timed_out {
            self.deadline = None;
            return Tick::GraceIsOver;
        }
        self.timed_out = true;
        self.deadline = Instant::now().checked_add(self.grace);
        Tick::TimeIsOver
    }

    pub(super) fn outcome(&self, end: Change) -> Outcome {
        Outcome { timed_out: self.timed_out, ..Outcome::new(end) }
    }
}
