//! pasta(1): like slirp4netns, a program of the user outside and a tap inside, with the same
//! addresses. It is told to forward no port in either direction and to map none of the host's
//! addresses: by default it would do both.

use std::os::fd::AsFd;

use crate::base::{HostPath, Result};
use crate::sys::{process, socket};

use super::super::helper::{Helper, Start};
use super::{Started, TAP};

pub(super) fn start(program: &HostPath, init: i32, mtu: u32) -> Result<Started> {
    let (ready, tells) = socket::pipe()?;
    let helper = Helper::start(&Start {
        program,
        arguments: arguments(init, mtu),
        descriptors: Vec::new(),
        // Its pid file, written when it is ready. Later versions close every descriptor from 3 on.
        stdin: Some(tells.as_fd()),
        before_exec: &|| Ok(process::raise_to_hard_limit(process::Resource::OpenFiles)?),
    })?;
    Ok(Started { helper, ready })
}

fn arguments(init: i32, mtu: u32) -> Vec<String> {
    let mtu = mtu.to_string();
    let words = [
        "--foreground",
        "--quiet",
        "--config-net",
        "--no-map-gw",
        "--tcp-ports=none",
        "--udp-ports=none",
        "--tcp-ns=none",
        "--udp-ns=none",
        "--ns-ifname",
        TAP,
        "--mtu",
        &mtu,
        "--address",
        "10.0.2.100",
        "--netmask",
        "24",
        "--gateway",
        "10.0.2.2",
        "--address",
        "fd00::100",
        "--gateway",
        "fd00::2",
        "--dns-forward",
        "10.0.2.3",
        "--dns-forward",
        "fd00::3",
        "--pid",
        "/proc/self/fd/0",
    ];
    // By number: init is our child and not yet waited for, so its number is its own; and it lets
    // itself be looked into until it hears that the network is ready.
    words.iter().map(|word| (*word).to_owned()).chain([init.to_string()]).collect()
}
