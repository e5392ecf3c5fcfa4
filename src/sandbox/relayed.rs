//! Standard streams that are files of the host, relayed by pipe. The caller holds the files; init
//! and the payload have pipes in their place.
//!
//! A descriptor of a file can do more than it was opened for: where Landlock does not forbid it,
//! it can be opened again for writing through /proc, and one that was opened to append to can be
//! truncated. A pipe carries bytes and nothing else.

use std::os::fd::{AsFd, OwnedFd};

use crate::base::{Context, Error, Result};
use crate::plan::{Files, Plan};
use crate::sys::poll::Watch;
use crate::sys::stream::{self, Stream, StreamKind};
use crate::sys::{Errno, file, process, socket};

const NAMES: [&str; 3] = ["standard input", "standard output", "standard error"];
const CHUNK: usize = 64 << 10;

/// The streams of one run that are relayed.
#[derive(Debug, Default)]
pub(super) struct Relayed(Vec<Relay>);

#[derive(Debug)]
struct Relay {
    /// The numbers that it has inside: output and errors that go to one file go through one pipe,
    /// so that they keep their order.
    numbers: Vec<i32>,
    direction: Direction,
    source: Stream,
    /// The file, until all of it is read or it takes no more.
    file: Option<OwnedFd>,
    /// The caller's end of the pipe, until the other end is gone.
    outer: Option<OwnedFd>,
    /// The sandbox's end, until the clone.
    inner: Option<OwnedFd>,
    /// Read from the file and not yet in the pipe.
    pending: Vec<u8>,
    failure: Option<Error>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Direction {
    In,
    Out,
}

impl Relayed {
    /// Before the clone, while the caller's own streams are as they were given.
    pub(super) fn prepare(plan: &Plan) -> Result<Self> {
        let mut relays: Vec<Relay> = Vec::new();
        for ((fd, number), name) in process::standard_streams().into_iter().zip(0..).zip(NAMES) {
            let stream = stream::look_at(fd)?;
            if stream.kind == StreamKind::Directory {
                return Err(Error::new("it is a directory of the host, and would lead out")
                    .within(format!("cannot pass {name} to the sandbox"))
                    .hint("redirect it from `/dev/null`, or show the directory with `--ro`"));
            }
            let Some(direction) = direction(&stream, number, plan) else { continue };
            let same =
                relays.iter_mut().find(|it| direction == Direction::Out && it.source == stream);
            match same {
                Some(relay) => relay.numbers.push(number),
                None => {
                    relays.push(Relay::begin(number, direction, stream, process::duplicate(fd)?)?)
                }
            }
        }
        Ok(Self(relays))
    }

    /// In init: the pipes take the place of the files.
    pub(super) fn take_their_place(self) -> Result<()> {
        for relay in &self.0 {
            let Some(inner) = &relay.inner else { continue };
            for number in &relay.numbers {
                process::duplicate_to(inner.as_fd(), *number)?;
            }
        }
        Ok(())
    }

    /// In the caller, after the clone: a pipe whose other end it held itself would never end.
    pub(super) fn leave_the_inner_ends(&mut self) {
        for relay in &mut self.0 {
            relay.inner = None;
        }
    }

    pub(super) fn watches(&self) -> impl Iterator<Item = Watch<'_>> {
        self.0.iter().map(|relay| {
            let outer = relay.outer.as_ref().map(AsFd::as_fd);
            let out = relay.direction == Direction::Out;
            Watch::when(outer, out, !out)
        })
    }

    /// Moves what can be moved without waiting; `ready` is what became of the watches.
    pub(super) fn carry(&mut self, ready: &[bool]) {
        for (relay, _) in self.0.iter_mut().zip(ready).filter(|(_, ready)| **ready) {
            match relay.direction {
                Direction::In => relay.feed(),
                Direction::Out => drop(relay.collect()),
            }
        }
    }

    /// After the sandbox's end, when nobody writes any more: what is still in the pipes. Fails if
    /// any of it was lost.
    pub(super) fn finish(&mut self) -> Result<()> {
        for relay in &mut self.0 {
            match relay.direction {
                Direction::In => relay.give_back(),
                Direction::Out => while relay.collect() > 0 {},
            }
        }
        self.0.iter_mut().find_map(|relay| relay.failure.take()).map_or(Ok(()), Err)
    }
}

