//! One row of the table.

use std::fmt;
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) case: String,
    pub(crate) bryo: Figure,
    pub(crate) peer: Figure,
    pub(crate) goal: Goal,
    pub(crate) runs: usize,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Figure {
    Time(Duration),
    Bytes(f64),
    BytesPerSecond(f64),
}

/// What is to be reached: the ratio of bryo to its peer, or the difference.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
    /// Of times.
    AtMostLater(Duration),
    /// Of bryo alone.
    TimeAtMost(Duration),
    BytesAtMost(f64),
    /// Told for its own sake.
    Informative,
}

impl Figure {
    fn value(self) -> f64 {
        match self {
            Self::Time(time) => time.as_secs_f64(),
            Self::Bytes(number) | Self::BytesPerSecond(number) => number,
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(time) if time.as_millis() < 1000 => {
                write!(f, "{:.2} ms", time.as_secs_f64() * 1e3)
            }
            Self::Time(time) => write!(f, "{:.2} s", time.as_secs_f64()),
            Self::Bytes(bytes) => write!(f, "{:.0} KiB", bytes / 1024.0),
            Self::BytesPerSecond(rate) => write!(f, "{:.2} GB/s", rate / 1e9),
        }
    }
}

impl Goal {
    fn told(self, bryo: Figure, peer: Figure) -> String {
        let (bryo, peer) = (bryo.value(), peer.value());
        let ratio = bryo / peer;
        let (bound, reached) = match self {
            Self::AtMost(bound) => (format!("≤ {bound}"), ratio <= bound),
            Self::AtLeast(bound) => (format!("≥ {bound}"), ratio >= bound),
            Self::AtMostLater(bound) => {
                (format!("≤ {bound:?} more"), bryo - peer <= bound.as_secs_f64())
            }
            Self::TimeAtMost(bound) => (format!("≤ {bound:?}"), bryo <= bound.as_secs_f64()),
            Self::BytesAtMost(bound) => (format!("≤ {}", Figure::Bytes(bound)), bryo <= bound),
            Self::Informative => return "–".to_owned(),
        };
        format!("{bound}: {}", if reached { "yes" } else { "**no**" })
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { case, bryo, peer, goal, runs } = self;
        let ratio = match (bryo, peer) {
            // Told beside each other, not compared.
            (Figure::Bytes(_), Figure::Time(_)) => "–".to_owned(),
            _ => format!("{:.2}", bryo.value() / peer.value()),
        };
        write!(f, "| {case} | {bryo} | {peer} | {ratio} | {} | {runs} |", goal.told(*bryo, *peer))
    }
}
