//! Means by which programs of one machine talk to each other: sockets, shared memory, queues.

use crate::escapes::probe::{Door, Family, Probe, has_canary, nothing_more};

pub(crate) const FAMILY: Family = Family {
    name: "ipc",
    title: "Sockets, shared memory, queues",
    session: &["shm=@CANARY@", "queue=@QUEUE@"],
    flags: &[],
    prepare: nothing_more,
    probes: &[
        Probe::new("E1-home", "ask a service by its socket in the home", has_canary, Door::Outside),
        Probe::new("E1-runtime", "the same in the runtime directory", has_canary, Door::Outside),
        Probe::new(
            "E1-tmp",
            "the same in the directory for temporary files",
            has_canary,
            Door::Outside,
        ),
        Probe::new("E5-agent", "ask the agent that SSH_AUTH_SOCK names", has_canary, Door::Outside),
        Probe::new(
            "E6-abstract",
            "ask a service by its abstract name, as X11 has it",
            has_canary,
            Door::Outside,
        ),
        Probe::new(
            "E8-abstract-net",
            "the same where the network is the host's: `--net=host`",
            has_canary,
            Door::Outside,
        )
        .with(&["--net=host"]),
        Probe::new("E9-shm", "read shared memory of System V", has_canary, Door::Outside),
        Probe::new("E9-queue", "read a message queue of POSIX", has_canary, Door::Outside),
    ],
};
