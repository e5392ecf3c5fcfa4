//! The network: the host's own services, its neighbours, and the wires.

use crate::escapes::probe::{Door, Family, Probe, has_canary, nothing_more, says_so};
use crate::escapes::trial::Aftermath;

pub(crate) const FAMILY: Family = Family {
    name: "network",
    title: "Network",
    session: &[],
    flags: &[],
    prepare: nothing_more,
    probes: &[
        Probe::new("F1-loopback", "ask a service on the host's loopback", has_canary, SHARED),
        Probe::new("F1-datagram", "the same by UDP", has_canary, SHARED),
        Probe::new("F1-address", "ask it at an address of the host", has_canary, SHARED),
        Probe::new(
            "F2-host",
            "ask it at every address a user-mode network has for the host: `--net`",
            has_canary,
            SHARED,
        )
        .with(&["--net"]),
        Probe::new(
            "F4-listen",
            "be asked by the host at a port that was not published: `--net`",
            heard,
            Door::Flags(&["-p", "@FREE@:@FREE@"]),
        )
        .with(&["--net"])
        .in_session(&["knock=@FREE@"]),
        Probe::new("F7-raw", "open a raw socket", says_so, Door::Unshared(&["-n"], "true")),
        Probe::new(
            "F8-interface",
            "switch an interface on or off",
            says_so,
            Door::Unshared(&["-n"], "true"),
        ),
    ],
};

const SHARED: Door = Door::Flags(&["--net=host"]);

fn heard(after: &Aftermath, _: &Probe) -> bool {
    after.reported("heard ").contains("ESCAPED")
}
