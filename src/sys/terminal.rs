//! Terminals: pseudo-terminal pairs, raw mode, window size, the foreground process group.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::termios::{self, LocalModes, OptionalActions, OutputModes, Termios, Winsize};

use super::call::{Errno, Named, Result, checked};

const OPEN_FLAGS: OFlags = OFlags::RDWR.union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// A question that found no answer counts as yes: a terminal that was taken for none would be
/// passed on to the sandbox as it is.
#[must_use]
pub fn is_terminal(fd: BorrowedFd<'_>) -> bool {
    match termios::tcgetattr(fd) {
        Ok(_) => true,
        Err(e) => Errno(e.raw_os_error()).is_of_the_process(),
    }
}

/// How wide it is, if it is a terminal and knows.
#[must_use]
pub fn columns(terminal: BorrowedFd<'_>) -> Option<usize> {
    termios::tcgetwinsize(terminal).ok().map(|size| usize::from(size.ws_col)).filter(|n| *n > 0)
}

/// An opening of the same terminal of our own, which can be made non-blocking without changing
/// the one that other programs share. `None` when this user may not open it.
#[must_use]
pub fn open_anew(terminal: BorrowedFd<'_>) -> Option<OwnedFd> {
    let flags = OPEN_FLAGS | OFlags::NONBLOCK;
    // The controlling terminal may be opened by its processes, whoever owns the node (after su(1)).
    if foreground_group(terminal).is_ok()
        && let Ok(opened) = rustix::fs::openat(CWD, c"/dev/tty", flags, Mode::empty())
    {
        return Some(opened);
    }
    let path = format!("/proc/self/fd/{}", terminal.as_raw_fd());
    rustix::fs::openat(CWD, path, flags, Mode::empty()).ok()
}

/// The two ends of a new pseudo-terminal; the master does not block.
#[derive(Debug)]
pub struct Pty {
    pub master: OwnedFd,
    pub slave: OwnedFd,
}

/// Opens a pair from a devpts mount, which may be attached nowhere: the slave is asked of the
/// master itself (TIOCGPTPEER, Linux 4.13), so no path can lead to another devpts.
pub fn open_pty(devpts: BorrowedFd<'_>) -> Result<Pty> {
    let flags = OPEN_FLAGS | OFlags::NONBLOCK;
    let master = rustix::fs::openat(devpts, c"ptmx", flags, Mode::empty())
        .named(|| "openat(\"ptmx\")".to_owned())?;
    rustix::pty::unlockpt(&master).named(|| "unlockpt".to_owned())?;
    let peer_flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: TIOCGPTPEER takes open flags by value and returns a new descriptor.
    let slave = unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, peer_flags) };
    let slave = checked(slave.into(), || "ioctl(TIOCGPTPEER)".to_owned())?;
    // SAFETY: the kernel has just made this descriptor for us.
    let slave = unsafe { OwnedFd::from_raw_fd(slave as i32) };
    Ok(Pty { master, slave })
}

/// Makes the terminal the controlling one of this session, whose leader calls this.
pub fn set_controlling(terminal: BorrowedFd<'_>) -> Result<()> {
    rustix::process::ioctl_tiocsctty(terminal).named(|| "ioctl(TIOCSCTTY)".to_owned())
}

/// Makes a user of this user namespace the owner of the terminal's node.
pub fn give_to(terminal: BorrowedFd<'_>, uid: u32) -> Result<()> {
    rustix::fs::fchown(terminal, Some(rustix::fs::Uid::from_raw(uid)), None)
        .named(|| format!("fchown({uid})"))
}

/// The settings of a terminal, kept to be put back.
#[derive(Clone, Debug)]
pub struct Settings(Termios);

impl Settings {
    pub fn of(terminal: BorrowedFd<'_>) -> Result<Self> {
        termios::tcgetattr(terminal).map(Self).named(|| "tcgetattr".to_owned())
    }

    pub fn apply(&self, terminal: BorrowedFd<'_>) -> Result<()> {
        termios::tcsetattr(terminal, OptionalActions::Drain, &self.0)
            .named(|| "tcsetattr".to_owned())
    }

    /// The same, and what was typed before is forgotten.
    pub fn apply_afresh(&self, terminal: BorrowedFd<'_>) -> Result<()> {
        termios::tcsetattr(terminal, OptionalActions::Flush, &self.0)
            .named(|| "tcsetattr".to_owned())
    }

    /// The same, writing as those others do.
    #[must_use]
    pub fn with_own_output_of(&self, other: &Self) -> Self {
        let mut own = self.0.clone();
        own.output_modes = other.0.output_modes;
        Self(own)
    }

    /// The same terminal, passing every byte through untouched (cfmakeraw(3)).
    #[must_use]
    pub fn raw(&self) -> Self {
        let mut raw = self.0.clone();
        raw.make_raw();
        Self(raw)
    }

    /// Raw, but its keys for signals (`^C`, `^\\`, `^Z`) still send them.
    #[must_use]
    pub fn raw_with_signal_keys(&self) -> Self {
        let Self(mut raw) = self.raw();
        raw.local_modes.insert(LocalModes::ISIG);
        Self(raw)
    }

    /// The same, writing every byte as it is: no carriage return before a line feed.
    #[must_use]
    pub fn with_plain_output(&self) -> Self {
        let mut plain = self.0.clone();
        plain.output_modes.remove(OutputModes::OPOST);
        Self(plain)
    }
}

/// Copies the size of one terminal's window to another.
pub fn copy_window_size(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<()> {
    let size: Winsize = termios::tcgetwinsize(from).named(|| "ioctl(TIOCGWINSZ)".to_owned())?;
    termios::tcsetwinsize(to, size).named(|| "ioctl(TIOCSWINSZ)".to_owned())
}

/// The process group in the foreground of a terminal.
pub fn foreground_group(terminal: BorrowedFd<'_>) -> Result<i32> {
    termios::tcgetpgrp(terminal)
        .map(|pid| pid.as_raw_nonzero().get())
        .named(|| "tcgetpgrp".to_owned())
}

/// Brings a process group of this session to the foreground.
pub fn set_foreground_group(terminal: BorrowedFd<'_>, group: i32) -> Result<()> {
    // SAFETY: a descriptor and a number.
    let answer = unsafe { libc::tcsetpgrp(terminal.as_raw_fd(), group) };
    checked(answer.into(), || format!("tcsetpgrp({group})")).map(drop)
}
