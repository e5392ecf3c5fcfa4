//! The baseline: what lay below each changed name when the sandbox had ended, so that an apply can
//! tell what was changed, made or removed outside since.
//!
//! A section for each layer, and in it a line for each name, in the order of the walk: both are
//! read side by side, and a million changes take no memory. A name without a line had nothing
//! below it.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

use crate::base::{Context, Error, HostPath, Result};
use crate::sys::clock::Moment;
use crate::sys::entry;
use crate::sys::facts::{self, Facts};

use super::bases::{Base, hex};
use super::journal::{self, Lines, Sum, said};
use super::line::{escaped, mark, moment, number, parsed_mark, parsed_moment, unescaped};
use super::step::Mark;

const HEADER: &str = "bryo baseline 1";
const LAYER: &str = "layer ";
/// How its last line begins, before the sum of all lines before it.
const COMPLETE: &str = "complete ";

/// What was below a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Below {
    /// Its inode was not changed after that moment.
    File { mark: Mark, until: Moment, base: Option<Base> },
    /// Nothing in it was changed after that moment.
    Directory { until: Moment },
    /// Something that was gone when the sandbox had ended, and was there when it began.
    Gone,
}

impl Below {
    pub(super) fn of(facts: &Facts, until: Moment) -> Self {
        match facts.is_directory() {
            true => Self::Directory { until },
            false => {
                Self::File { mark: Mark::of(facts), until: until.min(facts.changed), base: None }
            }
        }
    }
}

/// One line, and which layer it belongs to.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) lower: HostPath,
    pub(super) path: Vec<u8>,
    pub(super) below: Below,
}

/// A baseline that is rewritten: the old one stays until the new one is whole.
pub(super) struct Draft<'a> {
    path: &'a HostPath,
    new: HostPath,
    file: BufWriter<File>,
    sum: Sum,
}

impl<'a> Draft<'a> {
    pub(super) fn begin(path: &'a HostPath) -> Result<Self> {
        let new = HostPath::absolute(path.as_path().with_extension("new"));
        let file = journal::make_file(&new).context(|| cannot_write(path))?;
        let mut draft = Self { path, new, file: BufWriter::new(file), sum: Sum::default() };
        draft.write(HEADER)?;
        Ok(draft)
    }

    pub(super) fn section(&mut self, lower: &HostPath) -> Result<()> {
        self.write(&format!("{LAYER}{}", escaped(lower.as_path().as_os_str().as_bytes())))
    }

    pub(super) fn line(&mut self, path: &[u8], below: &Below) -> Result<()> {
        let path = escaped(path);
        self.write(&match below {
            Below::Directory { until } => format!("d {} {path}", moment(until)),
            Below::Gone => format!("g {path}"),
            Below::File { mark: it, until, base: None } => {
                format!("f {} {} {path}", mark(it), moment(until))
            }
            Below::File { mark: it, until, base: Some(base) } => {
                let Base { digest, mode } = base;
                format!("t {} {} {mode} {} {path}", mark(it), moment(until), hex(digest))
            }
        })
    }

    /// An entry, with its section if that is a new one.
    pub(super) fn entry(&mut self, section: &mut Option<HostPath>, entry: &Entry) -> Result<()> {
        if section.as_ref() != Some(&entry.lower) {
            self.section(&entry.lower)?;
            *section = Some(entry.lower.clone());
        }
        self.line(&entry.path, &entry.below)
    }

    /// By the clock that stamps files.
    pub(super) fn begun_at(&mut self) -> Result<Moment> {
        self.file.flush().map_err(said("write"))?;
        Ok(facts::facts(self.file.get_ref().as_fd())?.changed)
    }

    pub(super) fn finish(mut self) -> Result<()> {
        let last = last_line(self.sum);
        self.write(&last)?;
        let clause = || cannot_write(self.path);
        self.file.flush().map_err(said("write")).context(clause)?;
        self.file.get_ref().sync_data().map_err(said("fdatasync")).context(clause)?;
        entry::rename_path(self.new.as_path(), self.path.as_path()).context(clause)
    }

    fn write(&mut self, line: &str) -> Result<()> {
        self.sum.add(line);
        writeln!(self.file, "{line}").map_err(said("write")).context(|| cannot_write(self.path))
    }
}

fn last_line(sum: Sum) -> String {
    format!("{COMPLETE}{sum}")
}

fn cannot_write(path: &HostPath) -> String {
    format!("cannot write `{path}`")
}

/// What a baseline says of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Was(Below),
    Nothing,
    /// It does not speak of that layer.
    Unsaid,
}

/// Read in the order of the walk.
pub(super) struct Baseline<'a> {
    path: &'a HostPath,
    lines: Lines<'a>,
    number: u64,
    /// Those that were met, in their order.
    sections: Vec<HostPath>,
    next: Option<Entry>,
    is_at_end: bool,
}

impl<'a> Baseline<'a> {
    /// `None`: the try was killed before it could write one.
    pub(super) fn open(path: &'a HostPath) -> Result<Option<Self>> {
        if !path.as_path().exists() {
            return Ok(None);
        }
        let number = damaged_line(path)?;
        if let Some(number) = number {
            return Err(damaged(path, number));
        }
        let lines = Lines::open(path)?;
        let mut baseline =
            Self { path, lines, number: 0, sections: Vec::new(), next: None, is_at_end: false };
        baseline.lines.next_line()?;
        baseline.advance()?;
        Ok(Some(baseline))
    }

