//! A bound on the speed of the user network, both ways, set inside by init on the tap: a token
//! bucket for what leaves, and for what arrives a second one on a device that all of it is led
//! through. Never one direction alone.

use crate::base::rate::Rate;
use crate::base::{Context, Error, Result};
use crate::sys::netlink::{Netlink, interface_index};
use crate::sys::traffic::TokenBucket;
use crate::sys::{CallError, namespace};

use super::{TAP, mtu};

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

/// How much one connection may have on its way to the sandbox: a fifth of a second's worth. For
/// tcp_rmem (tcp(7)) inside. pasta sends all that the receiver has room for and recovers from a
/// loss only after a pause, so the receiver must not have more room than the queue.
pub(super) fn window(rate: Rate) -> u32 {
    const LEAST: u32 = 128 << 10;
    const MOST: u32 = 6 << 20; // the kernel's own
    u32::try_from(rate.bytes_per_second() / 5).unwrap_or(u32::MAX).clamp(LEAST, MOST)
}

/// The bucket must hold two of the largest packets, or nothing passes at all
/// (reference/measured.md, "tbf 10mbit"), and a hundredth of a second at full speed, or the kernel's
/// clock ticks cost some of it. As much may wait as two connections will have on their way.
fn bucket(rate: Rate) -> TokenBucket {
    let largest = mtu(Some(rate)) + 14;
    let bytes = rate.bytes_per_second();
    let burst = u32::try_from(bytes / 100).unwrap_or(u32::MAX);
    TokenBucket {
        bytes_per_second: bytes,
        burst: burst.clamp(2 * largest, 1 << 20),
        limit: 2 * window(rate),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bucket_holds_the_largest_packets() {
        for bits_per_second in [8_000, 10_000_000, 1_000_000_000, 100_000_000_000] {
            let rate = Rate { bits_per_second };
            let bucket = bucket(rate);
            assert!(bucket.burst >= 2 * mtu(Some(rate)), "{bucket:?}");
            assert!(bucket.limit > bucket.burst, "{bucket:?}");
        }
    }
}
