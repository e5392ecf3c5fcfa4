//! One entry of a tar, and where it would go: nothing of it is believed.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::base::{Error, Result, Text};
use crate::changes::export::WHITEOUT;
use crate::sys::clock::Moment;

pub(super) struct Entry {
    /// As the tar has it.
    pub(super) path: Vec<u8>,
    pub(super) mode: u32,
    pub(super) modified: Moment,
    pub(super) attributes: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) kind: Kind,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    File {
        size: u64,
        /// In their order; the rest is holes.
        stretches: Vec<Stretch>,
    },
    Directory,
    Symlink {
        target: Vec<u8>,
    },
    /// Another name of a file that came before.
    Link {
        target: Vec<u8>,
    },
    Fifo,
    Device,
    Unknown,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stretch {
    pub(super) begin: u64,
    pub(super) length: u64,
}

/// What the last part of a path says (image-spec, layer.md).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Says<'a> {
    /// It is there.
    Present(&'a OsStr),
    /// What was below is not.
    Deleted(&'a OsStr),
    /// The directory hides all that is below it.
    Opaque,
    /// Something between layers that nobody else needs (aufs).
    Nothing,
}

/// More than anybody has, and few enough to be made: the way to each begins at the top.
const DEEPEST: usize = 8192;

/// The path without `.` and double slashes; nothing is left of that of the root.
pub(super) fn plain_path(path: &[u8]) -> Result<Vec<u8>> {
    let refused = |why: &str| {
        let path = Text::from(OsStr::from_bytes(path));
        Error::new(why.to_owned()).within(format!("cannot use `{path}`"))
    };
    if path.starts_with(b"/") {
        return Err(refused("its name begins with `/`"));
    }
    if path.contains(&0) {
        return Err(refused("its name holds a zero byte"));
    }
    let parts: Vec<&[u8]> =
        path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").collect();
    if parts.len() > DEEPEST {
        return Err(Error::new(format!("it lies below {} directories", parts.len() - 1)));
    }
    if parts.contains(&b"..".as_slice()) {
        return Err(refused("its name leads out with `..`"));
    }
    let is_note = |part: &&[u8]| part.starts_with(WHITEOUT);
    if parts.iter().rev().skip(1).any(is_note) {
        return Err(refused("it lies in what says that something is deleted"));
    }
    Ok(parts.join(&b'/'))
}

impl<'a> Says<'a> {
    pub(super) fn of(name: &'a OsStr) -> Result<Self> {
        let Some(deleted) = name.as_bytes().strip_prefix(WHITEOUT) else {
            return Ok(Self::Present(name));
        };
        match deleted {
            b".wh..opq" => Ok(Self::Opaque),
            b"" | b"." | b".." => {
                let name = Text::from(name);
                Err(Error::new("it deletes no name").within(format!("cannot use `{name}`")))
            }
            _ if deleted.starts_with(WHITEOUT) => Ok(Self::Nothing),
            _ => Ok(Self::Deleted(OsStr::from_bytes(deleted))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out() {
        let plain = |path: &str| plain_path(path.as_bytes()).ok();
        assert_eq!(plain("./a//b/"), Some(b"a/b".to_vec()));
        assert_eq!(plain("./"), Some(Vec::new()));
        assert_eq!(plain("a/.wh.b"), Some(b"a/.wh.b".to_vec()));
        for path in ["/a", "..", "a/../b", "a/..", "a\0b", ".wh.a/b", "a/.wh..wh..opq/b"] {
            assert_eq!(plain(path), None, "{path:?}");
        }
    }

    #[test]
    fn a_whiteout_deletes_a_name_and_nothing_else() {
        let says = |name: &'static str| Says::of(OsStr::new(name)).ok();
        assert_eq!(says("a"), Some(Says::Present(OsStr::new("a"))));
        assert_eq!(says(".wh.a"), Some(Says::Deleted(OsStr::new("a"))));
        assert_eq!(says(".wh..wh..opq"), Some(Says::Opaque));
        assert_eq!(says(".wh..wh.plnk"), Some(Says::Nothing));
        for name in [".wh.", ".wh..", ".wh..."] {
            assert_eq!(says(name), None, "{name}");
        }
    }
}
