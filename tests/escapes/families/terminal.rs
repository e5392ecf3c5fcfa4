//! The terminal: what is typed at it by nobody, and whose it is.

use crate::escapes::probe::{Door, Family, Probe, nothing_more, says_so};
use crate::escapes::trial::Aftermath;

pub(crate) const FAMILY: Family = Family {
    name: "terminal",
    title: "Terminal",
    session: &[],
    flags: &[],
    prepare: nothing_more,
    probes: &[
        Probe::new("A1-stdin", "type at the caller's shell: TIOCSTI", typed, AT_TERMINAL),
        Probe::new("A1-tty", "the same by /dev/tty", typed, AT_TERMINAL),
        Probe::new(
            "A2-high-bits",
            "the same with bits that the kernel ignores",
            typed,
            AT_TERMINAL,
        ),
        Probe::new("A2-i386", "the same by the 32-bit entry", typed, AT_TERMINAL),
        Probe::new(
            "A3-tioclinux",
            "paste at a console: TIOCLINUX comes to the driver",
            says_so,
            Door::Flags(&["--allow", "terminal-input"]),
        ),
        Probe::new("A4-name", "open the host's terminal by a name in /dev", says_so, AT_TERMINAL),
        Probe::new(
            "A4-stream",
            "hold the host's terminal itself as a stream",
            says_so,
            AT_TERMINAL,
        ),
        Probe::new(
            "A12-raw",
            "leave the terminal without echo",
            |a, _| a.reported("settings ") == "changed",
            AT_TERMINAL,
        )
        .alone(),
        Probe::new(
            "A12-nonblock",
            "leave it non-blocking, so that the shell's reads fail",
            |a, _| a.reported("flags ") == "changed",
            AT_TERMINAL,
        )
        .alone(),
    ],
};

const AT_TERMINAL: Door = Door::OutsideAtTerminal;

fn typed(after: &Aftermath, probe: &Probe) -> bool {
    after.reported("input ").contains(probe.id)
}
