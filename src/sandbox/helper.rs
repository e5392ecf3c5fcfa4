//! A helper: an external program that works for one sandbox from outside of it. It is started by
//! the caller, dies with the caller, is watched while the sandbox lives and killed when it ends.

use std::ffi::{CString, OsStr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use crate::base::{Error, HostPath, Result, Text};
use crate::sys::clone::{Child, Fork, fork};
use crate::sys::poll::{Watch, wait_for};
use crate::sys::process::{Change, Strings};
use crate::sys::{CallError, Errno, capability, file, process, signal, socket};

use super::wire::{Received, Report, Wire};

/// How long the other end of something broken is waited for, to tell why.
const LAST_WORD: Duration = Duration::from_secs(1);

/// How a helper is started.
pub(super) struct Start<'a> {
    pub(super) program: &'a HostPath,
    pub(super) arguments: Vec<String>,
    /// Descriptors that it keeps, under their own numbers.
    pub(super) descriptors: Vec<BorrowedFd<'a>>,
    /// `None`: nothing to read.
    pub(super) stdin: Option<BorrowedFd<'a>>,
    /// What the child does before it becomes the program: namespaces, limits.
    pub(super) before_exec: &'a dyn Fn() -> Result<()>,
}

/// A helper at work.
#[derive(Debug)]
pub(super) struct Helper {
    name: String,
    child: Child,
    /// What it says; kept for the message if it dies.
    said: OwnedFd,
}

impl Helper {
    pub(super) fn start(start: &Start<'_>) -> Result<Self> {
        let name = start.program.as_path().file_name().unwrap_or(OsStr::new("helper"));
        Self::fork(Text::from(name).to_string(), |voice| become_program(start, voice))
    }

    /// A helper that is bryo itself: a fork that does this work and returns only what went wrong.
    pub(super) fn fork(name: String, work: impl FnOnce(BorrowedFd<'_>) -> Error) -> Result<Self> {
        let cannot = |e: Error| e.within(format!("cannot start {name}"));
        let (said, its_voice) = socket::pipe().map_err(|e| cannot(e.into()))?;
        match fork().map_err(|e| cannot(e.into()))? {
            Fork::Parent(child) => Ok(Self { name, child, said }),
            Fork::Child => {
                let error = work(its_voice.as_fd());
                let _ = file::write_all(its_voice.as_fd(), error.to_string().as_bytes());
                process::exit_now(125)
            }
        }
    }

    pub(super) fn pid(&self) -> i32 {
        self.child.pid
    }

    /// Readable when it has ended.
    pub(super) fn pidfd(&self) -> BorrowedFd<'_> {
        self.child.pidfd.as_fd()
    }

    /// Nobody has a reason to stop a helper, and a sandbox without it would hang.
    pub(super) fn go_on_if_stopped(&self) -> Result<()> {
        Ok(self.child.go_on_if_stopped()?)
    }

    /// Why, once its pidfd has become readable. One whose mount or namespace was let go of ends by
    /// itself and without a fault: then it is init that failed, and its report is on its way.
    pub(super) fn why_it_ended(&self, wire: &Wire) -> Error {
        match self.epitaph() {
            (Some(Change::Exited(0)), epitaph) => last_word_of_init(wire, LAST_WORD, epitaph),
            (_, epitaph) => epitaph,
        }
    }

    /// How it ended, and why as far as can be told. For a helper whose pidfd has become readable.
    fn epitaph(&self) -> (Option<Change>, Error) {
        let said = file::read_all(self.said.as_fd(), 64 << 10).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let last_words = said.lines().rev().find(|line| !line.trim().is_empty());
        let change = process::wait_for_end(self.child.pid).ok();
        let end = match change {
            Some(Change::Killed(signal)) => format!("killed by signal {signal}"),
            Some(Change::Exited(status)) => format!("exit status {status}"),
            _ => "ended".to_owned(),
        };
        let why = match last_words {
            Some(line) => format!("{end}: {}", Text::from(line.trim())),
            None => end,
        };
        (change, Error::new(why).within(format!("{} ended before the sandbox did", self.name)))
    }
}

/// What init has said of its own end, or will say in this time; it is the cause of the error, if
/// there is such a word.
pub(super) fn last_word_of_init(wire: &Wire, patience: Duration, error: Error) -> Error {
    let mut watch = [Watch::reading(wire.as_fd())];
    if wait_for(&mut watch, Some(patience)).is_ok()
        && watch[0].readable
        && let Ok(Some(Received { message: Report::Failed(cause), .. })) = wire.receive()
    {
        return cause;
    }
    error
}

/// A filesystem whose helper has ended says so by these: then the helper knows why.
pub(super) fn cause_of(error: Error, helpers: &[Helper]) -> Error {
    let says_so = matches!(error.errno(), Some(Errno::ENOTCONN | Errno::ECONNABORTED));
    if !says_so || helpers.is_empty() {
        return error;
    }
    let mut watches: Vec<_> = helpers.iter().map(|it| Watch::reading(it.pidfd())).collect();
    if wait_for(&mut watches, Some(LAST_WORD)).is_err() {
        return error;
    }
    let dead = watches.iter().position(|watch| watch.readable);
    match dead.map(|dead| helpers[dead].epitaph()) {
        Some((end, epitaph)) if end != Some(Change::Exited(0)) => epitaph,
        _ => error,
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.child.end();
    }
}

/// Returns only the reason why the program does not run.
fn become_program(start: &Start<'_>, voice: BorrowedFd<'_>) -> Error {
    match prepare(start, voice) {
        Err(error) => error,
        Ok(()) => {
            let string = |bytes: &[u8]| CString::new(bytes).unwrap_or_default();
            let path = string(start.program.as_path().as_os_str().as_bytes());
            let mut argv = vec![path.clone()];
            argv.extend(start.arguments.iter().map(|argument| string(argument.as_bytes())));
            let environment = vec![string(b"PATH=/usr/sbin:/usr/bin:/sbin:/bin")];
            let errno = process::execve(&path, &Strings::new(argv), &Strings::new(environment));
            CallError { call: format!("execve({path:?})"), errno }.into()
        }
    }
}

fn prepare(start: &Start<'_>, voice: BorrowedFd<'_>) -> Result<()> {
    process::set_session()?;
    signal::unblock_all()?;
    signal::set_default(signal::SIGPIPE)?;
    (start.before_exec)()?;
    let null = file::open_device(std::path::Path::new("/dev/null"))?;
    process::duplicate_to(start.stdin.unwrap_or(null.as_fd()), 0)?;
    // What it says to nobody in particular would bury its last words.
    process::duplicate_to(null.as_fd(), 1)?;
    process::duplicate_to(voice, 2)?;
    process::close_on_exec_from(3)?;
    for descriptor in &start.descriptors {
        process::keep_across_exec(descriptor.as_raw_fd())?;
    }
    // Last: a change of credentials above would have cleared it.
    Ok(capability::die_with_parent()?)
}