/// Which way a stream is relayed, if it is.
fn direction(stream: &Stream, number: i32, plan: &Plan) -> Option<Direction> {
    let only_appends = stream.appends && stream.writes && !stream.reads;
    let is_closed_by_landlock = matches!(plan.confinement.landlock.files, Files::Rules(_));
    if stream.kind != StreamKind::Stored || is_closed_by_landlock && !only_appends {
        return None;
    }
    match number {
        0 if stream.reads => Some(Direction::In),
        _ if stream.writes => Some(Direction::Out),
        _ => Some(Direction::In),
    }
}

impl Relay {
    fn begin(number: i32, direction: Direction, source: Stream, file: OwnedFd) -> Result<Self> {
        let (reads, writes) = socket::pipe()?;
        let (outer, inner) = match direction {
            Direction::In => (writes, reads),
            Direction::Out => (reads, writes),
        };
        stream::never_wait(outer.as_fd())?;
        Ok(Self {
            numbers: vec![number],
            direction,
            source,
            file: Some(file),
            outer: Some(outer),
            inner: Some(inner),
            pending: Vec::new(),
            failure: None,
        })
    }

    fn name(&self) -> &'static str {
        let first = self.numbers.first().and_then(|number| usize::try_from(*number).ok());
        first.and_then(|number| NAMES.get(number)).copied().unwrap_or_default()
    }

    /// From the file into the pipe.
    fn feed(&mut self) {
        if self.pending.is_empty() {
            self.fill();
        }
        let Some(outer) = &self.outer else { return };
        if self.pending.is_empty() {
            // The file has ended, and so does the pipe.
            self.outer = None;
            return;
        }
        match file::write(outer.as_fd(), &self.pending) {
            Ok(count) => drop(self.pending.drain(..count)),
            Err(e) if e.errno == Errno::EAGAIN => {}
            // Nobody inside reads any more.
            Err(_) => self.give_back(),
        }
    }

    fn fill(&mut self) {
        let Some(file) = &self.file else { return };
        self.pending.resize(CHUNK, 0);
        match file::read(file.as_fd(), &mut self.pending) {
            Ok(count) => self.pending.truncate(count),
            Err(e) => {
                self.pending.clear();
                self.fail(e);
            }
        }
    }

    /// Whoever reads the file after us goes on where the sandbox stopped, as if it had read itself.
    fn give_back(&mut self) {
        let Some(outer) = self.outer.take() else { return };
        let in_the_pipe = stream::waiting(outer.as_fd()).unwrap_or(0);
        let unread = in_the_pipe + self.pending.len() as u64;
        if let Some(file) = &self.file
            && unread > 0
        {
            // A file without an offset has nothing to go back to.
            let _ = stream::go_back(file.as_fd(), unread);
        }
        self.pending.clear();
    }

    /// From the pipe into the file; how much.
    fn collect(&mut self) -> usize {
        let Some(outer) = &self.outer else { return 0 };
        let mut chunk = [0; CHUNK];
        match file::read(outer.as_fd(), &mut chunk) {
            Ok(0) => self.outer = None,
            Ok(count) => {
                if let Some(file) = &self.file
                    && let Err(e) = file::write_all(file.as_fd(), &chunk[..count])
                {
                    self.fail(e);
                    // The writer inside learns of it as it would of a reader that has gone away.
                    self.outer = None;
                }
                return count;
            }
            Err(e) if e.errno == Errno::EAGAIN => {}
            Err(e) => {
                self.fail(e);
                self.outer = None;
            }
        }
        0
    }

    fn fail(&mut self, error: crate::sys::CallError) {
        let (does, name) = match self.direction {
            Direction::In => ("read", self.name()),
            Direction::Out => ("write to", self.name()),
        };
        self.file = None;
        let failed: Result<()> = Err(error).context(|| format!("cannot {does} {name}"));
        self.failure = failed.err();
    }
}
