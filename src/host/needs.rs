//! Which facts a run depends on, so that no others are paid for.

use crate::base::{HostPath, Text};

#[derive(Clone, PartialEq, Debug, Default)]
pub struct Needs {
    pub subids: bool,
    pub overlay: bool,
    /// Where it may be noted that the kernel's overlayfs works.
    pub memory: Option<HostPath>,
    /// The directory of kept overlays, as it was typed.
    pub kept: Option<Text>,
    /// The directory of kept overlays that others are stacked on, as it was typed.
    pub below: Option<Text>,
    pub user_network: bool,
    pub resolver: bool,
    /// Who could bound a sandbox as a whole.
    pub cgroups: bool,
    /// Paths on disks that are to be bounded, as they were typed.
    pub disks: Vec<Text>,
    /// Whether a fresh /proc can be mounted: only where a run without one would be taken.
    pub fresh_proc: bool,
    /// What git obeys in the working directory.
    pub git: bool,
    /// Paths of the host as they were typed.
    pub paths: Vec<Text>,
    /// Files whose content goes into the plan, as they were typed.
    pub contents: Vec<Text>,
    /// The rootfs, as it was typed.
    pub rootfs: Option<Text>,
}
