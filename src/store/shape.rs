//! The shape of a place in the store: what bryo puts there is a file or a directory, and never a link
//! to somewhere else. It only looks: what is wrong is named, and nothing is mended.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};

use super::changes::Kept;
use crate::base::{Error, HostPath, Result};
use crate::sys::facts::{self, Type};
use crate::sys::{entry, file};

const FILE: Type = Type::Regular;
const DIRECTORY: Type = Type::Directory;

/// What lies in a place, below `applied`, and below each number there.
const PLACE: [(&str, Type); 6] = [
    ("record.json", FILE),
    ("directory", FILE),
    ("baseline", FILE),
    ("base", DIRECTORY),
    ("layers", DIRECTORY),
    ("applied", DIRECTORY),
];
const TURN: [(&str, Type); 7] = [
    ("planned", FILE),
    ("begun", FILE),
    ("applied", FILE),
    ("taken-back-in-part", FILE),
    ("baseline", FILE),
    ("composed", DIRECTORY),
    ("undo", DIRECTORY),
];

impl Kept {
    /// What `--overlay-dir` is given.
    #[must_use]
    pub fn layers(&self) -> HostPath {
        self.directory().join("layers")
    }

    /// What lay below each changed name when the sandbox had ended.
    #[must_use]
    pub fn baseline(&self) -> HostPath {
        self.directory().join("baseline")
    }

    /// Where the base of each modified text is, for a merge.
    #[must_use]
    pub fn bases(&self) -> HostPath {
        self.directory().join("base")
    }
}

/// An error names the first that bryo has not made so; one that is missing is not missed here.
pub(super) fn check(place: BorrowedFd<'_>) -> Result<()> {
    check_names(place, "", &PLACE)?;
    if facts::facts_at(place, "applied".as_ref())?.is_none() {
        return Ok(());
    }
    let applied = entry::open_directory_at(place, "applied".as_ref())?;
    for name in file::names_in(applied.as_fd())? {
        if !name.to_str().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit())) {
            continue;
        }
        let shown = format!("applied/{}/", name.display());
        expect(applied.as_fd(), &name, shown.trim_end_matches('/'), DIRECTORY)?;
        let turn = entry::open_directory_at(applied.as_fd(), &name)?;
        check_names(turn.as_fd(), &shown, &TURN)?;
    }
    Ok(())
}

fn check_names(directory: BorrowedFd<'_>, above: &str, names: &[(&str, Type)]) -> Result<()> {
    names.iter().try_for_each(|(name, kind)| {
        expect(directory, name.as_ref(), &format!("{above}{name}"), *kind)
    })
}

fn expect(directory: BorrowedFd<'_>, name: &OsStr, shown: &str, kind: Type) -> Result<()> {
    let what = match (facts::facts_at(directory, name)?, kind) {
        (None, _) => return Ok(()),
        (Some(facts), _) if facts.kind == kind => return Ok(()),
        (Some(_), Type::Directory) => "directory",
        (Some(_), _) => "regular file",
    };
    Err(Error::new(format!("its `{shown}` is no {what}"))
        .hint("`bryo discard NAME` throws these changes away"))
}
