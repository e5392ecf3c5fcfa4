//! A helper: an external program that works for one sandbox from outside of it. It is started by
//! the caller, dies with the caller, is watched while the sandbox lives and killed when it ends.

use std::cell::RefCell;
use std::ffi::{CString, OsStr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;
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
    /// `None`: nobody listens.
    pub(super) stdout: Option<BorrowedFd<'a>>,
    /// What the child does before it becomes the program: namespaces, limits.
    pub(super) before_exec: &'a dyn Fn() -> Result<()>,
}

/// A helper at work.
#[derive(Debug)]
pub(super) struct Helper {
    name: String,
    child: Child,
    voice: Rc<Voice>,
}

/// What a helper says on its stderr; kept for the message if it dies.
#[derive(Debug)]
pub(super) struct Voice {
    pipe: OwnedFd,
    heard: RefCell<Vec<u8>>,
}

/// More than any helper has to say.
const ENOUGH: usize = 64 << 10;

impl Voice {
    /// Hears what has come. False: it was its last.
    pub(super) fn hear(&self) -> Result<bool> {
        let mut chunk = [0; 4096];
        let length = file::read(self.pipe.as_fd(), &mut chunk)?;
        let mut heard = self.heard.borrow_mut();
        let room = ENOUGH.saturating_sub(heard.len());
        heard.extend_from_slice(&chunk[..length.min(room)]);
        Ok(length > 0)
    }

    /// Whether one whole line of it is a number, as a pid file holds.
    pub(super) fn has_told_its_number(&self) -> bool {
        self.heard.borrow().split_inclusive(|b| *b == b'\n').any(|line| {
            line.strip_suffix(b"\n").is_some_and(|it| is_number(&String::from_utf8_lossy(it)))
        })
    }

    /// The last line of all that it has to say.
    fn last_words(&self) -> Option<String> {
        let mut said = self.heard.take();
        said.extend(file::read_all(self.pipe.as_fd(), ENOUGH).unwrap_or_default());
        let said = String::from_utf8_lossy(&said);
        let mut lines = said.lines().map(str::trim).rev();
        let line = lines.find(|line| !line.is_empty() && !is_number(line))?;
        Some(Text::from(line).to_string())
    }
}

impl AsFd for Voice {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

fn is_number(line: &str) -> bool {
    !line.is_empty() && line.bytes().all(|b| b.is_ascii_digit())
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
            Fork::Parent(child) => {
                let voice = Rc::new(Voice { pipe: said, heard: RefCell::default() });
                Ok(Self { name, child, voice })
            }
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

    pub(super) fn voice(&self) -> Rc<Voice> {
        Rc::clone(&self.voice)
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
        let change = process::wait_for_end(self.child.pid).ok();
        let end = match change {
            Some(Change::Killed(signal)) => format!("killed by signal {signal}"),
            Some(Change::Exited(status)) => format!("exit status {status}"),
            _ => "ended".to_owned(),
        };
        let why = match self.voice.last_words() {
            Some(line) => format!("{end}: {line}"),
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
    process::duplicate_to(start.stdout.unwrap_or(null.as_fd()), 1)?;
    process::duplicate_to(voice, 2)?;
    process::close_on_exec_from(3)?;
    for descriptor in &start.descriptors {
        process::keep_across_exec(descriptor.as_raw_fd())?;
    }
    // Last: a change of credentials above would have cleared it.
    Ok(capability::die_with_parent()?)
}
