//! The inner end: init opens the pseudo-terminal and leads its session, the payload gets it in
//! place of the streams that were terminals.

use std::os::fd::{AsFd, OwnedFd};

use crate::base::{Context, Result};
use crate::plan::Plan;
use crate::sys::mount::{self, MountAttr};
use crate::sys::process;
use crate::sys::terminal::{self, Pty, Settings};

use super::super::wire::{Report, Wire};
use super::{Place, Streams};

#[derive(Debug)]
pub(in super::super) struct Inside {
    streams: Streams,
    slave: OwnedFd,
    /// The outer end, until it is sent away.
    master: Option<OwnedFd>,
}

impl Inside {
    /// For init, which leads a session and still has the caller's streams: opens the pair and
    /// makes it like the caller's terminal.
    pub(in super::super) fn open(
        streams: Streams,
        devpts: Option<OwnedFd>,
        plan: &Plan,
    ) -> Result<Self> {
        let pty = open_pair(devpts).context(|| "cannot make a terminal".to_owned())?;
        let slave = pty.slave.as_fd();
        terminal::give_to(slave, plan.identity.uid)?;
        terminal::set_controlling(slave)?;
        // A window of unknown size, or settings that cannot be copied, are no reason not to run.
        let _ = terminal::copy_window_size(streams.written_to(), slave);
        if let Ok(settings) = Settings::of(streams.read_from()) {
            let _ = match streams.beginning {
                Place::Foreground => settings.apply(slave),
                // The caller's terminal stays as it is, and does that part itself.
                Place::Background => settings.with_plain_output().apply(slave),
            };
        }
        Ok(Self { streams, slave: pty.slave, master: Some(pty.master) })
    }

    /// Sends the outer end away. Once the payload is executed: a key typed before it would stop or
    /// end a process that is not yet the user's program, which init is waiting for.
    pub(in super::super) fn send_outer_end(&mut self, wire: &Wire) -> Result<()> {
        match self.master.take() {
            Some(master) => wire.send_with(&Report::Terminal, Some(master.as_fd())),
            None => Ok(()),
        }
    }

    /// For the payload, which leads its own process group: takes its place on the terminal.
    pub(in super::super) fn become_the_streams(&self) -> Result<()> {
        if self.streams.beginning == Place::Foreground {
            terminal::set_foreground_group(self.slave.as_fd(), process::own_process_group())?;
        }
        for number in self.streams.numbers() {
            process::duplicate_to(self.slave.as_fd(), number)?;
        }
        Ok(())
    }

    /// For init: where the payload stands from now on. SIGTTOU is blocked here, so init may say so
    /// from the background.
    pub(in super::super) fn put(&self, payload: i32, place: Place) {
        let group = match place {
            Place::Foreground => self.foreground_job().unwrap_or(payload),
            Place::Background => process::own_process_group(),
        };
        // A group that has ended since needs no place.
        let _ = terminal::set_foreground_group(self.slave.as_fd(), group);
    }

    /// The process group that the keys go to, if it is not init's own, which stands for nobody.
    pub(in super::super) fn foreground_job(&self) -> Option<i32> {
        let group = terminal::foreground_group(self.slave.as_fd()).ok()?;
        (group != process::own_process_group()).then_some(group)
    }

    pub(in super::super) fn descriptor(&self) -> std::os::fd::BorrowedFd<'_> {
        self.slave.as_fd()
    }
}

/// A view without a /dev of its own has a terminal all the same, one without a name.
fn open_pair(devpts: Option<OwnedFd>) -> Result<Pty> {
    let devpts = match devpts {
        Some(devpts) => devpts,
        None => mount::new_filesystem("devpts", &[], MountAttr::NOSUID.and(MountAttr::NOEXEC))?,
    };
    Ok(terminal::open_pty(devpts.as_fd())?)
}
