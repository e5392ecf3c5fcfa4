//! A bound on the speed of the user network, both ways, set inside by init on the tap: a token
//! bucket for what leaves, and for what arrives a second one on a device that all of it is led
//! through. Never one direction alone.

use crate::base::rate::Rate;
use crate::base::{Context, Error, Result};
use crate::sys::netlink::{Netlink, interface_index};
use crate::sys::traffic::TokenBucket;
use crate::sys::{CallError, namespace};

use super::{MTU, TAP};

/// The device that downloads wait on.
const QUEUE: &str = "ifb0";

pub(super) fn bound(rate: Rate) -> Result<()> {
    let within = || format!("cannot hold the network to `{rate}`");
    bound_both_ways(rate).context(within)
}

fn bound_both_ways(rate: Rate) -> Result<()> {
    let mut netlink = Netlink::open()?;
    let tap = interface_index(TAP)?;
    let bucket = bucket(rate);
    netlink.add_token_bucket(tap, bucket).map_err(missing("CONFIG_NET_SCH_TBF"))?;
    netlink.add_interface(QUEUE, "ifb").map_err(missing("CONFIG_IFB"))?;
    let queue = interface_index(QUEUE)?;
    netlink.add_token_bucket(queue, bucket).map_err(missing("CONFIG_NET_SCH_TBF"))?;
    namespace::bring_interface_up(QUEUE)?;
    netlink.add_ingress(tap).map_err(missing("CONFIG_NET_SCH_INGRESS"))?;
    let filter = "CONFIG_NET_ACT_MIRRED and CONFIG_NET_CLS_MATCHALL or CONFIG_NET_CLS_U32";
    netlink.redirect_ingress(tap, queue).map_err(missing(filter))
}

fn missing(option: &'static str) -> impl Fn(CallError) -> Error {
    move |call| {
        Error::from(call)
            .within(format!("the kernel seems to lack {option}"))
            .hint("without `--rate` the network is not slowed")
    }
}

/// The bucket must hold two of the largest packets, or segments joined for speed never fit into
/// it and nothing passes at all (reference/measured.md, "tbf 10mbit").
fn bucket(rate: Rate) -> TokenBucket {
    const LARGEST: u32 = MTU + 14;
    let tenth_of_a_second = u32::try_from(rate.bytes_per_second() / 10).unwrap_or(u32::MAX / 4);
    TokenBucket {
        bytes_per_second: rate.bytes_per_second(),
        burst: (2 * LARGEST).max(tenth_of_a_second / 10),
        limit: (4 * LARGEST).max(tenth_of_a_second),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_bucket_still_holds_the_largest_packets() {
        let slow = bucket(Rate { bits_per_second: 8_000 });
        assert!(slow.burst >= 2 * MTU);
        let fast = bucket(Rate { bits_per_second: 100_000_000_000 });
        assert!(fast.limit > fast.burst);
    }
}
