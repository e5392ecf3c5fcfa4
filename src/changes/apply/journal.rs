//! The paper of one apply: its steps, in their order, in a file that is complete before the first
//! of them is taken: a line each, and a last one by which damage is told.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use crate::base::{Context, Error, HostPath, Result, progress};
use crate::sys::clock::Moment;
use crate::sys::facts::{self, Type};
use crate::sys::{CallError, entry, file, random};

use super::line::{line, moment, parsed, parsed_moment};
use super::step::Step;
use super::transfer;

/// How its first line begins, before the token of the apply and when its planning began.
const HEADER: &str = "bryo apply 1 ";
/// How its last line begins, before the number of steps and the sum of all lines before it.
const COMPLETE: &str = "complete ";

/// Being written.
pub(super) struct Draft {
    file: BufWriter<File>,
    steps: u64,
    sum: Sum,
}

impl Draft {
    pub(super) fn begin(path: &HostPath) -> Result<Self> {
        let file = make_file(path).context(|| format!("cannot write `{path}`"))?;
        // By the clock that stamps files.
        let began = facts::facts(file.as_fd())?.changed;
        let mut draft = Self { file: BufWriter::new(file), steps: 0, sum: Sum::default() };
        let token = u64::from_ne_bytes(random::random_bytes());
        draft.write(&format!("{HEADER}{token:016x} {}", moment(&began)))?;
        Ok(draft)
    }

    pub(super) fn add(&mut self, step: &Step) -> Result<()> {
        self.steps += 1;
        self.write(&line(step))
    }

    /// On the disk, whole: the number of steps.
    pub(super) fn finish(mut self) -> Result<u64> {
        let last = last_line(self.steps, self.sum);
        self.write(&last)?;
        self.file.flush().map_err(said("write")).context(cannot_write)?;
        self.file.get_ref().sync_all().map_err(said("fsync")).context(cannot_write)?;
        Ok(self.steps)
    }

    fn write(&mut self, line: &str) -> Result<()> {
        self.sum.add(line);
        writeln!(self.file, "{line}").map_err(said("write")).context(cannot_write)
    }
}

/// A new one, whatever bore that name before.
pub(super) fn make_file(path: &HostPath) -> Result<File> {
    let (directory, name) = directory_of(path)?;
    transfer::remove(directory.as_fd(), name)?;
    Ok(File::from(file::create_below(directory.as_fd(), Path::new(name), 0o600)?))
}

/// Nothing but a regular file is read, and no link is followed.
fn open_file(path: &HostPath) -> Result<File> {
    let (directory, name) = directory_of(path)?;
    let fd = entry::open_file_at(directory.as_fd(), name)?;
    match facts::facts(fd.as_fd())?.kind {
        Type::Regular => Ok(File::from(fd)),
        _ => Err(Error::new("it is no regular file")),
    }
}

fn directory_of(path: &HostPath) -> Result<(OwnedFd, &OsStr)> {
    let (Some(parent), Some(name)) = (path.as_path().parent(), path.as_path().file_name()) else {
        return Err(Error::new("it is no path of a file"));
    };
    Ok((file::open_path_for_reading(parent)?, name))
}

/// What std says of a call, in our words.
pub(super) fn said(call: &'static str) -> impl Fn(std::io::Error) -> CallError {
    move |error| CallError::of(error, call.to_owned())
}

fn cannot_write() -> String {
    "cannot write down what is to be applied".to_owned()
}

fn last_line(steps: u64, sum: Sum) -> String {
    format!("{COMPLETE}{steps} {sum}")
}

/// Of damage, not of malice: FNV-1a (draft-eastlake-fnv).
#[derive(Clone, Copy)]
pub(super) struct Sum(u64);

