//! Processes: the host's, which are not to be reached, and the sandbox's own, which are not to
//! outlive it.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use crate::escapes::probe::{Door, Family, Probe, nothing_more, says_so};
use crate::escapes::trial::Aftermath;

pub(crate) const FAMILY: Family = Family {
    name: "processes",
    title: "Processes",
    session: &["victim=@CANARY@"],
    flags: &[],
    prepare: nothing_more,
    probes: &[
        Probe::new("D1-kill", "kill a process of the host", killed, Door::Outside).alone(),
        Probe::new("D1-group", "kill its group", killed, Door::Outside).alone(),
        Probe::new("D1-tgkill", "kill its thread", killed, Door::Outside).alone(),
        Probe::new("D1-pidfd", "kill it by a pidfd", killed, Door::Outside).alone(),
        Probe::new("D1-owner", "let the kernel kill it: F_SETOWN", killed, Door::Outside).alone(),
        Probe::new("D1-priority", "slow it down: setpriority", says_so, Door::Outside),
        Probe::new("D1-limit", "limit its time: prlimit", says_so, Door::Outside),
        Probe::new("D4-child", "outlive a launcher killed by SIGKILL", lives, Door::Outside)
            .in_session(KILLED),
        Probe::new(
            "D5-daemon",
            "the same as a daemon that ignores every signal",
            lives,
            Door::Outside,
        )
        .in_session(KILLED),
        Probe::new("D9-daemon", "outlive the command as such a daemon", lives, Door::Outside)
            .alone(),
    ],
};

const KILLED: &[&str] = &["kill-when=@WORK@/ready"];

fn killed(after: &Aftermath, _: &Probe) -> bool {
    after.reported("victim ").starts_with("ended")
}

/// It still writes, a while after the end.
fn lives(after: &Aftermath, probe: &Probe) -> bool {
    let beats = || {
        let written = fs::read(after.stage().path(&format!("work/{}", probe.id)));
        written.map_or(0, |it| it.len())
    };
    sleep(Duration::from_millis(250));
    let before = beats();
    sleep(Duration::from_millis(150));
    beats() > before
}
