//! A program on a pseudo-terminal, with the test in the place of the person: it types, reads what
//! the screen was told, resizes the window. The program leads a session whose terminal this is.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use rustix::pty::OpenptFlags;
use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};

use super::transcript::Transcript;
use super::{Deadline, Home, running};

#[derive(Debug)]
pub(crate) struct Terminal {
    master: File,
    child: Child,
    screen: Transcript,
    read: usize,
}

impl Terminal {
    /// Starts a program with the environment of this home, in its working directory, on a
    /// terminal of 24 lines by 80 columns.
    #[track_caller]
    pub(crate) fn spawn<W: AsRef<OsStr>>(home: &Home, words: impl IntoIterator<Item = W>) -> Self {
        // setsid(1) makes its stdin the controlling terminal and becomes the program.
        let mut command = Command::new("setsid");
        command.arg("--ctty").args(words).current_dir(home.work());
        command.env_clear().envs(home.environment()).env("TERM", "xterm");
        let (master, slave) = open_pair();
        command.stdin(slave.try_clone().unwrap()).stdout(slave.try_clone().unwrap()).stderr(slave);
        let child = command.spawn().unwrap();
        // The command still holds the slave; while it does, the screen never ends.
        drop(command);
        let screen = Transcript::of(master.try_clone().unwrap());
        let terminal = Self { master, child, screen, read: 0 };
        terminal.resize(24, 80);
        terminal
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Types. `\x03` is ^C, `\x1a` is ^Z, `\x04` is ^D, `\r` is Enter.
    #[track_caller]
    pub(crate) fn send(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the screen was told this, after what was waited for before. What is typed is
    /// echoed and found too: wait for what only the answer holds.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str, limit: Duration) {
        match self.screen.find(text, self.read, Deadline::after(limit)) {
            Some(behind) => self.read = behind,
            None => panic!("{text:?} never came\n--- screen\n{}\n---", self.screen()),
        }
    }

    /// Everything the screen was told.
    pub(crate) fn screen(&self) -> String {
        String::from_utf8_lossy(&self.screen.bytes()).into_owned()
    }

    /// Everything the screen was told, once nobody is left to tell it more, or at the limit.
    pub(crate) fn last_screen(&self, limit: Duration) -> String {
        self.screen.has_ended(Deadline::after(limit));
        self.screen()
    }

    /// The program is told of it by SIGWINCH.
    #[track_caller]
    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.master, size).unwrap();
    }

    /// The line settings (echo, raw, …) in words, to compare before and after.
    #[track_caller]
    pub(crate) fn settings(&self) -> String {
        format!("{:?}", tcgetattr(&self.master).unwrap())
    }

    /// Sends a signal to the program itself.
    pub(crate) fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the program's end; gives its exit status, 128+n when killed by signal n.
    #[track_caller]
    pub(crate) fn wait(&mut self, limit: Duration) -> i32 {
        let deadline = Deadline::after(limit);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return running::number(status);
            }
            let screen = || format!("not ended\n--- screen\n{}\n---", self.screen());
            assert!(!deadline.is_over(), "{}", screen());
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Once waited for, the number may be another process's.
        if let Ok(None) = self.child.try_wait() {
            let _ = rustix::process::kill_process_group(Pid::from_child(&self.child), Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

fn open_pair() -> (File, OwnedFd) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = rustix::pty::openpt(flags).unwrap();
    rustix::pty::unlockpt(&master).unwrap();
    let slave = rustix::pty::ioctl_tiocgptpeer(&master, flags).unwrap();
    (master.into(), slave)
}
