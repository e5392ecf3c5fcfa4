//! A run that has started. Ends by itself, by the test's hand, or by SIGKILL at its time limit.

use std::io::Write;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};

use super::transcript::Transcript;
use super::{Deadline, Stopwatch, patient};

/// How long the streams may stay open after the run has ended.
const STREAMS_CLOSE: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Transcript,
    stderr: Transcript,
    started: Stopwatch,
    deadline: Deadline,
    story: String,
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The exit status, or 128+n when the program itself was killed by signal n.
    pub(crate) status: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) took: Duration,
    /// For how much of it the machine stood still.
    lost: Duration,
}

impl Outcome {
    /// On a machine that did not stand still.
    pub(crate) fn is_within(&self, limit: Duration) -> bool {
        self.took - self.lost < patient(limit)
    }

    /// stdout as text.
    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("stdout is not UTF-8")
    }

    /// stderr as text.
    #[track_caller]
    pub(crate) fn talk(&self) -> &str {
        std::str::from_utf8(&self.stderr).expect("stderr is not UTF-8")
    }
}

impl Running {
    /// Starts a command in a process group of its own, so that all of it can be killed by number.
    #[track_caller]
    pub(crate) fn start(mut command: Command, limit: Duration) -> Self {
        let story = format!("{command:?}");
        command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
        let (started, deadline) = (Stopwatch::start(), Deadline::after(limit));
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{story}: {error}"));
        Self {
            stdin: child.stdin.take(),
            stdout: Transcript::of(child.stdout.take().unwrap()),
            stderr: Transcript::of(child.stderr.take().unwrap()),
            child,
            started,
            deadline,
            story,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to the run's first process only.
    pub(crate) fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Types into a piped stdin.
    #[track_caller]
    pub(crate) fn send(&mut self, text: impl AsRef<[u8]>) {
        self.stdin.as_mut().expect("stdin is not piped").write_all(text.as_ref()).unwrap();
    }

    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Writes a whole stdin beside the run; a run that does not read to the end is no fault.
    pub(crate) fn feed(&mut self, bytes: Vec<u8>) {
        if let Some(mut stdin) = self.stdin.take() {
            std::thread::spawn(move || stdin.write_all(&bytes));
        }
    }

    /// Waits until stdout has said this.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) {
        if self.stdout.find(text, 0, self.deadline).is_none() {
            panic!("`{text}` never came on stdout\n{}", self.so_far());
        }
    }

    /// Waits until stderr has said this.
    #[track_caller]
    pub(crate) fn wait_for_stderr(&self, text: &str) {
        if self.stderr.find(text, 0, self.deadline).is_none() {
            panic!("`{text}` never came on stderr\n{}", self.so_far());
        }
    }

    /// Closes stdin and waits for the end. At the time limit everything is killed and the test fails.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Outcome {
        self.close_stdin();
        let Some(status) = self.exit_status() else {
            self.kill_group();
            let _ = self.child.wait();
            panic!("not ended at its time limit\n{}", self.so_far());
        };
        let lost = self.started.lost();
        let took = self.started.elapsed() + lost;
        let close = Deadline::after(STREAMS_CLOSE);
        for (name, stream) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !stream.has_ended(close) {
                panic!("ended, but something still holds its {name}\n{}", self.so_far());
            }
        }
        Outcome {
            status: number(status),
            stdout: self.stdout.bytes(),
            stderr: self.stderr.bytes(),
            took,
            lost,
        }
    }

    fn exit_status(&mut self) -> Option<ExitStatus> {
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(status);
            }
            if self.deadline.is_over() {
                return None;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn kill_group(&self) {
        let _ = rustix::process::kill_process_group(Pid::from_child(&self.child), Signal::KILL);
    }

    fn so_far(&self) -> String {
        format!(
            "  command: {}\n  stdout: {}\n  stderr: {}",
            self.story,
            String::from_utf8_lossy(&self.stdout.bytes()),
            String::from_utf8_lossy(&self.stderr.bytes())
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Once waited for, the number may be another process's.
        if let Ok(None) = self.child.try_wait() {
            self.kill_group();
            let _ = self.child.wait();
        }
    }
}

pub(crate) fn number(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}
