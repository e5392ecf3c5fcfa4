//! The filesystem of the home, and what follows for what bryo keeps there.

use serde::{Deserialize, Serialize};

use crate::host::Account;
use crate::sys::clone::CloneFlags;
use crate::sys::{CallError, file};

use super::Finding;
use super::attempt::{Attempt, attempt};

const TOPIC: &str = "home";

/// Magic numbers of statfs(2), linux/magic.h and the filesystems' own headers. On the network ones
/// an overlay has no upper layer (no `user.*` attributes, no whiteouts) and files of subordinate
/// ids are refused by the server.
const NETWORK: [(i64, &str); 10] = [
    (0x6969, "NFS"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB"),
    (0x0bd0_0bd0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x5346_414f, "AFS"),
    (0x00c3_6400, "Ceph"),
    (0x1983_0326, "BeeGFS"),
    (0x0102_1997, "9p"),
    (0x6573_5546, "FUSE"),
];

const LOCAL: [(i64, &str); 8] = [
    (0xef53, "ext4"),
    (0x5846_5342, "XFS"),
    (0x9123_683e, "btrfs"),
    (0x2fc1_2fc1, "ZFS"),
    (0x0102_1994, "tmpfs"),
    (0x794c_7630, "overlayfs"),
    (0xf15f, "eCryptfs"),
    (0xca45_1a4e, "bcachefs"),
];

/// What a filesystem is called that is on a server.
#[must_use]
pub fn network_filesystem(magic: i64) -> Option<&'static str> {
    NETWORK.iter().find(|(it, _)| *it == magic).map(|(_, name)| *name)
}

#[derive(Serialize, Deserialize)]
struct Home {
    magic: i64,
    is_writable: bool,
}

pub(super) fn find(account: &Account) -> Finding {
    let path = account.home.as_path();
    // A home on a server that is gone answers nobody.
    let looked = attempt(CloneFlags::NONE, || -> Result<Home, CallError> {
        let magic = file::filesystem_magic_of_path(path)?;
        Ok(Home { magic, is_writable: file::is_writable(path) })
    });
    let elsewhere = "set XDG_DATA_HOME to a directory of yours on a local disk";
    match looked {
        Attempt::Answered(Ok(found)) => judged(&account.home.to_string(), &found),
        Attempt::Answered(Err(failed)) => {
            let said = format!("`{}`: {}", account.home, failed.errno);
            Finding::degraded(TOPIC, said, elsewhere)
        }
        Attempt::NotStarted(failed) => {
            Finding::degraded(TOPIC, format!("cannot be looked at: {failed}"), elsewhere)
        }
        Attempt::Silent => {
            let said = format!("`{}` does not answer", account.home);
            Finding::degraded(TOPIC, said, elsewhere)
        }
    }
}

fn judged(home: &str, found: &Home) -> Finding {
    if !found.is_writable {
        return Finding::degraded(
            TOPIC,
            format!("`{home}` cannot be written: bryo keeps nothing there"),
            "set XDG_DATA_HOME and XDG_CONFIG_HOME to directories of yours",
        );
    }
    if let Some(name) = network_filesystem(found.magic) {
        return Finding::degraded(
            TOPIC,
            format!("`{home}` is on {name}, which holds no writable layer of an overlay"),
            "keep those on a local disk, such as `--overlay-dir /var/tmp/$USER`",
        );
    }
    let local = LOCAL.iter().find(|(magic, _)| *magic == found.magic).map(|(_, name)| *name);
    let filesystem = local.map_or_else(|| format!("filesystem {:#x}", found.magic), str::to_owned);
    Finding::works(TOPIC, format!("`{home}` is on {filesystem}, writable"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::findings::State;

    #[test]
    fn a_network_home_holds_no_overlay() {
        let nfs = judged("/home/ada", &Home { magic: 0x6969, is_writable: true });
        assert_eq!(nfs.state, State::Degraded);
        assert!(nfs.said.contains("NFS"), "{}", nfs.said);
        let local = judged("/home/ada", &Home { magic: 0xef53, is_writable: true });
        assert_eq!(local.state, State::Works);
    }
}
