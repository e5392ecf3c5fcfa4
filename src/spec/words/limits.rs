//! Words for what the sandbox may use up, and what is told of it.

use crate::spec::setting::{add, parsed, put, yes};
use crate::spec::word::{Group::Limits, InProjectPolicy, Takes, Word};

use InProjectPolicy::{Allowed, Refused};
use Takes::{Each, Nothing, One};

pub(super) const WORDS: &[Word] = &[
    Word {
        name: "memory",
        short: Some('m'),
        takes: One("SIZE"),
        group: Limits,
        help: "Bound memory and swap together, e.g. 512M",
        in_project_policy: Allowed,
        set: |spec, value, origin| put(&mut spec.memory, parsed(value)?, origin),
    },
    Word {
        name: "cpus",
        short: None,
        takes: One("N"),
        group: Limits,
        help: "Bound the processor time to that of N processors, e.g. 1.5",
        in_project_policy: Allowed,
        set: |spec, value, origin| put(&mut spec.cpus, parsed(value)?, origin),
    },
    Word {
        name: "cpu-weight",
        short: None,
        takes: One("1-10000"),
        group: Limits,
        help: "Its share where processors are short; others have 100",
        in_project_policy: Refused,
        set: |spec, value, origin| put(&mut spec.cpu_weight, parsed(value)?, origin),
    },
    Word {
        name: "pids",
        short: None,
        takes: One("N"),
        group: Limits,
        help: "Bound the number of processes and threads [default: 4096]",
        in_project_policy: Refused,
        set: |spec, value, origin| put(&mut spec.pids, parsed(value)?, origin),
    },
    Word {
        name: "io-weight",
        short: None,
        takes: One("1-10000"),
        group: Limits,
        help: "Its share where a disk is short; others have 100",
        in_project_policy: Refused,
        set: |spec, value, origin| put(&mut spec.io_weight, parsed(value)?, origin),
    },
    Word {
        name: "io-max",
        short: None,
        takes: Each("PATH:rbps=10M,…"),
        group: Limits,
        help: "Bound rbps, wbps, riops and wiops of the disk that holds PATH",
        in_project_policy: Refused,
        set: |spec, value, origin| add(&mut spec.io_max, parsed(value)?, origin),
    },
    Word {
        name: "tmp-size",
        short: None,
        takes: One("SIZE"),
        group: Limits,
        help: "Bound what /tmp, /dev/shm and a private home take together",
        in_project_policy: Refused,
        set: |spec, value, origin| put(&mut spec.tmp_size, parsed(value)?, origin),
    },
    Word {
        name: "rlimit",
        short: None,
        takes: Each("NAME=SOFT[:HARD]"),
        group: Limits,
        help: "Set a resource limit of each process, e.g. nofile=1024",
        in_project_policy: Refused,
        set: |spec, value, origin| add(&mut spec.rlimit, parsed(value)?, origin),
    },
    Word {
        name: "require",
        short: None,
        takes: Each("limits"),
        group: Limits,
        help: "Fail where the kernel cannot hold the limits and bryo could only watch them",
        in_project_policy: Allowed,
        set: |spec, value, origin| add(&mut spec.require, parsed(value)?, origin),
    },
    Word {
        name: "stats",
        short: None,
        takes: Nothing,
        group: Limits,
        help: "Tell at the end what it used: memory, processor, time, processes, bytes",
        in_project_policy: Allowed,
        set: |spec, value, origin| put(&mut spec.stats, yes(value)?, origin),
    },
];
