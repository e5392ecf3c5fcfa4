//! A time limit that holds for bryo, not for the machine below it: longer where everything takes
//! longer (`patient`), and put off by as long as the machine stands still.

use std::time::{Duration, Instant};

use super::{patient, pulse};

/// Not even a machine that stands still is waited for without end.
const LONGEST_STILL: Duration = Duration::from_secs(120);
/// Shorter ones are short of every limit.
const STANDSTILL: Duration = Duration::from_millis(200);
const LOOK: Duration = Duration::from_millis(2);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    limit: Duration,
    since: Stopwatch,
}

impl Deadline {
    pub(crate) fn after(limit: Duration) -> Self {
        Self { limit: patient(limit), since: Stopwatch::start() }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.left().is_none()
    }

    /// Waits for something to become true; whether it did in time.
    pub(crate) fn sees(&self, mut is_true: impl FnMut() -> bool) -> bool {
        while !is_true() {
            if self.is_over() {
                return is_true();
            }
            std::thread::sleep(LOOK);
        }
        true
    }

    /// At least so long it is not over.
    pub(crate) fn left(&self) -> Option<Duration> {
        self.limit.checked_sub(self.since.elapsed()).filter(|left| !left.is_zero())
    }
}

/// Counts the time that the machine had to give.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch {
    began: Instant,
    lost: Duration,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self { lost: pulse::lost(), began: Instant::now() }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed().saturating_sub(self.lost())
    }

    /// Whether limits of bryo's own, or of a test's programs, may have passed by it.
    pub(crate) fn saw_a_standstill(&self) -> bool {
        self.lost() > STANDSTILL
    }

    /// For how long the machine stood still meanwhile.
    pub(crate) fn lost(&self) -> Duration {
        pulse::lost().saturating_sub(self.lost).min(LONGEST_STILL)
    }
}
