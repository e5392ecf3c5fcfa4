//! Overlays stacked on kept layers: what was written there is to be seen here, all of it and where
//! it was written.

use crate::base::{HostPath, Result};
use crate::host::{Below, Host};
use crate::spec::{OverlayDriver, Sourced, Spec};

use super::refused;

const HINT: &str = "run it from the same directory, with the same `--home`, `--system` and \
                    `--overlay` as what it is stacked on";

/// The directories of the layers below, from the top down.
pub(super) fn decide(spec: &Spec, host: &Host, lowers: &[HostPath]) -> Result<Vec<HostPath>> {
    let Some(wish) = &spec.overlay_below else { return Ok(Vec::new()) };
    for below in &host.below {
        check(wish, below, lowers)?;
    }
    Ok(host.below.iter().map(|below| below.directory.clone()).collect())
}

fn check<T>(wish: &Sourced<T>, below: &Below, lowers: &[HostPath]) -> Result<()> {
    let place = &below.directory;
    if let Some(unseen) = below.lowers.iter().find(|written| !lowers.contains(written)) {
        let why = format!("`{place}` has changes to `{unseen}`, which would be no overlay here");
        return Err(refused(wish, why).hint(HINT));
    }
    let is_covered = |lower: &&HostPath| {
        !below.lowers.contains(lower) && below.lowers.iter().any(|it| lower.is_within(it))
    };
    match lowers.iter().find(is_covered) {
        Some(lower) => {
            let why = format!("an overlay over `{lower}` would hide what `{place}` has there");
            Err(refused(wish, why).hint(HINT))
        }
        None => Ok(()),
    }
}

/// The driver that wrote all of them: neither reads the notes of the other one everywhere.
pub(super) fn driver(spec: &Spec, host: &Host) -> Result<Option<OverlayDriver>> {
    let (Some(wish), Some(top)) = (&spec.overlay_below, host.below.first()) else {
        return Ok(None);
    };
    let kept = host.kept.iter().map(|kept| &kept.driver);
    let mut all = kept.chain(host.below.iter().map(|below| &below.driver));
    if all.any(|driver| *driver != top.driver) {
        return Err(refused(wish, "the layers were written by different drivers"));
    }
    match top.driver.as_bytes() {
        b"kernel" => Ok(Some(OverlayDriver::Kernel)),
        b"fuse" => Ok(Some(OverlayDriver::Fuse)),
        _ => {
            let why = format!("`{}` in `{}` is no overlay driver", top.driver, top.directory);
            Err(refused(wish, why))
        }
    }
}
