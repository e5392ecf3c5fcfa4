//! What a try keeps and an apply carries over, to the byte: random trees, and one very deep.

mod deep;
mod property;
mod round;

use crate::support::{lacks_fuse, program};

/// Who writes the layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Driver {
    Kernel,
    Fuse,
}

impl Driver {
    fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Fuse => "fuse",
        }
    }

    /// Why it cannot be tested here.
    fn lacking(self) -> Option<&'static str> {
        match self {
            _ if program("python3").is_none() => Some("no python3"),
            Self::Fuse => lacks_fuse(),
            Self::Kernel => None,
        }
    }
}
