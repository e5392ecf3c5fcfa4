//! Landlock: asked of the kernel, which knows what it offers.

use crate::sys::{Errno, landlock};

use super::Finding;

const TOPIC: &str = "Landlock";

pub(super) fn find() -> Finding {
    match landlock::abi() {
        Ok(abi) => Finding::works(TOPIC, format!("ABI {abi}")),
        Err(e) if e.errno == Errno::EOPNOTSUPP => Finding::degraded(
            TOPIC,
            "built into the kernel and left out at boot",
            "an administrator can boot with `lsm=landlock,…` before the modules listed in /sys/kernel/security/lsm",
        ),
        Err(e) if e.errno == Errno::ENOSYS => Finding::degraded(
            TOPIC,
            "not in this kernel",
            "boot a kernel that was built with CONFIG_SECURITY_LANDLOCK=y",
        ),
        Err(e) => Finding::degraded(
            TOPIC,
            e.to_string(),
            "start bryo outside of the container that forbids it",
        ),
    }
}
