//! A tar as a stream of entries, each with its content behind it. Whatever it claims, no more is
//! kept in memory than one header, and that has a limit.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;

use tar_core::parse::{Limits, ParseError, ParseEvent, ParsedEntry, Parser};
use tar_core::{EntryType, HEADER_SIZE, PaxExtensions, SparseEntry};

use crate::base::{Context, Error, Result, Text};
use crate::sys::clock::Moment;

use super::entry::{Entry, Kind, Stretch};

/// Of all that a header says of one entry. A path of 4000 names of 255 bytes fits in.
const LARGEST_HEADER: u32 = 4 << 20;
const MOST_STRETCHES: usize = 10_000;
const LEAST_ROOM: usize = 1 << 17;
/// What may lie behind the end of a tar and is read to its own end, so that the end of a compressed
/// one is looked at.
const LONGEST_PADDING: u64 = 1 << 20;

pub(super) struct Stream<'a> {
    input: &'a mut dyn Read,
    parser: Parser,
    room: Vec<u8>,
    /// What of it was read, and is not used yet.
    begin: usize,
    end: usize,
    /// Of the content of the last entry, and of what fills up its last block.
    content_left: u64,
    padding_left: u64,
}

/// What comes next.
pub(super) enum Next {
    Entry(Entry),
    /// What a global header says.
    Global(Vec<u8>),
    End,
}

impl<'a> Stream<'a> {
    pub(super) fn of(input: &'a mut dyn Read) -> Self {
        let limits = Limits {
            max_metadata_size: LARGEST_HEADER,
            max_sparse_entries: MOST_STRETCHES,
            ..Limits::default()
        };
        let mut parser = Parser::new(limits);
        // Times before 1970 are errors to it; what else it would pass over is looked at here.
        parser.set_ignore_pax_errors(true);
        let room = vec![0; LEAST_ROOM];
        Self { input, parser, room, begin: 0, end: 0, content_left: 0, padding_left: 0 }
    }

    /// The next entry; what was not read of the last one is passed over.
    pub(super) fn next(&mut self) -> Result<Next> {
        self.pass_over()?;
        loop {
            let needed = match self.parser.parse(&self.room[self.begin..self.end]) {
                Ok(ParseEvent::NeedData { min_bytes }) => min_bytes,
                Ok(ParseEvent::End { .. }) => {
                    self.begin = self.end;
                    return self.end_well().map(|()| Next::End);
                }
                Ok(ParseEvent::GlobalExtensions { consumed, pax_data }) => {
                    let said = pax_data.to_vec();
                    self.begin += consumed;
                    return Ok(Next::Global(said));
                }
                Ok(ParseEvent::Entry { consumed, entry }) => {
                    let (stored, entry) = (entry.size, owned(&entry, None)?);
                    self.go_on_with(consumed, stored)?;
                    return Ok(Next::Entry(entry));
                }
                Ok(ParseEvent::SparseEntry { consumed, entry, sparse_map, real_size }) => {
                    let stored = checked_map(&entry, &sparse_map, real_size)?;
                    let entry = owned(&entry, Some((sparse_map, real_size)))?;
                    self.go_on_with(consumed, stored)?;
                    return Ok(Next::Entry(entry));
                }
                Err(error) => return Err(broken(&error)),
            };
            // Twice as much each time: headers are read from their beginning again.
            let held = self.end - self.begin;
            self.fill(needed.max(2 * held), needed)?;
        }
    }

    fn go_on_with(&mut self, consumed: usize, stored: u64) -> Result<()> {
        self.begin += consumed;
        self.content_left = stored;
        let padded = stored
            .checked_next_multiple_of(HEADER_SIZE as u64)
            .ok_or_else(|| Error::new("a size in it is none"))?;
        self.padding_left = padded - stored;
        Ok(())
    }

    /// A part of the content of the last entry; nothing is its end.
    pub(super) fn content(&mut self, room: &mut [u8]) -> Result<usize> {
        let wanted = room.len().min(usize::try_from(self.content_left).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let read = self.take(&mut room[..wanted])?;
        self.content_left -= read as u64;
        Ok(read)
    }

    fn take(&mut self, room: &mut [u8]) -> Result<usize> {
        let held = &self.room[self.begin..self.end];
        if held.is_empty() {
            return match read(self.input, room)? {
                0 => Err(cut_off()),
                length => Ok(length),
            };
        }
        let length = held.len().min(room.len());
        room[..length].copy_from_slice(&held[..length]);
        self.begin += length;
        Ok(length)
    }

    fn pass_over(&mut self) -> Result<()> {
        let mut left = self.content_left + self.padding_left;
        let mut room = [0; HEADER_SIZE];
        while left > 0 {
            let length = room.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            left -= self.take(&mut room[..length])? as u64;
        }
        (self.content_left, self.padding_left) = (0, 0);
        Ok(())
    }

    /// Reads until that many bytes are held, or as many as there are if that is enough.
    fn fill(&mut self, wanted: usize, enough: usize) -> Result<()> {
        const MOST: usize = 2 * LARGEST_HEADER as usize;
        self.room.copy_within(self.begin..self.end, 0);
        (self.begin, self.end) = (0, self.end - self.begin);
        // Headers have a limit of their own, the map of a sparse file behind one has not.
        if enough > MOST || self.end == MOST {
            return Err(Error::new("a header in it is too large"));
        }
        let wanted = wanted.clamp(HEADER_SIZE, MOST);
        if self.room.len() < wanted {
            self.room.resize(wanted.next_power_of_two(), 0);
        }
        while self.end < wanted {
            match read(self.input, &mut self.room[self.end..])? {
                0 if self.end >= enough => return Ok(()),
                0 if self.end == 0 => return Err(Error::new("it ends before its end mark")),
                0 => return Err(cut_off()),
                length => self.end += length,
            }
        }
        Ok(())
    }

    fn end_well(&mut self) -> Result<()> {
        let mut padding = 0;
        while padding < LONGEST_PADDING {
            match read(self.input, &mut self.room)? {
                0 => break,
                length => padding += length as u64,
            }
        }
        Ok(())
    }
}

fn read(input: &mut dyn Read, room: &mut [u8]) -> Result<usize> {
    loop {
        match input.read(room) {
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::new(e.to_string()).within("cannot read it")),
            Ok(length) => return Ok(length),
        }
    }
}