impl Default for Sum {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl std::fmt::Display for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Sum {
    pub(super) fn add(&mut self, line: &str) {
        for byte in line.bytes().chain([b'\n']) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// What its first line says.
#[derive(Clone, Debug)]
pub(super) struct Head {
    /// By which the temporary names of one apply are told from those of another.
    pub(super) token: String,
    /// When its planning began.
    pub(super) began: Moment,
}

/// Reads the whole paper and finds it undamaged; its head.
pub(super) fn head(path: &HostPath) -> Result<Head> {
    let mut lines = Lines::open(path)?;
    let first = lines.next_line()?.map(str::to_owned).unwrap_or_default();
    let head = first.strip_prefix(HEADER).and_then(parsed_head).ok_or_else(|| damaged(path, 0))?;
    let mut sum = Sum::default();
    sum.add(&first);
    let mut steps = 0;
    while let Some(line) = lines.next_line()? {
        if line.starts_with(COMPLETE) {
            let is_right = line == last_line(steps, sum) && lines.next_line()?.is_none();
            return if is_right { Ok(head) } else { Err(damaged(path, steps + 1)) };
        }
        if parsed(line).is_none() {
            return Err(damaged(path, steps + 1));
        }
        sum.add(line);
        steps += 1;
    }
    Err(damaged(path, steps + 1))
}

fn parsed_head(text: &str) -> Option<Head> {
    let mut words = text.split(' ');
    let token = words.next()?.to_owned();
    let is_token = token.len() == 16 && token.bytes().all(|byte| byte.is_ascii_hexdigit());
    let head = Head { token, began: parsed_moment(&mut words)? };
    (is_token && words.next().is_none()).then_some(head)
}

/// Reads a paper that was found undamaged, step by step.
pub(super) fn each_step(
    path: &HostPath,
    mut take: impl FnMut(u64, Step) -> Result<()>,
) -> Result<()> {
    let mut lines = Lines::open(path)?;
    lines.next_line()?;
    let size = lines.size();
    let mut number = 0;
    while let Some(line) = lines.next_line()? {
        if line.starts_with(COMPLETE) {
            return Ok(());
        }
        take(number, parsed(line).ok_or_else(|| damaged(path, number + 1))?)?;
        number += 1;
        if number.is_multiple_of(PIECE) {
            progress::at(lines.at, size);
        }
    }
    Err(damaged(path, number + 1))
}

/// Steps held in memory at once, and taken before it is told how far it is.
const PIECE: u64 = 256;

/// The steps from the last to the first, a piece of the paper at a time.
pub(super) fn each_step_back(
    path: &HostPath,
    mut take: impl FnMut(u64, Step) -> Result<()>,
) -> Result<()> {
    let mut lines = Lines::open(path)?;
    let size = lines.size();
    lines.next_line()?;
    let mut begins = vec![lines.at];
    let mut count = 0_u64;
    while lines.next_line()?.is_some_and(|line| !line.starts_with(COMPLETE)) {
        count += 1;
        if count.is_multiple_of(PIECE) {
            begins.push(lines.at);
        }
    }
    for (index, begin) in begins.into_iter().enumerate().rev() {
        let first = index as u64 * PIECE;
        let mut lines = Lines::open_at(path, begin)?;
        let mut piece = Vec::new();
        for number in first..count.min(first + PIECE) {
            let step = lines.next_line()?.and_then(parsed);
            piece.push((number, step.ok_or_else(|| damaged(path, number + 1))?));
        }
        for (number, step) in piece.into_iter().rev() {
            take(number, step)?;
        }
        progress::at(size.saturating_sub(begin), size);
    }
    Ok(())
}

/// The lines of a paper, one in memory at a time.
pub(super) struct Lines<'a> {
    path: &'a HostPath,
    file: BufReader<File>,
    line: String,
    /// Where the next one begins.
    at: u64,
}

impl<'a> Lines<'a> {
    pub(super) fn open(path: &'a HostPath) -> Result<Self> {
        Self::open_at(path, 0)
    }

    fn open_at(path: &'a HostPath, at: u64) -> Result<Self> {
        let clause = || format!("cannot read `{path}`");
        let mut file = open_file(path).context(clause)?;
        file.seek(SeekFrom::Start(at)).map_err(said("lseek")).context(clause)?;
        Ok(Self { path, file: BufReader::new(file), line: String::new(), at })
    }

    /// In bytes; only to tell how far it was read.
    fn size(&self) -> u64 {
        self.file.get_ref().metadata().map_or(0, |it| it.len())
    }

    /// When it was written.
    pub(super) fn modified(&self) -> Result<Moment> {
        Ok(facts::facts(self.file.get_ref().as_fd())?.modified)
    }

    /// Without its end; `None` at the end of the file. A last line without an end was cut off.
    pub(super) fn next_line(&mut self) -> Result<Option<&str>> {
        self.line.clear();
        // What is no text is damage, which is told by the empty line it becomes.
        let length = match self.file.read_line(&mut self.line) {
            Ok(length) => length,
            Err(e) if e.kind() == std::io::ErrorKind::InvalidData => return Ok(Some("")),
            Err(e) => {
                return Err(
                    Error::new(e.to_string()).within(format!("cannot read `{}`", self.path))
                );
            }
        };
        self.at += length as u64;
        Ok(match (length, self.line.strip_suffix('\n')) {
            (0, _) => None,
            (_, Some(line)) => Some(line),
            (_, None) => Some(""),
        })
    }
}

/// By its number, the first line being 0.
fn damaged(path: &HostPath, number: u64) -> Error {
    Error::new(format!("line {} of `{path}` is damaged", number + 1))
        .hint("`bryo discard NAME` throws these changes away")
}
