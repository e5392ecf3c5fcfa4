//! The kinds of launches that are swept: their flags, and the ground they need. Nothing here knows
//! of faults.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::pty::OpenptFlags;

use crate::support::{Deadline, Home, place, program};
use crate::tracer::Streams;

/// For a dead try to let go of its lock.
const GRACE: Duration = Duration::from_secs(2);

#[derive(Clone, Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    verb: Verb,
    flags: Vec<&'static str>,
    needs: Vec<&'static str>,
    pub(crate) streams: Streams,
    pub(crate) store: Store,
    command: &'static str,
}

/// Whether the launch writes to a disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Store {
    InMemory,
    OnDisk,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verb {
    Run,
    Try,
}

/// Where a launch has its streams.
pub(crate) enum Ends {
    Pipes,
    /// The master of its terminal, to be read while it runs.
    Terminal(File),
}

impl Kind {
    pub(crate) fn plain(name: &'static str, flags: &[&'static str]) -> Self {
        Self {
            name,
            verb: Verb::Run,
            flags: flags.to_vec(),
            needs: vec!["gcc"],
            streams: Streams::Plain,
            store: Store::InMemory,
            command: "./facts",
        }
    }

    pub(crate) fn on_rootfs(name: &'static str, flags: &[&'static str]) -> Self {
        let flags: Vec<_> = ["--rootfs=rootfs"].iter().chain(flags).copied().collect();
        Self { command: "/facts", ..Self::plain(name, &flags) }
    }

    pub(crate) fn on_disk(name: &'static str, flags: &[&'static str]) -> Self {
        Self { store: Store::OnDisk, ..Self::plain(name, flags) }
    }

    /// What it writes is kept in the home, and thrown away at the end.
    pub(crate) fn attempt(name: &'static str, flags: &[&'static str]) -> Self {
        Self { verb: Verb::Try, ..Self::on_disk(name, flags) }
    }

    pub(crate) fn on_terminal(name: &'static str, flags: &[&'static str]) -> Self {
        Self { streams: Streams::Terminal, ..Self::plain(name, flags) }
    }

    pub(crate) fn needs(mut self, program: &'static str) -> Self {
        self.needs.push(program);
        self
    }

    /// What this machine lacks for it.
    pub(crate) fn lack(&self) -> Option<String> {
        if !cfg!(target_arch = "x86_64") {
            return Some("the tracer knows the registers of x86-64 only".to_owned());
        }
        let missing = self.needs.iter().find(|name| program(name).is_none());
        missing.map(|name| format!("`{name}` is not installed"))
    }

    /// A home with what the launch needs: a project under git, and a small root file system.
    pub(crate) fn home(&self) -> Home {
        let home = Home::new();
        let scratch = home.scratch();
        scratch.dir("work/.git/hooks");
        scratch.write("work/.git/config", "[core]\n");
        for directory in ["etc", "proc", "dev", "tmp", "usr", "opt/kept"] {
            scratch.dir(format!("work/rootfs/{directory}"));
        }
        for name in ["work/facts", "work/rootfs/facts"] {
            // A copy would be open for writing in whatever another worker forks meanwhile, and
            // "text file busy" then.
            std::fs::hard_link(program_of_facts(), scratch.join(name)).unwrap();
        }
        if self.verb == Verb::Try {
            // What a first one leaves for all: the store, and what is known of the kernel.
            self.command(&home).0.output().unwrap();
            self.tidy_up(&home);
        }
        home
    }

    /// Throws away what a try has left, which is kept by its name until the user says so. Before it
    /// is dead, nobody may.
    pub(crate) fn tidy_up(&self, home: &Home) {
        if self.verb == Verb::Run {
            return;
        }
        let mut discard = Command::new(place::binary());
        discard.args(["discard", "--all"]).env_clear().envs(home.environment());
        discard.current_dir(home.work()).stdout(Stdio::null()).stderr(Stdio::null());
        Deadline::after(GRACE).sees(|| discard.status().unwrap().success());
    }

    pub(crate) fn command(&self, home: &Home) -> (Command, Ends) {
        let mut command = Command::new(place::binary());
        command
            .arg(if self.verb == Verb::Try { "try" } else { "run" })
            .args(&self.flags)
            .args(["--", self.command]);
        command.current_dir(home.work()).env_clear().envs(home.environment());
        if self.store == Store::OnDisk {
            command.env("BRYO_SCRATCH", home.data().join("scratch"));
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if self.streams == Streams::Plain {
            return (command, Ends::Pipes);
        }
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = rustix::pty::openpt(flags).unwrap();
        rustix::pty::unlockpt(&master).unwrap();
        let slave = rustix::pty::ioctl_tiocgptpeer(&master, flags).unwrap();
        command.stdin(slave.try_clone().unwrap()).stdout(slave);
        (command, Ends::Terminal(master.into()))
    }
}

/// Compiled once for all.
fn program_of_facts() -> &'static Path {
    static PROGRAM: OnceLock<(Home, PathBuf)> = OnceLock::new();
    let (_, program) = PROGRAM.get_or_init(|| {
        let home = Home::new();
        let program = home.root().join("facts");
        let source = place::tree().join("tests/faults/facts.c");
        let mut gcc = Command::new("gcc");
        let done = gcc.args(["-static", "-O1", "-o"]).args([&program, &source]).status();
        assert!(done.unwrap().success(), "gcc cannot make {}", source.display());
        (home, program)
    });
    program
}
