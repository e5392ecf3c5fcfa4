//! Words for the layers behind the namespaces: which doors are open, and who is told.

use crate::spec::setting::{add, parsed, put};
use crate::spec::word::{Group::Confinement, InProjectPolicy, Takes, Word};
use crate::spec::{CapabilityWish, SeccompWish};

use InProjectPolicy::{Allowed, AllowedAs, Refused};
use Takes::{Each, One};

pub(super) const WORDS: &[Word] = &[
    Word {
        name: "seccomp",
        short: None,
        takes: One("default|none|FILE"),
        group: Confinement,
        help: "Which system calls may be made; FILE is in OCI's JSON form [default: default]",
        in_project_policy: AllowedAs("default"),
        set: |spec, value, origin| put(&mut spec.seccomp, SeccompWish::parse(value)?, origin),
    },
    Word {
        name: "allow",
        short: None,
        takes: Each("DOOR"),
        group: Confinement,
        help: "Open one door by name: ptrace, nested-userns, compat32, …; bryo(1) lists them",
        in_project_policy: Refused,
        set: |spec, value, origin| add(&mut spec.allow, parsed(value)?, origin),
    },
    Word {
        name: "cap-add",
        short: None,
        takes: Each("CAP|all"),
        group: Confinement,
        help: "Keep this capability, over the sandbox only",
        in_project_policy: Refused,
        set: |spec, value, origin| {
            add(&mut spec.capabilities, CapabilityWish::Add(parsed(value)?), origin)
        },
    },
    Word {
        name: "cap-drop",
        short: None,
        takes: Each("CAP|all"),
        group: Confinement,
        help: "Give this capability up",
        in_project_policy: Allowed,
        set: |spec, value, origin| {
            add(&mut spec.capabilities, CapabilityWish::Drop(parsed(value)?), origin)
        },
    },
    Word {
        name: "integrity",
        short: None,
        takes: One("report|strict|off"),
        group: Confinement,
        help: "What to do about changes that would act outside, such as hooks [default: report]",
        in_project_policy: AllowedAs("strict"),
        set: |spec, value, origin| put(&mut spec.integrity, parsed(value)?, origin),
    },
    Word {
        name: "report",
        short: None,
        takes: One("FILE"),
        group: Confinement,
        help: "Write what was enforced, layer by layer, as JSON",
        in_project_policy: Refused,
        set: |spec, value, origin| {
            if value.is_empty() {
                return Err("an empty path is no file".to_owned());
            }
            put(&mut spec.report, value.into(), origin)
        },
    },
];
