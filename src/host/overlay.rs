//! Which overlay drivers work here, found out by making one.

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OverlayAbility {
    /// `Err` holds why the kernel's own overlayfs cannot be used.
    pub kernel: Option<String>,
    /// `Err` holds why /dev/fuse cannot be used.
    pub fuse_device: Option<String>,
}

impl OverlayAbility {
    pub(super) fn probe() -> Self {
        Self::default()
    }
}
