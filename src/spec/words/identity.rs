//! Words for who the command is.

use crate::spec::setting::{host_name, parsed, put, yes};
use crate::spec::word::{Group::Identity, InProjectPolicy, Takes, Word};

use InProjectPolicy::{Allowed, AllowedAs, Refused};
use Takes::{Maybe, Nothing, One};

pub(super) const WORDS: &[Word] = &[
    Word {
        name: "ids",
        short: None,
        takes: One("auto|subids|single"),
        group: Identity,
        help: "Which ids exist inside: subordinate ranges, or yours alone [default: auto]",
        in_project_policy: AllowedAs("single"),
        set: |spec, value, origin| put(&mut spec.ids, parsed(value)?, origin),
    },
    Word {
        name: "root",
        short: None,
        takes: Nothing,
        group: Identity,
        help: "Be uid 0 inside; outside it is still you",
        in_project_policy: AllowedAs("false"),
        set: |spec, value, origin| put(&mut spec.root, yes(value)?, origin),
    },
    Word {
        name: "user",
        short: Some('u'),
        takes: One("UID[:GID]"),
        group: Identity,
        help: "Be this uid and gid inside, by number",
        in_project_policy: Refused,
        set: |spec, value, origin| put(&mut spec.user, parsed(value)?, origin),
    },
    Word {
        name: "hostname",
        short: None,
        takes: One("NAME"),
        group: Identity,
        help: "The host name inside [default: bryo]",
        in_project_policy: Allowed,
        set: |spec, value, origin| {
            let name = host_name(value)?;
            if name.len() > 64 {
                return Err(format!("`{name}` is longer than the 64 letters of a host name"));
            }
            put(&mut spec.hostname, name, origin)
        },
    },
    Word {
        name: "time",
        short: None,
        takes: Maybe { value: "SHIFT", given: "0" },
        group: Identity,
        help: "Shift uptime and the monotonic clock, in a time namespace: --time=+3d",
        in_project_policy: Allowed,
        set: |spec, value, origin| put(&mut spec.time, parsed(value)?, origin),
    },
];
