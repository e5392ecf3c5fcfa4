//! What a sandboxed program may try on its host, small enough to be tried on any machine: the core
//! of the escape suite. A probe has two ends: a function that the payload runs (`bryo __probe`),
//! and the proof of it, looked for outside afterwards. Starts no sandbox, and decides nothing about
//! one.

mod files;
mod kernel;
mod neighbours;
mod stage;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use neighbours::beat;
pub use stage::Stage;

/// What a probe says of itself: what it got, or why it did not.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    Reached(String),
    Refused(String),
}

impl Said {
    fn of<T: ToString, E: ToString>(result: Result<T, E>) -> Self {
        match result {
            Ok(what) => Self::Reached(what.to_string()),
            Err(why) => Self::Refused(why.to_string()),
        }
    }

    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Reached(text) | Self::Refused(text) => text,
        }
    }
}

/// Where a probe finds what it is after, as far as a program can be told.
pub struct Clues {
    stage: PathBuf,
    port: u16,
    victim: i32,
    descriptor: i32,
}

impl Clues {
    /// Reads `STAGE PORT VICTIM DESCRIPTOR`, as [`Stage::clues`] writes them.
    #[must_use]
    pub fn read(words: &[String]) -> Option<Self> {
        let [stage, port, victim, descriptor] = words else { return None };
        Some(Self {
            stage: PathBuf::from(stage),
            port: port.parse().ok()?,
            victim: victim.parse().ok()?,
            descriptor: descriptor.parse().ok()?,
        })
    }

    fn path(&self, below: &str) -> PathBuf {
        self.stage.join(below)
    }
}

pub struct Probe {
    pub name: &'static str,
    /// What it tries, as a person reads it behind its outcome.
    pub tries: &'static str,
    run: fn(&Clues) -> Said,
    proof: fn(&Stage, &Said) -> bool,
}

impl Probe {
    /// Tries it, as whoever and wherever this process is.
    #[must_use]
    pub fn run(&self, clues: &Clues) -> Said {
        (self.run)(clues)
    }

    /// Whether it came through, by what has become of the stage and by what only the host knows.
    #[must_use]
    pub fn came_through(&self, stage: &Stage, said: &Said) -> bool {
        (self.proof)(stage, said)
    }
}

const fn probe(
    name: &'static str,
    tries: &'static str,
    run: fn(&Clues) -> Said,
    proof: fn(&Stage, &Said) -> bool,
) -> Probe {
    Probe { name, tries, run, proof }
}

/// All of them, in the order they are told.
pub const ALL: [Probe; 22] = [
    probe("hidden-file", "read a file that is not shown", files::hidden, has_canary),
    probe("home", "see the home of the user", files::home, files::is_home),
    probe("read-only-file", "write to a file shown read-only", files::read_only, files::ro_changed),
    probe("stdin", "write to the file behind `< file`", files::stdin, files::stdin_changed),
    probe("descriptor", "hold a descriptor that leaked", files::descriptor, files::is_leaked),
    probe("set-uid", "leave a set-uid file", files::set_uid, files::is_set_uid),
    probe("git-hook", "leave a git hook", files::git_hook, files::has_hook),
    probe("environment", "find a token in the environment", neighbours::environment, has_canary),
    probe("init", "find it in the environment of pid 1", neighbours::init, has_canary),
    probe("trace", "trace pid 1", neighbours::trace, says_so),
    probe("kill", "kill a process of the host", neighbours::kill, |stage, _| !stage.victim_lives()),
    probe("daemon", "outlive the sandbox", neighbours::daemon, |stage, _| stage.is_beating()),
    probe("socket", "ask a service by its socket", neighbours::socket, Stage::was_asked),
    probe(
        "abstract-socket",
        "ask one by its abstract name",
        neighbours::abstract_socket,
        Stage::was_asked,
    ),
    probe("loopback", "ask one on the host's loopback", neighbours::loopback, Stage::was_asked),
    probe("user-namespace", "make a user namespace", kernel::user_namespace, says_so),
    probe("io-uring", "set up io_uring", kernel::io_uring, says_so),
    probe("keyring", "find the keyring of the session", kernel::keyring, Stage::is_own_keyring),
    probe("vsock", "open a socket to the hypervisor", kernel::vsock, says_so),
    probe("compat32", "make a 32-bit system call", kernel::compat32, says_so),
    probe("terminal-input", "push input into a terminal", kernel::terminal_input, says_so),
    probe("filter", "run without a filter of system calls", kernel::unfiltered, says_so),
];

#[must_use]
pub fn find(name: &str) -> Option<&'static Probe> {
    static PROBES: [Probe; ALL.len()] = ALL;
    PROBES.iter().find(|probe| probe.name == name)
}

/// It brought back what only the host knows.
fn has_canary(stage: &Stage, said: &Said) -> bool {
    said.text().contains(stage.canary())
}

/// Only the kernel can tell whether it answered, and has told the probe.
fn says_so(_: &Stage, said: &Said) -> bool {
    matches!(said, Said::Reached(_))
}

/// The first line of a file.
fn first_line(path: &Path) -> std::io::Result<String> {
    let content = std::fs::read(path)?;
    let line = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(String::from_utf8_lossy(line).into_owned())
}
