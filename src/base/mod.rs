//! What every room speaks of: errors, paths, sizes, durations, id ranges, ports, wording.
//!
//! Values here are parsed once, at the edge, and are right from then on. This room reads no file
//! and asks the kernel nothing.

pub mod duration;
pub mod error;
pub mod glob;
pub mod idrange;
pub mod path;
pub mod port;
pub mod progress;
pub mod rate;
pub mod size;
pub mod syscall;
pub mod text;
pub mod wording;

pub use error::{Context, Error, ExitCode, Result};
pub use path::{BoxPath, HostPath};
pub use text::Text;
