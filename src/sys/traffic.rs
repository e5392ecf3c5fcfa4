//! Traffic control (tc(8)) by rtnetlink: token buckets, and the redirection of what comes in.

use super::call::{Errno, Result};
use super::netlink::{Existing, Message, Netlink};

const RTM_NEWQDISC: u16 = 36;
const RTM_NEWTFILTER: u16 = 44;
const TCA_KIND: u16 = 1;
const TCA_OPTIONS: u16 = 2;
const TC_H_ROOT: u32 = 0xffff_ffff;
const TC_H_INGRESS: u32 = 0xffff_fff1;
const INGRESS_HANDLE: u32 = 0xffff_0000;

/// A token bucket: how fast it fills, how much it holds, how much may wait for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TokenBucket {
    pub bytes_per_second: u64,
    /// A packet larger than this never gets through.
    pub burst: u32,
    /// Bytes that may wait; what comes then is dropped.
    pub limit: u32,
}

/// struct tcmsg: family, padding, interface, handle, parent, info.
fn tcmsg(interface: u32, handle: u32, parent: u32, info: u32) -> Vec<u8> {
    let words = [0, interface, handle, parent, info];
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

impl Netlink {
    /// Everything that leaves by the interface goes through a token bucket (tc-tbf(8)).
    pub fn add_token_bucket(&mut self, interface: u32, bucket: TokenBucket) -> Result<()> {
        const TCA_TBF_PARMS: u16 = 1;
        const TCA_TBF_RATE64: u16 = 4;
        const TCA_TBF_BURST: u16 = 6;
        let fixed = tcmsg(interface, 0x1_0000, TC_H_ROOT, 0);
        let name = format!("RTM_NEWQDISC(tbf, {})", bucket.bytes_per_second);
        let message = Message::new(RTM_NEWQDISC, Existing::Refuse, &fixed, name)
            .attribute(TCA_KIND, b"tbf\0")
            .nested(TCA_OPTIONS, |options| {
                options
                    .attribute(TCA_TBF_PARMS, &tbf_parameters(bucket))
                    .attribute(TCA_TBF_RATE64, &bucket.bytes_per_second.to_ne_bytes())
                    .attribute(TCA_TBF_BURST, &bucket.burst.to_ne_bytes())
            });
        self.ask(message)
    }

    /// Lets filters see what arrives on the interface.
    pub fn add_ingress(&mut self, interface: u32) -> Result<()> {
        let fixed = tcmsg(interface, INGRESS_HANDLE, TC_H_INGRESS, 0);
        let name = "RTM_NEWQDISC(ingress)".to_owned();
        let message = Message::new(RTM_NEWQDISC, Existing::Refuse, &fixed, name)
            .attribute(TCA_KIND, b"ingress\0");
        self.ask(message)
    }

    /// Sends all that arrives on one interface through another (tc-mirred(8)), by whichever of
    /// the two filters that match everything this kernel has.
    pub fn redirect_ingress(&mut self, from: u32, to: u32) -> Result<()> {
        match self.ask(redirection(from, to, &MATCHALL)) {
            // A kind of filter that the kernel lacks is ENOENT.
            Err(e) if e.errno == Errno::ENOENT => self.ask(redirection(from, to, &U32)),
            result => result,
        }
    }
}

/// struct tc_tbf_qopt: rate, peak rate, limit, buffer, mtu.
fn tbf_parameters(bucket: TokenBucket) -> Vec<u8> {
    // With a link layer named, the kernel needs no rate table (net/sched/sch_tbf.c, tbf_change).
    const TC_LINKLAYER_ETHERNET: u8 = 1;
    let mut bytes = vec![0, TC_LINKLAYER_ETHERNET, 0, 0, 0, 0, 0, 0];
    // More than 32 bits hold stands in TCA_TBF_RATE64, and this word is at its end.
    bytes.extend(u32::try_from(bucket.bytes_per_second).unwrap_or(u32::MAX).to_ne_bytes());
    bytes.extend([0; 12]);
    bytes.extend(bucket.limit.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes
}

/// A kind of filter, and where its options hold what.
struct Filter {
    kind: &'static [u8],
    actions: u16,
    /// An attribute that says what to match.
    selector: Option<(u16, &'static [u8])>,
}

const MATCHALL: Filter = Filter { kind: b"matchall\0", actions: 2, selector: None };
/// struct tc_u32_sel: terminal, one key; the key compares no bit at all, so it fits everything.
const U32: Filter = Filter {
    kind: b"u32\0",
    actions: 7,
    selector: Some((5, &{
        let mut selector = [0; 32];
        selector[0] = 1;
        selector[2] = 1;
        selector
    })),
};

fn redirection(from: u32, to: u32, filter: &Filter) -> Message {
    const TCA_ACT_KIND: u16 = 1;
    const TCA_ACT_OPTIONS: u16 = 2;
    const TCA_MIRRED_PARMS: u16 = 2;
    const PRIORITY: u32 = 1 << 16;
    let every_protocol = u32::from(0x0003u16.to_be()); // ETH_P_ALL
    let fixed = tcmsg(from, 0, INGRESS_HANDLE, PRIORITY | every_protocol);
    let kind = String::from_utf8_lossy(filter.kind.strip_suffix(b"\0").unwrap_or(filter.kind));
    let name = format!("RTM_NEWTFILTER({kind}, mirred)");
    Message::new(RTM_NEWTFILTER, Existing::Refuse, &fixed, name)
        .attribute(TCA_KIND, filter.kind)
        .nested(TCA_OPTIONS, |options| {
            let options = match filter.selector {
                Some((attribute, selector)) => options.attribute(attribute, selector),
                None => options,
            };
            options.nested(filter.actions, |actions| {
                actions.nested(1, |action| {
                    action
                        .attribute(TCA_ACT_KIND, b"mirred\0")
                        .nested(TCA_ACT_OPTIONS, |o| o.attribute(TCA_MIRRED_PARMS, &mirred(to)))
                })
            })
        })
}

/// struct tc_mirred: index, capabilities, action, two counts, what to do, interface.
fn mirred(to: u32) -> Vec<u8> {
    const TC_ACT_STOLEN: u32 = 4;
    const TCA_EGRESS_REDIR: u32 = 1;
    let words = [0, 0, TC_ACT_STOLEN, 0, 0, TCA_EGRESS_REDIR, to];
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}
