//! The kinds of launches that are swept: their flags, and the ground they need. Nothing here knows
//! of faults.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use rustix::pty::OpenptFlags;

use crate::support::{Home, place, program};
use crate::tracer::Streams;

#[derive(Clone, Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
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
        home
    }

    pub(crate) fn command(&self, home: &Home) -> (Command, Ends) {
        let mut command = Command::new(place::binary());
        command.arg("run").args(&self.flags).args(["--", self.command]);
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
