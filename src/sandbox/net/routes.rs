//! What a user network never leads to: the neighbours on the host's own links, and the addresses
//! where clouds hand out credentials. Set inside by init; the payload cannot change routes, since
//! it has no capability in the namespace.

use std::net::IpAddr;

use crate::base::{Context, Result};
use crate::sys::Errno;
use crate::sys::netlink::Netlink;

/// Closed under every driver; later ones need not be shorter.
const CLOSED: [(&str, u8); 6] = [
    // link-local, with 169.254.169.254, where most clouds answer
    ("169.254.0.0", 16),
    // Alibaba Cloud's and Azure's
    ("100.100.100.200", 32),
    ("168.63.129.16", 32),
    // Amazon's over IPv6
    ("fd00:ec2::254", 128),
    // link-local: the kernel's own route to the tap's is the longer one, so this prefix twice
    ("fe80::", 10),
    ("fe80::", 64),
];

pub(super) fn close_link_local() -> Result<()> {
    let mut netlink = Netlink::open()?;
    for (prefix, bits) in CLOSED {
        let Ok(address) = prefix.parse::<IpAddr>() else { continue };
        match netlink.add_unreachable_route(address, bits) {
            // A kernel without IPv6 reaches nothing by it.
            Err(e) if address.is_ipv6() && e.errno == Errno::EOPNOTSUPP => {}
            result => result.context(|| format!("cannot close `{prefix}/{bits}`"))?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_is_an_address() {
        assert!(CLOSED.iter().all(|(prefix, _)| prefix.parse::<IpAddr>().is_ok()));
    }
}
