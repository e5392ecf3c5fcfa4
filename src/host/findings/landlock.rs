//! Landlock: asked of the kernel, which knows what it offers.

use crate::sys::{Errno, landlock};

use super::Finding;

const TOPIC: &str = "Landlock";

pub(super) fn find() -> Finding {
    match landlock::abi() {
        Ok(abi) => of_abi(abi),
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

/// What each ABI brought that bryo uses, with the version of Linux that has it.
const PARTS: [(u32, &str, &str); 5] = [
    (2, "5.19", "files, which are relayed by pipe instead"),
    (3, "6.2", "truncation"),
    (4, "6.7", "TCP"),
    (5, "6.10", "commands to devices"),
    (6, "6.12", "signals and abstract sockets, without which `--net=host` needs `--best-effort`"),
];

fn of_abi(abi: u32) -> Finding {
    let missing: Vec<&(u32, &str, &str)> =
        PARTS.iter().filter(|(needs, ..)| abi < *needs).collect();
    let Some((_, newest, _)) = missing.last() else {
        return Finding::works(TOPIC, format!("ABI {abi}"));
    };
    let parts: Vec<&str> = missing.iter().map(|(.., part)| *part).collect();
    let said = format!("ABI {abi}, which does not confine: {}", parts.join("; "));
    Finding::degraded(TOPIC, said, format!("boot Linux {newest} or later"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_abi_lacks_is_named_with_the_kernel_that_has_it() {
        assert!(of_abi(7).is_working());
        let old = of_abi(2);
        assert!(!old.is_working());
        assert!(old.said.contains("truncation") && !old.said.contains("relayed"), "{}", old.said);
        assert_eq!(old.fix.as_deref(), Some("boot Linux 6.12 or later"));
    }
}
