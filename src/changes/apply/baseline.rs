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
use std::path::Path;

use crate::base::{Context, Error, HostPath, Result};
use crate::changes::change::Change;
use crate::changes::layer::Layer;
use crate::changes::walk::{Spot, walk};
use crate::sys::facts::{self, Facts, Moment};

use super::journal::{self, Lines, Sum};
use super::line::{escaped, mark, moment, parsed_mark, parsed_moment, unescaped};
use super::place::HostWays;
use super::step::{Act, Mark};

const HEADER: &str = "bryo baseline 1";
const LAYER: &str = "layer ";
/// How its last line begins, before the sum of all lines before it.
const COMPLETE: &str = "complete ";

/// What was below a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Below {
    /// Its inode was not changed after that moment.
    File { mark: Mark, until: Moment },
    /// Nothing in it was changed after that moment.
    Directory { until: Moment },
}

impl Below {
    pub(super) fn of(facts: &Facts, until: Moment) -> Self {
        match facts.is_directory() {
            true => Self::Directory { until },
            false => Self::File { mark: Mark::of(facts), until: until.min(facts.changed) },
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

/// Writes down what is below the changes of all layers. What was changed after `began` is known by
/// it to be overtaken already; what an earlier baseline says stays.
pub fn note(layers: &[Layer], began: Moment, path: &HostPath) -> Result<()> {
    let mut before = Baseline::open(path)?;
    let mut draft = Draft::begin(path)?;
    for layer in layers {
        draft.section(&layer.lower)?;
        let mut written = Vec::new();
        walk(layer, &mut |change, spot| {
            for above in unwritten_above(&mut written, spot) {
                let below = Below::Directory { until: began };
                draft.line(above.as_os_str().as_bytes(), &below)?;
            }
            let bytes = spot.path.as_os_str().as_bytes();
            let known = before.as_mut().map(|it| it.find(&layer.lower, bytes)).transpose()?;
            match (known, &change.before) {
                (Some(Known::Was(below)), _) => draft.line(bytes, &below)?,
                (_, Some(facts)) => draft.line(bytes, &Below::of(facts, began))?,
                (_, None) => {}
            }
            note_as_written(&mut written, change, spot);
            Ok(())
        })?;
    }
    draft.finish()
}

/// After an undo: what it has restored bears new times, and inodes if it was copied, and is what it
/// was all the same. The steps of the paper and the baseline are in the same order.
pub fn refresh(layers: &[Layer], paper: &HostPath, path: &HostPath) -> Result<()> {
    let Some(mut before) = Baseline::open(path)? else { return Ok(()) };
    let mut draft = Draft::begin(path)?;
    let now = draft.begun_at()?;
    let mut ways = HostWays::open(layers)?;
    let mut section = None;
    journal::each_step(paper, |_, step| {
        let Some(layer) = layers.get(step.layer) else { return Ok(()) };
        while let Some(entry) = before.take_before(&layer.lower, &step.path)? {
            draft.entry(&mut section, &entry)?;
        }
        let (Act::Replace { old, .. } | Act::Remove { old }) = &step.act else { return Ok(()) };
        if let Known::Was(below) = before.find(&layer.lower, &step.path)? {
            let there = ways.facts(&step)?;
            before.replace_next(restored(&below, old, there.as_ref(), now));
        }
        Ok(())
    })?;
    while let Some(entry) = before.take()? {
        draft.entry(&mut section, &entry)?;
    }
    draft.finish()
}

/// What is known of a name from now on.
fn restored(below: &Below, old: &Mark, there: Option<&Facts>, now: Moment) -> Below {
    match (below, there) {
        (Below::Directory { .. }, Some(facts)) if facts.is_directory() => {
            Below::Directory { until: now }
        }
        (Below::File { mark, .. }, Some(facts)) if mark == old && old.is_of(facts) => {
            Below::File { mark: Mark::of(facts), until: facts.changed }
        }
        _ => *below,
    }
}

/// The directories above a name that have no line yet, for nothing about them was changed: they
/// are there as well.
fn unwritten_above<'a>(written: &mut Vec<Vec<u8>>, spot: &Spot<'a>) -> Vec<&'a Path> {
    let bytes = spot.path.as_os_str().as_bytes();
    written.retain(|directory| is_above(directory, bytes));
    if spot.lower.is_none() {
        return Vec::new();
    }
    let mut above: Vec<&Path> = spot
        .path
        .ancestors()
        .skip(1)
        .take_while(|path| !path.as_os_str().is_empty())
        .take_while(|path| !written.iter().any(|it| it == path.as_os_str().as_bytes()))
        .collect();
    above.reverse();
    written.extend(above.iter().map(|path| path.as_os_str().as_bytes().to_vec()));
    above
}

fn note_as_written(written: &mut Vec<Vec<u8>>, change: &Change, spot: &Spot<'_>) {
    if change.after.is_some_and(|it| it.is_directory()) {
        written.push(spot.path.as_os_str().as_bytes().to_vec());
    }
}

fn is_above(directory: &[u8], path: &[u8]) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.starts_with(b"/"))
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
            Below::File { mark: it, until } => {
                format!("f {} {} {path}", mark(it), moment(until))
            }
        })
    }

    /// An entry, with its section if that is a new one.
    fn entry(&mut self, section: &mut Option<HostPath>, entry: &Entry) -> Result<()> {
        if section.as_ref() != Some(&entry.lower) {
            self.section(&entry.lower)?;
            *section = Some(entry.lower.clone());
        }
        self.line(&entry.path, &entry.below)
    }

    /// By the clock that stamps files.
    fn begun_at(&mut self) -> Result<Moment> {
        self.file.flush().map_err(said)?;
        Ok(facts::facts(self.file.get_ref().as_fd())?.changed)
    }

    pub(super) fn finish(mut self) -> Result<()> {
        let last = last_line(self.sum);
        self.write(&last)?;
        let clause = || cannot_write(self.path);
        self.file.flush().map_err(said).context(clause)?;
        self.file.get_ref().sync_data().map_err(said).context(clause)?;
        std::fs::rename(self.new.as_path(), self.path.as_path()).map_err(said).context(clause)
    }

    fn write(&mut self, line: &str) -> Result<()> {
        self.sum.add(line);
        writeln!(self.file, "{line}").map_err(said).context(|| cannot_write(self.path))
    }
}

fn last_line(sum: Sum) -> String {
    format!("{COMPLETE}{sum}")
}

fn said(error: std::io::Error) -> Error {
    Error::new(error.to_string())
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
    fn take_before(&mut self, lower: &HostPath, path: &[u8]) -> Result<Option<Entry>> {
        let is_before = self.next.as_ref().is_some_and(|entry| {
            entry.lower.cmp(lower).then_with(|| walk_order(&entry.path, path)) == Ordering::Less
        });
        if is_before { self.take() } else { Ok(None) }
    }

    /// What was found last says something else.
    fn replace_next(&mut self, below: Below) {
        if let Some(entry) = &mut self.next {
            entry.below = below;
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
        "f" => Below::File { mark: parsed_mark(&mut words)?, until: parsed_moment(&mut words)? },
        _ => return None,
    };
    let path = unescaped(words.next()?)?;
    words.next().is_none().then(|| (path.as_bytes().to_vec(), below))
}

/// Directories before what is in them, names in their order: `/` comes before every other byte.
fn walk_order(one: &[u8], other: &[u8]) -> Ordering {
    let rank = |byte: &u8| if *byte == b'/' { 0 } else { u16::from(*byte) + 1 };
    one.iter().map(rank).cmp(other.iter().map(rank))
}
