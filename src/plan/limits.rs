//! Bounds on what a sandbox may use, decided.

use serde::Serialize;

use crate::base::size::Size;

#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Limits {
    /// Bytes that /tmp, /dev/shm and a private home may take together.
    pub tmpfs: Size,
}
