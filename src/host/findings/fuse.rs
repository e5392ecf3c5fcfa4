//! fuse-overlayfs and the device that it opens.

use crate::host::{Programs, remedy};

use super::Finding;
use super::network::version_of;

pub(super) const TOPIC: &str = "fuse-overlayfs";

pub(super) fn find(programs: &Programs) -> Finding {
    let Some(program) = &programs.fuse_overlayfs else {
        let fix = remedy::install("fuse-overlayfs", "fuse-overlayfs");
        return Finding::missing(TOPIC, "not installed", fix);
    };
    match remedy::FUSE.lacks() {
        Some(remedy) => Finding::lacks(TOPIC, remedy),
        None => {
            let version = version_of(program, "fuse-overlayfs");
            Finding::works(TOPIC, format!("{version}, and /dev/fuse opens"))
        }
    }
}