    /// When it was written.
    pub(super) fn written(&self) -> Result<Moment> {
        self.lines.modified()
    }

    /// Asked in the order of the walk, layer by layer.
    pub(super) fn find(&mut self, lower: &HostPath, path: &[u8]) -> Result<Known> {
        while let Some(entry) = &self.next {
            let order = entry.lower.cmp(lower).then_with(|| walk_order(&entry.path, path));
            match order {
                Ordering::Less => self.advance()?,
                Ordering::Equal => return Ok(Known::Was(entry.below)),
                Ordering::Greater => break,
            }
        }
        Ok(match self.speaks_of(lower) {
            true => Known::Nothing,
            false => Known::Unsaid,
        })
    }

    /// What comes before a name.
    pub(super) fn take_before(&mut self, lower: &HostPath, path: &[u8]) -> Result<Option<Entry>> {
        let is_before = self.next.as_ref().is_some_and(|entry| {
            entry.lower.cmp(lower).then_with(|| walk_order(&entry.path, path)) == Ordering::Less
        });
        if is_before { self.take() } else { Ok(None) }
    }

    /// What was found last says something else.
    pub(super) fn replace_next(&mut self, below: Below) {
        if let Some(entry) = &mut self.next {
            entry.below = below;
        }
    }

    /// What it says of a name, which it says no more.
    pub(super) fn take_at(&mut self, lower: &HostPath, path: &[u8]) -> Result<Option<Below>> {
        match self.find(lower, path)? {
            Known::Was(below) => {
                self.advance()?;
                Ok(Some(below))
            }
            Known::Nothing | Known::Unsaid => Ok(None),
        }
    }

    /// All that is left of it.
    pub(super) fn take(&mut self) -> Result<Option<Entry>> {
        let entry = self.next.take();
        if entry.is_some() {
            self.advance()?;
        }
        Ok(entry)
    }

    fn speaks_of(&self, lower: &HostPath) -> bool {
        self.sections.contains(lower)
    }

    fn advance(&mut self) -> Result<()> {
        self.next = None;
        while !self.is_at_end && self.next.is_none() {
            self.number += 1;
            let Some(line) = self.lines.next_line()? else { return Err(self.damaged()) };
            if line.starts_with(COMPLETE) {
                self.is_at_end = true;
            } else if let Some(lower) = line.strip_prefix(LAYER).and_then(unescaped) {
                self.sections.push(HostPath::absolute(lower));
            } else {
                let parsed = parsed(line);
                let (Some(lower), Some((path, below))) = (self.sections.last().cloned(), parsed)
                else {
                    return Err(self.damaged());
                };
                self.next = Some(Entry { lower, path, below });
            }
        }
        Ok(())
    }

    fn damaged(&self) -> Error {
        damaged(self.path, self.number)
    }
}

/// Reads all of it: the number of the first line that bryo did not write so.
fn damaged_line(path: &HostPath) -> Result<Option<u64>> {
    let (mut lines, mut sum, mut number) = (Lines::open(path)?, Sum::default(), 0);
    if lines.next_line()?.inspect(|line| sum.add(line)) != Some(HEADER) {
        return Ok(Some(0));
    }
    while let Some(line) = lines.next_line()? {
        number += 1;
        if line.starts_with(COMPLETE) {
            let is_whole = line == last_line(sum) && lines.next_line()?.is_none();
            return Ok((!is_whole).then_some(number));
        }
        sum.add(line);
    }
    Ok(Some(number + 1))
}

/// By its number, the first line being 0.
fn damaged(path: &HostPath, number: u64) -> Error {
    Error::new(format!("line {} of `{path}` is damaged", number + 1))
        .hint("`bryo discard NAME` throws these changes away")
}

fn parsed(line: &str) -> Option<(Vec<u8>, Below)> {
    let mut words = line.split(' ');
    let below = match words.next()? {
        "d" => Below::Directory { until: parsed_moment(&mut words)? },
        "g" => Below::Gone,
        kind @ ("f" | "t") => Below::File {
            mark: parsed_mark(&mut words)?,
            until: parsed_moment(&mut words)?,
            base: if kind == "t" { Some(parsed_base(&mut words)?) } else { None },
        },
        _ => return None,
    };
    let path = unescaped(words.next()?)?;
    words.next().is_none().then(|| (path.as_bytes().to_vec(), below))
}

fn parsed_base(words: &mut std::str::Split<'_, char>) -> Option<Base> {
    let mode = number(words)?;
    let digits = words.next().filter(|digits| digits.len() == 64 && digits.is_ascii())?;
    let mut digest = [0; 32];
    for (index, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(Base { digest, mode })
}

pub(super) fn is_above(directory: &[u8], path: &[u8]) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.starts_with(b"/"))
}

/// Directories before what is in them, names in their order: `/` comes before every other byte.
pub(super) fn walk_order(one: &[u8], other: &[u8]) -> Ordering {
    let rank = |byte: &u8| if *byte == b'/' { 0 } else { u16::from(*byte) + 1 };
    one.iter().map(rank).cmp(other.iter().map(rank))
}
