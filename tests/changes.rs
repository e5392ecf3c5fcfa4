//! What a try keeps and an apply carries over, to the byte: random trees, and one very deep.

mod deep;
mod property;
mod round;

use crate::support::program;

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
        let device = || std::fs::File::options().read(true).write(true).open("/dev/fuse");
        match self {
            _ if program("python3").is_none() => Some("no python3"),
            Self::Fuse if program("fuse-overlayfs").is_none() => Some("no fuse-overlayfs"),
            Self::Fuse if device().is_err() => Some("/dev/fuse cannot be opened"),
            _ => None,
        }
    }
}
