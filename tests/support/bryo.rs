//! One run of bryo. Its stdout, stderr and exit status are always all judged: whatever a test does
//! not mention must be empty, or 0. What it leaves behind is judged too.
//!
//! ```ignore
//! Bryo::run().arg("--ro").arg("/srv").command(["cat", "/srv/a"]).stdout("text\n").check();
//! Bryo::run().arg("--nonsense").stderr_contains("--nonsense").status(125).check();
//! ```

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Home, Leftovers, Outcome, Running, place};

/// Far beyond what any takes: only a run that hangs meets it.
const TIME_LIMIT: Duration = Duration::from_secs(60);

#[derive(Debug)]
#[must_use = "nothing runs before `check` or `start`"]
pub(crate) struct Bryo {
    home: Home,
    program: PathBuf,
    words: Vec<OsString>,
    environment: Vec<(OsString, Option<OsString>)>,
    directory: PathBuf,
    stdin: Input,
    stdout: Vec<Expected>,
    stderr: Vec<Expected>,
    status: i32,
    limit: Duration,
    afterwards: Afterwards,
}

#[derive(Debug)]
enum Input {
    Nothing,
    Text(Vec<u8>),
    File(File),
    Piped,
}

#[derive(Debug)]
enum Expected {
    Exactly(String),
    Contains(String),
    Lacks(String),
    Anything,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Afterwards {
    NothingLeft,
    Unjudged,
}

impl Bryo {
    /// `bryo run …`
    pub(crate) fn run() -> Self {
        Self::verb("run")
    }

    /// `bryo VERB …`
    pub(crate) fn verb(verb: &str) -> Self {
        Self::bare().arg(verb)
    }

    /// `bryo …`
    pub(crate) fn bare() -> Self {
        Self::program(place::binary())
    }

    /// Another program under the same rules: a shell that calls bryo, a peer.
    pub(crate) fn program(program: impl Into<PathBuf>) -> Self {
        let home = Home::new();
        Self {
            directory: home.work(),
            home,
            program: program.into(),
            words: Vec::new(),
            environment: Vec::new(),
            stdin: Input::Nothing,
            stdout: Vec::new(),
            stderr: Vec::new(),
            status: 0,
            limit: TIME_LIMIT,
            afterwards: Afterwards::NothingLeft,
        }
    }

    /// Runs in a home that other runs share, in its working directory.
    pub(crate) fn at(mut self, home: &Home) -> Self {
        self.home = home.clone();
        self.cwd(home.work())
    }

    pub(crate) fn arg(mut self, word: impl AsRef<OsStr>) -> Self {
        self.words.push(word.as_ref().to_owned());
        self
    }

    pub(crate) fn args<W: AsRef<OsStr>>(self, words: impl IntoIterator<Item = W>) -> Self {
        words.into_iter().fold(self, Self::arg)
    }

    /// `-- COMMAND…`
    pub(crate) fn command<W: AsRef<OsStr>>(self, words: impl IntoIterator<Item = W>) -> Self {
        self.arg("--").args(words)
    }

    /// `-- sh -c SCRIPT`
    pub(crate) fn shell(self, script: &str) -> Self {
        self.command(["sh", "-c", script])
    }

