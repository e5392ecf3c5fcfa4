//! Words for how the command is started, watched and ended.

use crate::spec::EnvironmentWish;
use crate::spec::setting::{add, descriptor, parsed, put, yes};
use crate::spec::word::{Group::Process, InProjectPolicy, Takes, Word};

use InProjectPolicy::{Allowed, AllowedAs, Refused};
use Takes::{Each, Nothing, One};

pub(super) const WORDS: &[Word] = &[
    Word {
        name: "env",
        short: Some('e'),
        takes: Each("K=V|K"),
        group: Process,
        help: "Set a variable, or pass one of yours",
        in_project_policy: Refused,
        set: |spec, value, origin| add(&mut spec.env, EnvironmentWish::parse(value)?, origin),
    },
    Word {
        name: "env-file",
        short: None,
        takes: Each("FILE"),
        group: Process,
        help: "Set or pass the variables of a file, a line each",
        in_project_policy: Refused,
        set: |spec, value, origin| {
            add(&mut spec.env, EnvironmentWish::File { path: value.into() }, origin)
        },
    },
    Word {
        name: "clear-env",
        short: None,
        takes: Nothing,
        group: Process,
        help: "Pass none of your variables but by --env",
        in_project_policy: AllowedAs("true"),
        set: |spec, value, origin| put(&mut spec.clear_env, yes(value)?, origin),
    },
    Word {
        name: "pass-fd",
        short: None,
        takes: Each("FD"),
        group: Process,
        help: "Pass an open descriptor besides 0, 1 and 2",
        in_project_policy: Refused,
        set: |spec, value, origin| {
            let fd = descriptor(value)?;
            if fd <= 2 {
                return Err(format!("`{fd}` is passed anyway"));
            }
            add(&mut spec.pass_fd, fd, origin)
        },
    },
    Word {
        name: "timeout",
        short: None,
        takes: One("TIME"),
        group: Process,
        help: "End it after TIME, e.g. 30s: TERM, then KILL",
        in_project_policy: Allowed,
        set: |spec, value, origin| put(&mut spec.timeout, parsed(value)?, origin),
    },
    Word {
        name: "grace",
        short: None,
        takes: One("TIME"),
        group: Process,
        help: "The time between TERM and KILL [default: 10s]",
        in_project_policy: Refused,
        set: |spec, value, origin| put(&mut spec.grace, parsed(value)?, origin),
    },
    Word {
        name: "status-fd",
        short: None,
        takes: One("FD"),
        group: Process,
        help: "Report start and end on FD, as lines of JSON",
        in_project_policy: Refused,
        set: |spec, value, origin| put(&mut spec.status_fd, descriptor(value)?, origin),
    },
    Word {
        name: "best-effort",
        short: None,
        takes: Nothing,
        group: Process,
        help: "Where the host cannot give a protection, warn and run without it",
        in_project_policy: AllowedAs("false"),
        set: |spec, value, origin| put(&mut spec.best_effort, yes(value)?, origin),
    },
];
