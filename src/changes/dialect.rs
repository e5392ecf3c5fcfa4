//! How each driver writes into a layer that something is gone, or that nothing shows through.
//!
//! The kernel (Documentation/filesystems/overlayfs.rst): a deleted name is a character device
//! 0:0; a directory that hides what is below it bears `user.overlay.opaque` = `y`. Since Linux 6.7
//! there are deleted names in the form of attributes, too; only a layer made by hand has them.
//!
//! fuse-overlayfs (main.c): the same device, or where it may not make one, an empty file
//! `.wh.NAME`; for directories `user.fuseoverlayfs.opaque`, or a file `.wh..wh..opq`.

use std::ffi::{OsStr, OsString};
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use crate::base::Result;
use crate::sys::entry;
use crate::sys::facts::{self, Facts, Type};

use super::plain::remove_mark_file;

/// Who wrote a layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    Kernel,
    Fuse,
}

/// What a name in a layer says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Says {
    /// It is there.
    Present,
    /// It is a note of the driver about another name, which is deleted.
    DeletedOther(OsString),
    /// It is a note of the driver about the directory.
    Note,
}

/// Where the driver has noted that a name was copied up from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Origin {
    /// From what lay below it.
    Here,
    /// From what lay below some name of the layer.
    Somewhere,
}

const WHITEOUT: Type = Type::CharacterDevice { major: 0, minor: 0 };

impl Dialect {
    /// What the name says by itself, before anything is known of its inode.
    pub(super) fn read_name(self, name: &OsStr) -> Says {
        if self == Self::Kernel {
            return Says::Present;
        }
        match name.as_bytes().strip_prefix(b".wh.") {
            // Of names that nothing can be deleted by, none is written by the driver.
            Some(b".wh..opq" | b"." | b"..") => Says::Note,
            Some(other) if !other.is_empty() => {
                Says::DeletedOther(OsString::from_vec(other.to_vec()))
            }
            _ => Says::Present,
        }
    }

    pub(super) fn is_whiteout(self, facts: &Facts) -> bool {
        facts.kind == WHITEOUT
    }

    /// The name of the file that may say so of another one. To the kernel, that is a name like any
    /// other; and no driver writes one that is too long.
    pub(super) fn note_of_deletion(self, name: &OsStr) -> Option<OsString> {
        let note = [b".wh.", name.as_bytes()].concat();
        (self == Self::Fuse && note.len() <= 255).then(|| OsString::from_vec(note))
    }

    /// Whether a file beside it says that the name, which is not there, is deleted.
    pub(super) fn has_note_of_deletion(
        self,
        directory: BorrowedFd<'_>,
        name: &OsStr,
    ) -> Result<bool> {
        let Some(note) = self.note_of_deletion(name) else { return Ok(false) };
        Ok(facts::facts_at(directory, &note)?.is_some())
    }

    /// Whether nothing of the directory below shows through this one.
    pub(super) fn is_opaque(self, directory: BorrowedFd<'_>) -> Result<bool> {
        let says_yes = |name| Ok(facts::attribute(directory, name)?.as_deref() == Some(b"y"));
        match self {
            Self::Kernel => says_yes("user.overlay.opaque"),
            Self::Fuse => Ok(says_yes("user.fuseoverlayfs.opaque")?
                || says_yes("user.overlay.opaque")?
                || facts::facts_at(directory, ".wh..wh..opq".as_ref())?.is_some()),
        }
    }

    /// What the driver noted at a file or directory when it first copied it up, if it did.
    pub(super) fn origin(self, fd: BorrowedFd<'_>, path: &Path) -> Result<Option<Origin>> {
        Ok(match self {
            Self::Kernel => facts::attribute(fd, "user.overlay.origin")?.map(|_| Origin::Somewhere),
            Self::Fuse => facts::attribute(fd, "user.fuseoverlayfs.origin")?
                .filter(|noted| noted.strip_suffix(b"\0") == Some(path.as_os_str().as_bytes()))
                .map(|_| Origin::Here),
        })
    }

    /// From now on a directory hides what is below it.
    pub(super) fn mark(self, directory: BorrowedFd<'_>) -> Result<()> {
        let name = match self {
            Self::Kernel => "user.overlay.opaque",
            Self::Fuse => "user.fuseoverlayfs.opaque",
        };
        Ok(entry::set_attribute(directory, name, b"y")?)
    }

    /// Takes back that a directory hides what is below it.
    pub(super) fn unmark(self, directory: BorrowedFd<'_>) -> Result<()> {
        for name in ["user.overlay.opaque", "user.fuseoverlayfs.opaque"] {
            if facts::attribute(directory, name)?.is_some() {
                entry::remove_attribute(directory, name)?;
            }
        }
        if self == Self::Fuse {
            for name in [".wh..wh..opq", ".wh..opq"] {
                remove_mark_file(directory, name)?;
            }
        }
        Ok(())
    }

    /// Whether an extended attribute is the driver's own note.
    pub(super) fn is_note(name: &[u8]) -> bool {
        [b"user.overlay.".as_slice(), b"user.fuseoverlayfs.", b"trusted.overlay."]
            .iter()
            .any(|prefix| name.starts_with(prefix))
    }
}