    pub(crate) fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.as_ref().to_owned(), Some(value.as_ref().to_owned())));
        self
    }

    pub(crate) fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.as_ref().to_owned(), None));
        self
    }

    pub(crate) fn cwd(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = directory.into();
        self
    }

    pub(crate) fn stdin(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.stdin = Input::Text(text.into());
        self
    }

    pub(crate) fn stdin_file(mut self, file: File) -> Self {
        self.stdin = Input::File(file);
        self
    }

    /// A pipe that the test writes to after `start`.
    pub(crate) fn stdin_piped(mut self) -> Self {
        self.stdin = Input::Piped;
        self
    }

    pub(crate) fn stdout(mut self, text: impl Into<String>) -> Self {
        self.stdout.push(Expected::Exactly(text.into()));
        self
    }

    pub(crate) fn stdout_contains(mut self, text: impl Into<String>) -> Self {
        self.stdout.push(Expected::Contains(text.into()));
        self
    }

    pub(crate) fn stdout_lacks(mut self, text: impl Into<String>) -> Self {
        self.stdout.push(Expected::Lacks(text.into()));
        self
    }

    /// For a test that judges the text itself, from the outcome.
    pub(crate) fn stdout_any(mut self) -> Self {
        self.stdout.push(Expected::Anything);
        self
    }

    pub(crate) fn stderr(mut self, text: impl Into<String>) -> Self {
        self.stderr.push(Expected::Exactly(text.into()));
        self
    }

    pub(crate) fn stderr_contains(mut self, text: impl Into<String>) -> Self {
        self.stderr.push(Expected::Contains(text.into()));
        self
    }

    pub(crate) fn stderr_lacks(mut self, text: impl Into<String>) -> Self {
        self.stderr.push(Expected::Lacks(text.into()));
        self
    }

    /// For a test that judges the text itself, from the outcome.
    pub(crate) fn stderr_any(mut self) -> Self {
        self.stderr.push(Expected::Anything);
        self
    }

    pub(crate) fn status(mut self, status: i32) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// For a run that is meant to leave files, or that runs beside others of the same home.
    pub(crate) fn leftovers_unjudged(mut self) -> Self {
        self.afterwards = Afterwards::Unjudged;
        self
    }

    /// Runs to the end and judges everything.
    #[track_caller]
    pub(crate) fn check(mut self) -> Outcome {
        let leftovers = Leftovers::watch(&self.home);
        let running = self.launch();
        let pid = running.pid();
        let outcome = running.finish();
        self.judge(&outcome);
        if self.afterwards == Afterwards::NothingLeft {
            leftovers.assert_none(pid);
        }
        outcome
    }

    /// Starts and returns at once; the test does the judging. Keep a `Home` of your own (`at`)
    /// for as long as the run lives.
    #[track_caller]
    pub(crate) fn start(mut self) -> Running {
        self.launch()
    }

    #[track_caller]
    fn launch(&mut self) -> Running {
        let mut command = self.as_command();
        match std::mem::replace(&mut self.stdin, Input::Nothing) {
            Input::Nothing => Running::start(command, self.limit),
            Input::File(file) => {
                command.stdin(file);
                Running::start(command, self.limit)
            }
            Input::Piped => {
                command.stdin(Stdio::piped());
                Running::start(command, self.limit)
            }
            Input::Text(bytes) => {
                command.stdin(Stdio::piped());
                let mut running = Running::start(command, self.limit);
                running.feed(bytes);
                running
            }
        }
    }

    fn as_command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.words).current_dir(&self.directory).stdin(Stdio::null());
        command.env_clear().envs(self.home.environment());
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    #[track_caller]
    fn judge(&self, outcome: &Outcome) {
        let (stdout, stderr) = (lossy(&outcome.stdout), lossy(&outcome.stderr));
        let mut faults = Vec::new();
        if outcome.status != self.status {
            faults.push(format!("status is {}, expected {}", outcome.status, self.status));
        }
        faults.extend(faults_of("stdout", &stdout, &self.stdout));
        faults.extend(faults_of("stderr", &stderr, &self.stderr));
        assert!(
            faults.is_empty(),
            "{}\n  command: {:?} {:?}\n  status: {}\n  stdout: {stdout}\n  stderr: {stderr}",
            faults.join("\n"),
            self.program,
            self.words,
            outcome.status,
        );
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn faults_of(name: &str, text: &str, expected: &[Expected]) -> Vec<String> {
    if expected.is_empty() && !text.is_empty() {
        return vec![format!("{name} is not empty")];
    }
    let fault = |it: &Expected| match it {
        Expected::Exactly(wanted) if text != wanted => Some(format!("{name} is not {wanted:?}")),
        Expected::Contains(part) if !text.contains(part) => Some(format!("{name} lacks {part:?}")),
        Expected::Lacks(part) if text.contains(part) => Some(format!("{name} has {part:?}")),
        _ => None,
    };
    expected.iter().filter_map(fault).collect()
}
