//! slirp4netns(1): a TCP/IP stack in a program of the user, outside of the sandbox; inside there is
//! a tap. It is never given a way to the host's loopback nor a control socket.

use std::os::fd::{AsFd, AsRawFd};

use crate::base::idrange::IdMap;
use crate::base::{HostPath, Result};
use crate::plan::Identity;
use crate::sys::mount::path_of_descriptor;
use crate::sys::{landlock, namespace, process, socket};

use super::super::helper::{Helper, Start};
use super::{Ready, Started, TAP};

/// What it opens by name: its libraries, the host's resolvers, the namespaces to join, the tap.
const READS: [&str; 8] =
    ["/usr", "/lib", "/lib64", "/etc", "/proc", "/run/systemd/resolve", "/nix/store", "/gnu/store"];
const WRITES: [&str; 2] = ["/dev/net/tun", "/dev/null"];

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
    let mut descriptors = vec![tells.as_fd()];
    // It becomes root of the sandbox's user namespace for its own sandbox, and fails where there
    // is none; then it gets one of Landlock's, under which it may not look into init, and so
    // takes the namespaces by descriptor.
    let own_sandbox = has_root(&identity.uid_map) && has_root(&identity.gid_map);
    let namespaces =
        [namespace::open_namespace(init, "user")?, namespace::open_namespace(init, "net")?];
    let [user, net] = [&namespaces[0], &namespaces[1]].map(|ns| path_of_descriptor(ns.as_fd()));
    if own_sandbox {
        // By number: init is our child and not yet waited for, so its number is its own; and it
        // lets itself be looked into until it hears that the network is ready.
        arguments.extend(["--enable-sandbox".to_owned(), init.to_string()]);
    } else {
        descriptors.extend(namespaces.iter().map(AsFd::as_fd));
        arguments.extend([format!("--userns-path={user}"), "--netns-type=path".to_owned(), net]);
    }
    arguments.push(TAP.to_owned());
    let helper = Helper::start(&Start {
        program,
        arguments,
        descriptors,
        stdin: None,
        stdout: None,
        before_exec: &|| {
            // It keeps the descriptor of each outgoing connection for ten seconds after its end,
            // and at the usual 1024 a thousand short ones take its network away
            // (reference/measured.md).
            process::raise_to_hard_limit(process::Resource::OpenFiles)?;
            if own_sandbox { Ok(()) } else { Ok(landlock::confine(&READS, &WRITES)?) }
        },
    })?;
    Ok(Started { helper, ready: Ready::Descriptor(ready) })
}

fn has_root(map: &IdMap) -> bool {
    map.0.iter().any(|line| line.inside == 0)
}
