//! slirp4netns(1): a TCP/IP stack in a program of the user, outside of the sandbox; inside there is
//! a tap. It is never given a way to the host's loopback nor a control socket.

use std::os::fd::{AsFd, AsRawFd};

use crate::base::idrange::IdMap;
use crate::base::{HostPath, Result};
use crate::plan::Identity;
use crate::sys::{process, socket};

use super::super::helper::{Helper, Start};
use super::{Started, TAP};

pub(super) fn start(
    program: &HostPath,
    init: i32,
    mtu: u32,
    identity: &Identity,
) -> Result<Started> {
    let (ready, tells) = socket::pipe()?;
    let mut arguments = vec![
        "--configure".to_owned(),
        format!("--mtu={mtu}"),
        "--disable-host-loopback".to_owned(),
        "--enable-seccomp".to_owned(),
        "--enable-ipv6".to_owned(),
        format!("--ready-fd={}", tells.as_raw_fd()),
    ];
    if has_root(&identity.uid_map) && has_root(&identity.gid_map) {
        // It becomes root of the sandbox's user namespace for it, and fails where there is none.
        arguments.push("--enable-sandbox".to_owned());
    }
    // By number: init is our child and not yet waited for, so its number is its own; and it lets
    // itself be looked into until it hears that the network is ready.
    arguments.extend([init.to_string(), TAP.to_owned()]);
    let helper = Helper::start(&Start {
        program,
        arguments,
        descriptors: vec![tells.as_fd()],
        stdin: None,
        // It keeps the descriptor of each outgoing connection for ten seconds after its end, and
        // at the usual 1024 a thousand short ones take its network away (reference/measured.md).
        before_exec: &|| Ok(process::raise_to_hard_limit(process::Resource::OpenFiles)?),
    })?;
    Ok(Started { helper, ready })
}

fn has_root(map: &IdMap) -> bool {
    map.0.iter().any(|line| line.inside == 0)
}