fn cut_off() -> Error {
    Error::new("it is cut off")
}

fn broken(error: &ParseError) -> Error {
    Error::new(Text::from(error.to_string()).to_string()).within("it is no tar, or damaged")
}

/// The stretches of a sparse file, in their order and in the file; how much data they have.
fn checked_map(entry: &ParsedEntry<'_>, map: &[SparseEntry], size: u64) -> Result<u64> {
    let lies = || {
        let path = Text::from(OsStr::from_bytes(&entry.path));
        Error::new(format!("the map of the holes of `{path}` is wrong"))
    };
    let mut at = 0;
    let mut stored: u64 = 0;
    for stretch in map {
        if stretch.offset < at {
            return Err(lies());
        }
        at = stretch.offset.checked_add(stretch.length).ok_or_else(lies)?;
        stored = stored.checked_add(stretch.length).ok_or_else(lies)?;
    }
    if at > size || stored != entry.size {
        return Err(lies());
    }
    Ok(stored)
}

fn owned(entry: &ParsedEntry<'_>, sparse: Option<(Vec<SparseEntry>, u64)>) -> Result<Entry> {
    let path = entry.path.to_vec();
    let shown = || format!("cannot use `{}`", Text::from(OsStr::from_bytes(&path)));
    let modified = modified(entry).context(shown)?;
    let kind = kind(entry, sparse).context(shown)?;
    let attributes =
        entry.xattrs.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
    Ok(Entry { path, mode: entry.mode & 0o7777, modified, attributes, kind })
}

fn kind(entry: &ParsedEntry<'_>, sparse: Option<(Vec<SparseEntry>, u64)>) -> Result<Kind> {
    let target = || entry.link_target.as_ref().map(|it| it.to_vec()).unwrap_or_default();
    let kind = match entry.entry_type {
        // Before there was a letter for them.
        EntryType::Regular if entry.path.ends_with(b"/") => Kind::Directory,
        EntryType::Regular | EntryType::Continuous | EntryType::GnuSparse => {
            let stretch = |it: SparseEntry| Stretch { begin: it.offset, length: it.length };
            let whole = || vec![Stretch { begin: 0, length: entry.size }];
            let (size, stretches) = match sparse {
                Some((map, size)) => (size, map.into_iter().map(stretch).collect()),
                None => (entry.size, whole()),
            };
            return Ok(Kind::File { size, stretches });
        }
        EntryType::Directory => Kind::Directory,
        EntryType::Symlink => Kind::Symlink { target: target() },
        EntryType::Link => Kind::Link { target: target() },
        EntryType::Fifo => Kind::Fifo,
        EntryType::Char | EntryType::Block => Kind::Device,
        _ => Kind::Unknown,
    };
    if kind != Kind::Unknown && (entry.size > 0 || sparse.is_some()) {
        return Err(Error::new("it has content, and is no file"));
    }
    Ok(kind)
}

/// As exact as it is told, and what else the parser was told to pass over.
fn modified(entry: &ParsedEntry<'_>) -> Result<Moment> {
    // Times before 1970 in a header are negative numbers of 64 bits.
    let mut modified = Moment { seconds: entry.mtime.cast_signed(), nanoseconds: 0 };
    for said in entry.pax.into_iter().flat_map(PaxExtensions::new) {
        let said = said.map_err(|e| Error::new(e.to_string()))?;
        let is_wrong = || Error::new("a number in its header is none");
        match said.key_bytes() {
            b"mtime" => {
                let text = said.value().map_err(|_| is_wrong())?;
                modified = moment(text).ok_or_else(is_wrong)?;
            }
            b"size"
            | b"GNU.sparse.major"
            | b"GNU.sparse.minor"
            | b"GNU.sparse.realsize"
            | b"GNU.sparse.size"
            | b"GNU.sparse.offset"
            | b"GNU.sparse.numbytes" => {
                let text = said.value().map_err(|_| is_wrong())?;
                text.parse::<u64>().map_err(|_| is_wrong())?;
            }
            _ => {}
        }
    }
    Ok(modified)
}

/// `-0.5`, `1700000000.123456789012`.
fn moment(text: &str) -> Option<Moment> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    if !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let whole: i64 = whole.parse().ok().filter(|it| (0..i64::MAX).contains(it))?;
    let nanoseconds: u32 = format!("{part:0<9}").get(..9)?.parse().ok()?;
    Some(match (is_negative, nanoseconds) {
        (false, _) => Moment { seconds: whole, nanoseconds },
        (true, 0) => Moment { seconds: -whole, nanoseconds: 0 },
        (true, _) => Moment { seconds: -whole - 1, nanoseconds: 1_000_000_000 - nanoseconds },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_to_the_nanosecond() {
        let read = |text| moment(text).map(|it| (it.seconds, it.nanoseconds));
        assert_eq!(read("1700000000.25"), Some((1_700_000_000, 250_000_000)));
        assert_eq!(read("5.0000000019"), Some((5, 1)));
        assert_eq!(read("-0.5"), Some((-1, 500_000_000)));
        assert_eq!(read("-2"), Some((-2, 0)));
        for wrong in ["", "-", "1.x", "x", "1e9", "--1", "99999999999999999999"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
