//! What came of a run with a fault in it: clean, or why it is not.

use rustix::process::Signal;

use crate::calls;
use crate::facts;
use crate::story::{Deed, Fault, Role, Story};

/// All that a run shows.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) story: Story,
    /// Made comparable.
    pub(crate) facts: String,
    pub(crate) stderr: String,
    pub(crate) left: Vec<String>,
}

const FAILED: i32 = 125;
const CANNOT_EXECUTE: i32 = 126;
const KILLED: i32 = 128 + 9;
const KILLED_BY_THE_VIEW: i32 = 128 + 7;
const NO_OTHER_IDS: &str = "newuidmap: write to uid_map failed";

/// Why the run is not clean.
pub(crate) fn complaint(outcome: &Outcome, truth: &str, fault: &Fault) -> Option<String> {
    if let Some(alive) = &outcome.story.hung {
        return Some(format!("hung, with {alive}"));
    }
    if !outcome.left.is_empty() {
        return Some(format!("left behind: {}", outcome.left.join("; ")));
    }
    let stderr = outcome.stderr.trim_end().replace('\n', " / ");
    match outcome.story.status {
        KILLED if fault.deed == Deed::Signal(Role::Caller, Signal::KILL) => None,
        // The command was killed by somebody, before it was one.
        KILLED if fault.deed == Deed::Signal(Role::Payload, Signal::KILL) => {
            (!is_quiet(&outcome.stderr)).then(|| format!("talks: {stderr}"))
        }
        // The pages of its program were to come from the helper.
        KILLED_BY_THE_VIEW if matches!(fault.deed, Deed::Signal(Role::Helper(_), Signal::KILL)) => {
            (!is_quiet(&outcome.stderr)).then(|| format!("talks: {stderr}"))
        }
        0 if !is_quiet(&outcome.stderr) => Some(format!("succeeds, and talks: {stderr}")),
        0 if !is_allowed(&facts::differing(truth, &outcome.facts), fault) => {
            let difference = facts::difference(truth, &outcome.facts);
            Some(format!("succeeds with a difference: {difference}"))
        }
        0 => None,
        // One that was being killed may have found half of its sandbox gone.
        FAILED if matches!(fault.deed, Deed::Fail(_)) && !is_beginning(&outcome.facts, truth) => {
            let difference = facts::difference(truth, &outcome.facts);
            Some(format!("fails, after a command that ran with a difference: {difference}"))
        }
        FAILED => fault_of_error(&outcome.stderr, fault),
        // Of a program that the kernel refuses.
        CANNOT_EXECUTE if fault.at.role == Role::Payload => fault_of_error(&outcome.stderr, fault),
        status => Some(format!("status {status}: {stderr}")),
    }
}

/// Of a command that was cut short. Its last line may be, too; and an init that is dying already has
/// no command line to show.
fn is_beginning(facts: &str, truth: &str) -> bool {
    let whole = facts.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let is_true = |line: &str| {
        truth.lines().any(|it| it == line || it.strip_prefix("command ") == Some(line))
    };
    whole.lines().all(is_true)
}

/// Which differences a command may show that ran to its end.
fn is_allowed(differing: &[&str], fault: &Fault) -> bool {
    // What cannot be asked whether it is a terminal gets one of the sandbox's own, as terminals do.
    if fault.at.role == Role::Caller && calls::name(fault.at.number) == "ioctl" {
        return differing.iter().all(|line| is_about_a_stream(line));
    }
    differing.iter().all(|line| match fault.deed {
        // A file of bryo's own in /etc that may not be written is covered instead, or left out of
        // a root file system that works without it.
        Deed::Fail(libc::EPERM) => fault.at.role == Role::Init && line.contains(" /etc/"),
        // The kernel takes a tap away long before it says that its process has ended.
        Deed::Signal(Role::Helper(_), Signal::KILL) => line.contains("tap0"),
        _ => false,
    })
}

/// What one of the streams is, and which of them are terminals.
fn is_about_a_stream(line: &str) -> bool {
    const STREAMS: [&str; 3] = ["descriptor 0 ", "descriptor 1 ", "descriptor 2 "];
    const KINDS: [&str; 3] = ["/dev/null", "pipe", "/dev/pts/0"];
    let kind = STREAMS.iter().find_map(|stream| line.strip_prefix(stream));
    kind.map_or_else(|| line.starts_with("terminal "), |kind| KINDS.contains(&kind))
}

/// Only warnings and notes, a line each.
pub(crate) fn is_quiet(stderr: &str) -> bool {
    stderr
        .lines()
        .all(|line| line.starts_with("bryo: warning: ") || line.starts_with("bryo: note: "))
}

