//! The outer end: the caller's terminal, and the relay between it and the sandbox's.
//!
//! The caller's terminal is touched only while the caller is in its foreground, is raw only while
//! the payload has it, and is put back at every end: here, or by the guard.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use crate::base::{Context, Result};
use crate::sys::poll::{Watch, wait_for};
use crate::sys::process;
use crate::sys::signal::{self, SignalQueue};
use crate::sys::terminal::{self, Settings};

use super::guard::Guard;
use super::relay::{Carried, Flow};
use super::{Place, Streams, is_ours_now};

/// More than the kernel holds of what a payload wrote before it ended (64 KiB in the
/// pseudo-terminal's queue and 4 KiB in its line).
const LEFT_IN_THE_KERNEL: usize = 128 << 10;

/// How long a screen that stands still (`^S`) is waited for at the end, as the kernel does when a
/// terminal is closed (`closing_wait`).
const CLOSING_WAIT: Duration = Duration::from_secs(30);

/// The signals of somebody who does not want to wait.
const IMPATIENCE: [i32; 4] = [signal::SIGHUP, signal::SIGINT, signal::SIGQUIT, signal::SIGTERM];

#[derive(Debug)]
pub(in super::super) struct Outside {
    streams: Streams,
    /// The caller's terminal; `None` once it has hung up.
    keyboard: Option<OwnedFd>,
    screen: Option<OwnedFd>,
    /// The sandbox's; `None` until init has sent it, and when it has hung up.
    master: Option<OwnedFd>,
    held: Option<Held>,
    /// The payload has the terminal, or asked for it.
    wanted: bool,
    /// It has been in the foreground.
    begun: bool,
    to_screen: Flow,
    to_payload: Flow,
}

/// The caller's terminal in raw mode, until this is dropped.
#[derive(Debug)]
struct Held {
    terminal: OwnedFd,
    before: Settings,
    /// Dropped after the settings are put back.
    _guard: Guard,
}

/// What a wait found, for [`Outside::carry`].
#[derive(Clone, Copy, Default, Debug)]
pub(in super::super) struct Ready {
    master_readable: bool,
    master_writable: bool,
    keyboard: bool,
    screen: bool,
}

impl Outside {
    pub(in super::super) fn of(streams: Streams) -> Result<Self> {
        Ok(Self {
            keyboard: Some(own_opening(streams.read_from())?),
            screen: Some(own_opening(streams.written_to())?),
            master: None,
            held: None,
            wanted: streams.are_for_a_person(),
            begun: false,
            to_screen: Flow::default(),
            to_payload: Flow::default(),
            streams,
        })
    }

    /// Init has opened the pair: the relay begins.
    pub(in super::super) fn connect(&mut self, master: Option<OwnedFd>) -> Result<()> {
        self.master = master;
        match self.streams.beginning {
            Place::Foreground => self.hold(),
            Place::Background => Ok(()),
        }
    }

    /// The payload was stopped for touching the terminal from the background. Whether it can have
    /// it now.
    pub(in super::super) fn is_wanted(&mut self) -> bool {
        self.wanted = true;
        self.keyboard.as_ref().is_some_and(is_ours_now)
    }

    /// Gives the payload the terminal, if it wants it and it is ours to give; where it stands then.
    pub(in super::super) fn take(&mut self) -> Result<Place> {
        self.copy_size();
        match &self.keyboard {
            Some(keyboard) if self.wanted && is_ours_now(keyboard) => {}
            _ => return Ok(Place::Background),
        }
        self.hold()?;
        Ok(Place::Foreground)
    }

    /// The payload wants the terminal, and cannot have it yet.
    pub(in super::super) fn is_waiting(&self) -> bool {
        self.wanted && self.held.is_none() && self.master.is_some() && self.keyboard.is_some()
    }

    /// The terminal is ours now. A shell's `fg` says nothing to a job that is running already.
    pub(in super::super) fn has_come_forward(&self) -> bool {
        self.is_waiting() && self.keyboard.as_ref().is_some_and(is_ours_now)
    }

    /// An error if something of what was written or typed is lost.
    pub(in super::super) fn check(&mut self) -> Result<()> {
        match self.to_screen.failure.take().or(self.to_payload.failure.take()) {
            Some(e) => Err(e).context(|| "cannot pass on what goes over the terminal".to_owned()),
            None => Ok(()),
        }
    }

    /// Shows what was written so far, and puts the caller's terminal back as it was.
    pub(in super::super) fn release(&mut self) {
        self.write_to_screen();
        while self.to_screen.wants_to_read() && matches!(self.read_from_payload(), Carried::Some(_))
        {
            self.write_to_screen();
        }
        self.held = None;
    }

    /// The payload's terminal ends: it would ask for ever for what nobody can give.
    pub(in super::super) fn hang_up(&mut self) {
        self.master = None;
    }

    pub(in super::super) fn copy_size(&self) {
        if let (Some(screen), Some(master)) = (&self.screen, &self.master) {
            // A terminal without a size, or one that has just gone.
            let _ = terminal::copy_window_size(screen.as_fd(), master.as_fd());
        }
    }

