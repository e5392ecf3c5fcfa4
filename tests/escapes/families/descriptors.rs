//! Descriptors: what the sandbox was given or inherited, and what can be made of it.

use std::fs;

use crate::escapes::probe::{Door, Family, Probe, has_canary, nothing_more, says_so};
use crate::escapes::stage::INTACT;
use crate::escapes::trial::Aftermath;

pub(crate) const FAMILY: Family = Family {
    name: "descriptors",
    title: "Descriptors",
    // As `cmd < file >> log` has them, and two that leaked from whatever started it.
    session: &[
        "stdin=@STAGE@/stdin",
        "stdout=@STAGE@/stdout",
        "directory7=@OUTSIDE@",
        "file8=@STAGE@/file8",
    ],
    flags: &[],
    prepare: nothing_more,
    probes: &[
        Probe::new(
            "A5-write",
            "write to the file behind `< file`, reopened by /proc/self/fd/0",
            stdin,
            Door::Outside,
        ),
        Probe::new("A5-truncate", "truncate it by that name", stdin, Door::Outside).alone(),
        Probe::new(
            "A6-read",
            "read the file behind `>> log`, reopened by /proc/self/fd/1",
            has_canary,
            Door::Outside,
        ),
        Probe::new("A6-truncate", "truncate it by that name", stdout, Door::Outside).alone(),
        Probe::new(
            "A6-overwrite",
            "clear O_APPEND and write over its beginning",
            stdout,
            Door::Outside,
        )
        .alone(),
        Probe::new(
            "A7-enumerate",
            "find a descriptor that was not passed",
            says_so,
            Door::Flags(&["--pass-fd", "7"]),
        ),
        Probe::new(
            "A7-file",
            "write to a file that leaked as descriptor 8",
            file,
            Door::Flags(&["--pass-fd", "8"]),
        ),
        Probe::new(
            "A8-openat",
            "read below a directory that leaked as descriptor 7",
            has_canary,
            Door::Flags(&["--pass-fd", "7"]),
        ),
        Probe::new("A8-write", "write below it", outside, Door::Outside),
        Probe::new(
            "A8-fchdir",
            "make it the working directory",
            has_canary,
            Door::Flags(&["--pass-fd", "7"]),
        ),
        Probe::new(
            "A8-workdir",
            "start in `--workdir /proc/self/fd/7`",
            has_canary,
            Door::Unshared(&["--wd=@OUTSIDE@"], "true"),
        )
        .with(&["--rw", "@WORK@", "-w", "/proc/self/fd/7"]),
    ],
};

fn is_changed(after: &Aftermath, below: &str) -> bool {
    !fs::read_to_string(after.stage().path(below)).unwrap_or_default().starts_with(INTACT)
}

fn stdin(after: &Aftermath, _: &Probe) -> bool {
    is_changed(after, "stdin")
}

fn stdout(after: &Aftermath, _: &Probe) -> bool {
    is_changed(after, "stdout")
}

fn file(after: &Aftermath, _: &Probe) -> bool {
    is_changed(after, "file8")
}

fn outside(after: &Aftermath, probe: &Probe) -> bool {
    is_changed(after, &format!("outside/{}", probe.id))
}
