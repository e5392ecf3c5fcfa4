//! Time limits on a slow machine: an emulated one takes ten times as long for everything, which is
//! no fault. `BRYO_TEST_SLOWNESS=10` says so. Never shortens a limit.

use std::sync::OnceLock;
use std::time::Duration;

/// What this limit is here.
pub(crate) fn patient(limit: Duration) -> Duration {
    limit * slowness()
}

/// How many times as long as elsewhere everything takes.
pub(crate) fn slowness() -> u32 {
    static SLOWNESS: OnceLock<u32> = OnceLock::new();
    *SLOWNESS.get_or_init(|| {
        let said = std::env::var("BRYO_TEST_SLOWNESS").ok();
        said.and_then(|said| said.parse().ok()).unwrap_or(1).max(1)
    })
}
