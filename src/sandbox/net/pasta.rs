//! pasta(1): like slirp4netns, a program of the user outside and a tap inside, with the same
//! addresses. It is told to forward no port in either direction and to map none of the host's
//! addresses: by default it would do both.

use std::os::fd::AsFd;

use crate::base::{HostPath, Result};
use crate::host::findings::PASTA;
use crate::sys::{namespace, process};

use super::super::helper::{Helper, Start};
use super::{Ready, Started, TAP};

pub(super) fn start(program: &HostPath, init: i32, mtu: u32) -> Result<Started> {
    // By descriptor: under Debian 12's AppArmor profile it may not look into another process.
    // As 0 and 1: versions from 2024 on close every other one.
    let user = namespace::open_namespace(init, "user")?;
    let net = namespace::open_namespace(init, "net")?;
    let helper = Helper::start(&Start {
        program,
        arguments: arguments(mtu),
        descriptors: Vec::new(),
        stdin: Some(user.as_fd()),
        stdout: Some(net.as_fd()),
        before_exec: &|| Ok(process::raise_to_hard_limit(process::Resource::OpenFiles)?),
    })?;
    let ready = Ready::Number(helper.voice());
    Ok(Started { helper, ready })
}

fn arguments(mtu: u32) -> Vec<String> {
    let mtu = mtu.to_string();
    let own = [
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
    ];
    PASTA.iter().chain(&own).map(|word| (*word).to_owned()).collect()
}
