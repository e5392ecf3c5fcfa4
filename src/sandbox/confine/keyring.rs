//! The session keyring: no namespace holds keys back, so a payload that kept the caller's could
//! read what the user's login, their mail program or their file systems keep there (keyrings(7)).

use serde::{Deserialize, Serialize};

use crate::base::{Context, Result};
use crate::plan::{Plan, Seccomp};
use crate::spec::Door;
use crate::sys::{Errno, keyring};

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::sandbox) enum Keyring {
    /// A new and empty one.
    Own,
    /// The caller's; no system call leads to it.
    Unreachable,
    /// This kernel has none.
    Absent,
}

/// In the payload: leaves the caller's keyring for a new one.
///
/// Each counts against the user's `kernel.keys.maxkeys`, 200 unless set, so hundreds of sandboxes
/// at once may run out of them; then bryo's own filter stands in for it.
pub(in crate::sandbox) fn leave(plan: &Plan) -> Result<Keyring> {
    match keyring::join_new_session() {
        Ok(()) => Ok(Keyring::Own),
        Err(e) if e.errno == Errno::ENOSYS => Ok(Keyring::Absent),
        Err(e) if e.errno == Errno::EDQUOT && is_closed_by_the_filter(plan) => {
            Ok(Keyring::Unreachable)
        }
        // A container around bryo whose filter refuses keyctl refuses it to the payload as well.
        Err(e) if e.errno == Errno::EPERM => Ok(Keyring::Unreachable),
        Err(e) => {
            let is_full = e.errno == Errno::EDQUOT;
            let result: Result<Keyring> =
                Err(e).context(|| "cannot make a keyring for the sandbox".to_owned());
            result.map_err(|error| match is_full {
                true => error.hint(
                    "an administrator can allow more keys with `sysctl kernel.keys.maxkeys=2000`; \
                     fewer sandboxes at once need fewer",
                ),
                false => error,
            })
        }
    }
}

fn is_closed_by_the_filter(plan: &Plan) -> bool {
    let confinement = &plan.confinement;
    confinement.filter.is_some()
        && confinement.seccomp == Seccomp::Default
        && !confinement.opens(Door::Keyring)
}