    fn hold(&mut self) -> Result<()> {
        let Some(keyboard) = &self.keyboard else { return Ok(()) };
        if self.held.is_none() {
            self.held = Some(Held::begin(keyboard.as_fd())?);
        }
        let Some(held) = &self.held else { return Ok(()) };
        if !self.begun
            && self.streams.beginning == Place::Background
            && let Some(master) = &self.master
        {
            // In the background it could not change them: they are still those of the start.
            let _ = held.before.apply(master.as_fd());
        }
        self.begun = true;
        let raw = match self.streams.are_for_a_person() {
            true => held.before.raw(),
            // `^C` is for the whole pipeline.
            false => held.before.raw_with_signal_keys(),
        };
        raw.apply(keyboard.as_fd()).context(|| "cannot use the terminal".to_owned())
    }

    pub(in super::super) fn watches(&self) -> [Watch<'_>; 3] {
        let reads_keys = self.held.is_some() && self.to_payload.wants_to_read();
        let master = self.master.as_ref().map(AsFd::as_fd);
        [
            Watch::when(master, self.to_screen.wants_to_read(), self.to_payload.wants_to_write()),
            Watch::when(self.keyboard.as_ref().map(AsFd::as_fd), reads_keys, false),
            Watch::when(
                self.screen.as_ref().map(AsFd::as_fd),
                false,
                self.to_screen.wants_to_write(),
            ),
        ]
    }

    /// Moves what can be moved without waiting.
    pub(in super::super) fn carry(&mut self, ready: Ready) {
        if ready.master_readable {
            self.read_from_payload();
        }
        if ready.keyboard {
            self.read_keys();
        }
        if ready.screen || ready.master_readable {
            self.write_to_screen();
        }
        if ready.master_writable || ready.keyboard {
            self.write_to_payload();
        }
    }

    fn read_from_payload(&mut self) -> Carried {
        let Some(master) = &self.master else { return Carried::Gone };
        let carried = self.to_screen.read(master.as_fd());
        if carried == Carried::Gone {
            self.master = None;
        }
        carried
    }

    fn read_keys(&mut self) {
        let Some(keyboard) = &self.keyboard else { return };
        if self.to_payload.read(keyboard.as_fd()) != Carried::Gone {
            return;
        }
        // EIO also means: not in the foreground any more (SIGTTIN is blocked); it may come back.
        let has_hung_up = is_ours_now(keyboard);
        self.held = None;
        if has_hung_up {
            self.keyboard = None;
            self.master = None;
        }
    }

    fn write_to_screen(&mut self) {
        match &self.screen {
            _ if !self.to_screen.wants_to_write() => {}
            Some(screen) => {
                if self.to_screen.write(screen.as_fd()) == Carried::Gone {
                    self.screen = None;
                }
            }
            None => self.to_screen.discard(),
        }
    }

    fn write_to_payload(&mut self) {
        match &self.master {
            _ if !self.to_payload.wants_to_write() => {}
            Some(master) => drop(self.to_payload.write(master.as_fd())),
            None => self.to_payload.discard(),
        }
    }

    /// After the payload's end: shows all that was written. The kernel keeps it when init ends too:
    /// the end of a session's leader hangs up no pseudo-terminal (`disassociate_ctty`). Others that
    /// go on writing are not waited for.
    pub(in super::super) fn drain(&mut self, signals: &SignalQueue) {
        let mut left = LEFT_IN_THE_KERNEL;
        loop {
            while self.to_screen.wants_to_write() {
                if !self.wait_for_screen(signals) {
                    return;
                }
                self.write_to_screen();
            }
            match self.read_from_payload() {
                Carried::Some(count) if count <= left => left -= count,
                Carried::Some(_) | Carried::Nothing | Carried::Gone => return,
            }
        }
    }

    fn wait_for_screen(&mut self, signals: &SignalQueue) -> bool {
        let Some(screen) = &self.screen else { return true };
        let deadline = Instant::now() + CLOSING_WAIT;
        loop {
            let mut watches =
                [Watch::when(Some(screen.as_fd()), false, true), Watch::reading(signals.as_fd())];
            let left = deadline.saturating_duration_since(Instant::now());
            if let Err(e) = wait_for(&mut watches, Some(left)) {
                self.to_screen.failure.get_or_insert(e);
                return false;
            }
            if left.is_zero() {
                return false;
            }
            if watches[0].writable {
                return true;
            }
            while let Ok(Some(signal)) = signals.next() {
                if IMPATIENCE.contains(&signal) {
                    return false;
                }
            }
        }
    }
}

impl Ready {
    pub(in super::super) fn of(watches: &[Watch<'_>]) -> Self {
        match watches {
            [master, keyboard, screen] => Self {
                master_readable: master.readable,
                master_writable: master.writable,
                keyboard: keyboard.readable,
                screen: screen.writable,
            },
            _ => Self::default(),
        }
    }
}

impl Held {
    fn begin(keyboard: BorrowedFd<'_>) -> Result<Self> {
        let before = Settings::of(keyboard)?;
        let guard = Guard::start(keyboard, &before)?;
        Ok(Self { terminal: process::duplicate(keyboard)?, before, _guard: guard })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if is_ours_now(&self.terminal) {
            // A terminal that has gone has no settings.
            let _ = self.before.apply(self.terminal.as_fd());
        }
    }
}

/// Not the shared one, which a full screen would block, unless the terminal is another user's.
fn own_opening(shared: BorrowedFd<'_>) -> Result<OwnedFd> {
    match terminal::open_anew(shared) {
        Some(opened) => Ok(opened),
        None => Ok(process::duplicate(shared)?),
    }
}
