//! The entries of a layer tar: ustar with PAX headers for all that does not fit it. Numbers and no
//! names for owners, no time of access or change: the same files make the same bytes.

use std::io::Write;

use tar_core::builder::{EntryBuilder, HeaderBuilder, PaxBuilder};
use tar_core::{EntryType, HEADER_SIZE, HeaderError};

use crate::base::{Error, Result};
use crate::changes::note::{KEY, Note};
use crate::sys::clock::Moment;

use super::WHITEOUT;
use super::content::Content;

/// What is said of a file.
pub(super) struct Head<'a> {
    pub(super) path: &'a [u8],
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) modified: Moment,
    pub(super) attributes: &'a [(String, Vec<u8>)],
    pub(super) kind: Kind<'a>,
}

pub(super) enum Kind<'a> {
    File {
        content: &'a Content<'a>,
    },
    Directory,
    Symlink {
        target: &'a [u8],
    },
    /// Another name of a file that the tar holds already.
    Link {
        target: &'a [u8],
    },
    Fifo,
    CharacterDevice {
        major: u32,
        minor: u32,
    },
    BlockDevice {
        major: u32,
        minor: u32,
    },
}

pub(super) struct Tar<'out> {
    out: &'out mut dyn Write,
    /// Of the content that is being written.
    length: u64,
}

impl<'out> Tar<'out> {
    pub(super) fn begin(out: &'out mut dyn Write, note: &Note) -> Result<Self> {
        let mut tar = Self { out, length: 0 };
        let mut said = PaxBuilder::new();
        said.add(KEY, note.text());
        let said = said.finish();
        let mut header = HeaderBuilder::new_ustar();
        let made = header
            .path("pax_global_header")
            .and_then(|it| it.mode(0o644))
            .and_then(|it| it.uid(0)?.gid(0)?.mtime(0)?.size(said.len() as u64));
        made.map_err(refused)?.entry_type(EntryType::XGlobalHeader);
        tar.write(header.finish().as_bytes())?;
        tar.content(&said)?;
        tar.end_content()?;
        Ok(tar)
    }

    pub(super) fn head(&mut self, head: &Head<'_>) -> Result<()> {
        let bytes = builder(head).map_err(refused)?.finish_bytes();
        self.write(&bytes)
    }

    /// That a name is deleted.
    pub(super) fn whiteout(&mut self, path: &[u8]) -> Result<()> {
        let name = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        let path = [&path[..name], WHITEOUT, &path[name..]].concat();
        let none = Content::none();
        self.head(&Head {
            path: &path,
            mode: 0,
            uid: 0,
            gid: 0,
            modified: Moment { seconds: 0, nanoseconds: 0 },
            attributes: &[],
            kind: Kind::File { content: &none },
        })
    }

    /// A part of what the last head has promised.
    pub(super) fn content(&mut self, bytes: &[u8]) -> Result<()> {
        self.length += bytes.len() as u64;
        self.write(bytes)
    }

    /// To the end of its last block.
    pub(super) fn end_content(&mut self) -> Result<()> {
        let over = (std::mem::take(&mut self.length) % HEADER_SIZE as u64) as usize;
        match over {
            0 => Ok(()),
            over => self.write(&[0; HEADER_SIZE][over..]),
        }
    }

    pub(super) fn finish(self) -> Result<()> {
        self.out.write_all(&[0; 2 * HEADER_SIZE]).and_then(|()| self.out.flush()).map_err(gone)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(gone)
    }
}

fn builder(head: &Head<'_>) -> std::result::Result<EntryBuilder, HeaderError> {
    let mut it = EntryBuilder::new_ustar();
    match head.kind {
        Kind::Directory => it.path([head.path, b"/"].concat()),
        _ => it.path(head.path),
    };
    it.mode(head.mode)?.uid(head.uid.into())?.gid(head.gid.into())?;
    let Moment { seconds, nanoseconds } = head.modified;
    it.mtime(u64::try_from(seconds).unwrap_or(0))?;
    if nanoseconds != 0 || seconds < 0 {
        it.add_pax("mtime", decimal(head.modified));
    }
    for (name, value) in head.attributes {
        it.add_pax(&format!("SCHILY.xattr.{name}"), value);
    }
    match &head.kind {
        Kind::File { content } => {
            it.entry_type(EntryType::Regular).size(content.stored())?;
            if let Some((map, size)) = content.map() {
                it.sparse(&map, size);
            }
        }
        Kind::Directory => drop(it.entry_type(EntryType::Directory)),
        Kind::Symlink { target } => drop(it.entry_type(EntryType::Symlink).link_name(target)),
        Kind::Link { target } => drop(it.entry_type(EntryType::Link).link_name(target)),
        Kind::Fifo => drop(it.entry_type(EntryType::Fifo)),
        Kind::CharacterDevice { major, minor } => {
            it.entry_type(EntryType::Char).device(*major, *minor)?;
        }
        Kind::BlockDevice { major, minor } => {
            it.entry_type(EntryType::Block).device(*major, *minor)?;
        }
    }
    Ok(it)
}

/// `1700000000.25`; half a second before 1970 is `-0.5`.
fn decimal(moment: Moment) -> String {
    let nanoseconds = i128::from(moment.seconds) * 1_000_000_000 + i128::from(moment.nanoseconds);
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let (whole, part) =
        (nanoseconds.unsigned_abs() / 1_000_000_000, nanoseconds.unsigned_abs() % 1_000_000_000);
    let text = format!("{sign}{whole}.{part:09}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn refused(error: HeaderError) -> Error {
    Error::new(error.to_string()).within("cannot say it in a tar")
}

fn gone(error: std::io::Error) -> Error {
    Error::new(error.to_string()).within("cannot write the tar")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_exact_as_they_are() {
        let told = |seconds, nanoseconds| decimal(Moment { seconds, nanoseconds });
        assert_eq!(told(1_700_000_000, 250_000_000), "1700000000.25");
        assert_eq!(told(5, 1), "5.000000001");
        assert_eq!(told(-1, 500_000_000), "-0.5");
        assert_eq!(told(-2, 0), "-2");
        assert_eq!(told(100, 0), "100");
    }
}
