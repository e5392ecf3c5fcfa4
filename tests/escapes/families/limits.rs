//! Limits: more processes, memory or files than were given.

use crate::escapes::probe::{Door, Family, Probe, nothing_more, says_so};

pub(crate) const FAMILY: Family = Family {
    name: "limits",
    title: "Limits",
    session: &[],
    flags: &["--pids", "100", "--tmp-size", "16M", "--rlimit", "nofile=100"],
    prepare: nothing_more,
    probes: &[
        Probe::new("I8-processes", "start 300 processes: `--pids 100`", says_so, WIDE),
        Probe::new("I8-threads", "start 300 threads", says_so, WIDE),
        Probe::new("I9-tmp", "write 64 MiB to /tmp: `--tmp-size 16M`", says_so, WIDE),
        Probe::new("I9-shm", "the same to /dev/shm", says_so, WIDE),
        Probe::new("I11-files", "open 300 files: `--rlimit nofile=100`", says_so, WIDE),
    ],
};

const WIDE: Door =
    Door::Flags(&["--pids", "4096", "--tmp-size", "256M", "--rlimit", "nofile=1024"]);