/// One error line, and a hint behind it if there is one; the line says what the kernel said.
fn fault_of_error(stderr: &str, fault: &Fault) -> Option<String> {
    let talk: Vec<_> = stderr.lines().skip_while(|line| is_quiet(line)).collect();
    let error = match talk.as_slice() {
        [error] => error,
        [error, "", hint] if hint.starts_with("hint: ") => error,
        _ => return Some(format!("not one error: {}", stderr.trim_end().replace('\n', " / "))),
    };
    let Some(said) = error.strip_prefix("bryo: error: ") else {
        return Some(format!("no error line: {error}"));
    };
    let what = said.split(": ").next().unwrap_or_default();
    if !what.contains(' ') {
        return Some(format!("names a call, not what could not be done: {error}"));
    }
    let word = match fault.deed {
        Deed::Fail(libc::EPERM) => "operation not permitted",
        Deed::Fail(libc::ENOMEM) => "out of memory",
        Deed::Fail(libc::EINTR) => "interrupted system call",
        Deed::Fail(libc::ENOSYS) => "function not implemented",
        Deed::Fail(libc::ENOSPC) => "no space left on device",
        _ => "",
    };
    let is_known = other_words(fault).iter().any(|other| said.contains(other));
    (!said.contains(word) && !is_known).then(|| format!("hides the reason: {error}"))
}

/// What else may stand in the place of the kernel's own words.
fn other_words(fault: &Fault) -> &'static [&'static str] {
    match (fault.at.role, calls::name(fault.at.number).as_str()) {
        // pthread_create(3) makes this of every failure.
        (_, "mmap" | "mprotect" | "clone3") => &["try again"],
        // No other reason is known to this question (`SECCOMP_GET_ACTION_AVAIL`).
        (Role::Caller, "seccomp") => &["built without filters of system calls"],
        // A limit that cannot be read is taken for none, and the kernel lets nobody raise one.
        (Role::Caller, "prlimit64") => &["cannot set the limit `nofile`"],
        // A report that was not sent. A helper may end first, without a fault, once init is dead.
        (Role::Init | Role::Payload, "sendmsg") => {
            &["ended without a word", "ended before the sandbox did: exit status 0"]
        }
        (Role::Helper(_), "write") => &["did not answer"],
        // The cause in the words of `bryo doctor`; and as below.
        (Role::Caller, "openat") => &["an outer container forbids", NO_OTHER_IDS],
        // What the user may not remove, all his ids are to remove; under a tracer they cannot be had.
        (Role::Caller, "getdents64" | "unlinkat" | "fchmodat" | "newfstatat") => &[NO_OTHER_IDS],
        // What Landlock's rules were not made for is closed to the helper.
        (Role::Helper(_), "statx" | "openat") => &["permission denied"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Call;

    fn fault(deed: Deed) -> Fault {
        Fault { at: Call { role: Role::Init, number: libc::SYS_mount, nth: 1 }, deed }
    }

    fn complaint_of(status: i32, facts: &str, stderr: &str, deed: Deed) -> Option<String> {
        let story = Story { steps: Vec::new(), met: true, status, hung: None };
        let (facts, stderr) = (facts.to_owned(), stderr.to_owned());
        complaint(&Outcome { story, facts, stderr, left: Vec::new() }, "a\nb", &fault(deed))
    }

    #[test]
    fn what_is_not_clean_is_seen() {
        let deed = Deed::Fail(libc::EPERM);
        let error = "bryo: error: cannot x: mount: operation not permitted\n";
        assert_eq!(complaint_of(0, "a\nb", "", deed), None);
        assert_eq!(complaint_of(0, "a\nb", "bryo: warning: w\n", deed), None);
        assert_eq!(complaint_of(125, "", error, deed), None);
        assert_eq!(complaint_of(125, "a", &format!("{error}\nhint: h\n"), deed), None);
        assert_eq!(complaint_of(137, "", "", Deed::Signal(Role::Caller, Signal::KILL)), None);
        let bad = [
            complaint_of(0, "a", "", deed),
            complaint_of(0, "a\nb", "x\n", deed),
            complaint_of(125, "", "", deed),
            complaint_of(125, "c\na", error, deed),
            complaint_of(125, "", &format!("{error}{error}"), deed),
            complaint_of(125, "", "bryo: error: it failed\n", deed),
            complaint_of(125, "", "bryo: error: setsid: operation not permitted\n", deed),
            complaint_of(125, "", &format!("thread panicked\n{error}"), deed),
            complaint_of(126, "", error, deed),
            complaint_of(134, "", error, deed),
            complaint_of(137, "", "", Deed::Signal(Role::Init, Signal::KILL)),
        ];
        assert!(bad.iter().all(Option::is_some), "{bad:?}");
    }
}
