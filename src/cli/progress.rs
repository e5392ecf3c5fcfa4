//! The progress of long work: one line at the end of what a terminal shows on stderr, from the first
//! second on, gone when the work is done or anything else is said.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use crate::base::progress::{self, Progress};
use crate::sys::terminal;

use super::print;

/// Work that ends sooner is not worth a line.
const SILENCE: Duration = Duration::from_secs(1);
/// Between two drawings.
const PACE: Duration = Duration::from_millis(100);
/// The widest bar, without its brackets.
const BAR: usize = 30;
/// Narrower than this, nothing is drawn.
const NARROWEST: usize = 12;

/// While it lives, what is done may be shown.
pub(super) struct ProgressLine(());

impl ProgressLine {
    /// Only to somebody who looks.
    pub(super) fn begin() -> Self {
        let talk = std::io::stderr();
        if terminal::is_terminal(talk.as_fd()) {
            let mut meter = Meter::begin(Instant::now());
            progress::listen(Some(Box::new(move |progress| {
                let columns = terminal::columns(std::io::stderr().as_fd()).unwrap_or(80);
                if let Some(line) = meter.line(progress, Instant::now(), columns) {
                    print::passing(&line);
                }
            })));
        }
        Self(())
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        progress::listen(None);
        print::clear();
    }
}

/// When something is drawn, and what.
struct Meter {
    begun: Instant,
    drawn: Option<Instant>,
}

impl Meter {
    fn begin(now: Instant) -> Self {
        Self { begun: now, drawn: None }
    }

    /// What is to be drawn now, if anything is.
    fn line(&mut self, progress: Progress, now: Instant, columns: usize) -> Option<String> {
        let is_early = now.duration_since(self.begun) < SILENCE;
        let is_fresh = self.drawn.is_some_and(|drawn| now.duration_since(drawn) < PACE);
        if is_early || is_fresh || columns < NARROWEST {
            return None;
        }
        self.drawn = Some(now);
        Some(drawn(progress, now.duration_since(self.begun), columns))
    }
}

/// In one line that leaves the last column free, where a terminal would wrap.
fn drawn(Progress { stage, done, total }: Progress, since: Duration, columns: usize) -> String {
    let seconds = since.as_secs();
    let mut line = match total.filter(|total| *total > 0) {
        Some(total) => {
            let done = done.min(total);
            let percent = done * 100 / total;
            let room = columns.saturating_sub(stage.len() + " 100% [] 999s".len() + 1).min(BAR);
            let full = usize::try_from(done * room as u64 / total).unwrap_or(room);
            let bar = match room {
                0..4 => String::new(),
                _ => format!(" [{}{}]", "#".repeat(full), " ".repeat(room - full)),
            };
            format!("{stage} {percent:3}%{bar} {seconds}s")
        }
        None if done > 0 => format!("{stage} {done} {seconds}s"),
        None => format!("{stage} {seconds}s"),
    };
    // Words of ours: every character is a byte and a column.
    line.truncate(columns - 1);
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(stage: &'static str, done: u64, total: Option<u64>) -> Progress {
        Progress { stage, done, total }
    }

    #[test]
    fn it_waits_a_second_and_keeps_its_pace() {
        let begun = Instant::now();
        let mut meter = Meter::begin(begun);
        let mut at = |millis| {
            let now = begun + Duration::from_millis(millis);
            meter.line(progress("reading", 7, None), now, 80)
        };
        assert_eq!(at(0), None);
        assert_eq!(at(999), None);
        assert_eq!(at(1000), Some("reading 7 1s".to_owned()));
        assert_eq!(at(1050), None);
        assert_eq!(at(1100), Some("reading 7 1s".to_owned()));
    }

    #[test]
    fn it_fits_the_terminal() {
        let half = progress("applying", 50, Some(100));
        let since = Duration::from_secs(12);
        assert_eq!(
            drawn(half, since, 80),
            format!("applying  50% [{}{}] 12s", "#".repeat(15), " ".repeat(15))
        );
        for columns in NARROWEST..100 {
            assert!(drawn(half, since, columns).len() < columns, "{columns}");
        }
        assert_eq!(drawn(half, since, 24), "applying  50% 12s");
        assert_eq!(drawn(progress("applying", 9, Some(0)), since, 80), "applying 9 12s");
        assert_eq!(drawn(progress("writing to the disk", 0, None), since, 15), "writing to the");
    }
}
