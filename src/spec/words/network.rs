//! Words for what the command may reach.

use crate::spec::NetworkMode;
use crate::spec::setting::{add, host_name, parsed, put, utf8};
use crate::spec::word::{Group::Network, InProjectPolicy, Takes, Word};

use InProjectPolicy::{Allowed, AllowedAs, Refused};
use Takes::{Each, Maybe, One};

pub(super) const WORDS: &[Word] = &[
    Word {
        name: "net",
        short: None,
        takes: Maybe { value: "none|closed|user|host|slirp4netns|pasta", given: "user" },
        group: Network,
        help: "Reach the network in user mode, or =host to share the host's [default: none]",
        in_project_policy: AllowedAs("none"),
        set: |spec, value, origin| put(&mut spec.net, parsed::<NetworkMode>(value)?, origin),
    },
    Word {
        name: "publish",
        short: Some('p'),
        takes: Each("[IP:]HOST:SANDBOX[/udp]"),
        group: Network,
        help: "Lead a port of the host to one inside; bound to 127.0.0.1 and ::1 unless IP is given",
        in_project_policy: Refused,
        set: |spec, value, origin| add(&mut spec.publish, parsed(value)?, origin),
    },
    Word {
        name: "dns",
        short: None,
        takes: Each("IP"),
        group: Network,
        help: "Ask this name server",
        in_project_policy: Refused,
        set: |spec, value, origin| {
            let text = utf8(value)?;
            let ip = text.parse().map_err(|_| format!("`{text}` is not an IP address"))?;
            add(&mut spec.dns, ip, origin)
        },
    },
    Word {
        name: "dns-search",
        short: None,
        takes: Each("DOMAIN"),
        group: Network,
        help: "Look short names up in this domain",
        in_project_policy: Refused,
        set: |spec, value, origin| add(&mut spec.dns_search, host_name(value)?, origin),
    },
    Word {
        name: "add-host",
        short: None,
        takes: Each("NAME:IP"),
        group: Network,
        help: "Add a name to /etc/hosts inside",
        in_project_policy: Refused,
        set: |spec, value, origin| add(&mut spec.add_host, parsed(value)?, origin),
    },
    Word {
        name: "rate",
        short: None,
        takes: One("RATE"),
        group: Network,
        help: "Bound the traffic each way, e.g. 10mbit",
        in_project_policy: Allowed,
        set: |spec, value, origin| put(&mut spec.rate, parsed(value)?, origin),
    },
];
