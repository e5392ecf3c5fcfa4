//! /proc and /sys: other processes, init first of all, and what the kernel tells and takes there.

use std::os::unix::fs::MetadataExt;

use crate::escapes::probe::{Door, Family, Probe, has_canary, nothing_more, says_so};
use crate::escapes::trial::Aftermath;
use crate::support::place;

pub(crate) const FAMILY: Family = Family {
    name: "proc",
    title: "/proc, /sys and other processes' memory",
    session: &["key=@CANARY@", "victim=@CANARY@", "victim-file=@OUTSIDE@/C2-fd"],
    flags: &[],
    prepare: nothing_more,
    probes: &[
        Probe::new(
            "C1-exe",
            "open the file that the launcher runs from, by /proc/1/exe",
            launcher,
            Door::Bubblewrap(&[]),
        ),
        Probe::new(
            "C2-environ",
            "read the caller's environment from init",
            has_canary,
            Door::Outside,
        ),
        Probe::new("C2-mem", "read it from init's memory: /proc/1/mem", has_canary, Door::Outside),
        Probe::new("C2-fd", "use init's descriptors: /proc/1/fd", has_canary, Door::Outside),
        Probe::new("C2-root", "reach the host's files by /proc/1/root", has_canary, Door::Outside),
        Probe::new("C2-cwd", "reach them by /proc/1/cwd", has_canary, Door::Outside),
        Probe::new(
            "C3-sysctl",
            "open a setting of the kernel for writing",
            says_so,
            Door::Unshared(&["-n"], "true"),
        ),
        Probe::new(
            "C5-proc",
            "mount a /proc of its own, without the covers",
            says_so,
            Door::Unshared(&["-m"], "true"),
        ),
        Probe::new("C5-sysfs", "mount a /sys of its own", says_so, Door::Unshared(&["-m"], "true")),
        Probe::new(
            "C6-cgroup2",
            "mount the control groups",
            says_so,
            Door::Unshared(&["-m"], "true"),
        ),
        Probe::new("C7-keys", "see the keys of the session in /proc/keys", says_so, Door::Outside),
        Probe::new("C7-kallsyms", "read the kernel's symbols", says_so, Door::Outside),
        Probe::new("C7-sys", "look around in /sys", says_so, Door::Outside),
        Probe::new("C9-list", "see a process of the host in /proc", says_so, Door::Outside),
        Probe::new("D2-ptrace", "trace init", has_canary, Door::Outside),
        Probe::new(
            "D2-vm-readv",
            "read init's memory: process_vm_readv",
            has_canary,
            Door::Outside,
        ),
        Probe::new("D2-pidfd-getfd", "take a descriptor from init", says_so, Door::Outside),
    ],
};

/// The device and number that it found are those of a launcher on the host.
fn launcher(after: &Aftermath, probe: &Probe) -> bool {
    [place::binary(), "/usr/bin/bwrap".into()].iter().any(|path| {
        std::fs::metadata(path).is_ok_and(|it| {
            let found = format!("reached {}:{}", it.dev(), it.ino());
            after.fact(probe.id) == Some(&found)
        })
    })
}
