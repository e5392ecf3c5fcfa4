//! The kernel's own overlayfs, in a user namespace.

use crate::host::OverlayAbility;

use super::Finding;

pub(super) const TOPIC: &str = "kernel overlay";

pub(super) fn find(ability: &OverlayAbility) -> Finding {
    match &ability.kernel {
        None => Finding::works(TOPIC, "overlayfs works in a user namespace"),
        Some(why) => Finding::degraded(
            TOPIC,
            why.clone(),
            "none is needed where fuse-overlayfs works; a kernel from Linux 5.11 on makes overlays itself",
        ),
    }
}
