//! What a layer tar of ours says of itself, in the comment of a PAX global header that every other
//! reader passes over: to which directory its names are relative, and over which its layers lay.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use crate::base::HostPath;

use super::apply::line::{escaped, unescaped};

pub(super) const KEY: &str = "comment";
const FORM: &str = "bryo-changes-1";
/// No try makes that many.
const MOST_LAYERS: usize = 1000;

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Note {
    /// To which the names are relative.
    pub(super) root: HostPath,
    /// Over which a layer lies; each in the root.
    pub(super) lowers: Vec<HostPath>,
}

impl Note {
    /// `bryo-changes-1 /home/ada /home/ada/project`
    pub(super) fn text(&self) -> String {
        let paths = std::iter::once(&self.root).chain(&self.lowers);
        let words = paths.map(|path| escaped(path.as_path().as_os_str().as_bytes()));
        std::iter::once(FORM.to_owned()).chain(words).collect::<Vec<_>>().join(" ")
    }

    /// `None`: it is somebody else's comment.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let mut words = text.split(' ');
        if words.next()? != FORM {
            return None;
        }
        let mut paths = words.map(path).take(MOST_LAYERS + 2).collect::<Option<Vec<_>>>()?;
        if paths.len() < 2 || paths.len() > MOST_LAYERS + 1 {
            return None;
        }
        let lowers = paths.split_off(1);
        let root = paths.pop()?;
        lowers.iter().all(|lower| lower.is_within(&root)).then_some(Self { root, lowers })
    }
}

/// An absolute path without `.` and `..`.
fn path(word: &str) -> Option<HostPath> {
    let bytes = unescaped(word)?;
    let path = Path::new(OsStr::from_bytes(bytes.as_bytes()));
    let is_plain = |part| matches!(part, Component::RootDir | Component::Normal(_));
    let is_good =
        path.is_absolute() && path.components().all(is_plain) && !bytes.as_bytes().contains(&0);
    is_good.then(|| HostPath::absolute(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_what_it_writes() {
        let paths = ["/home/a b", "/home/a b/\n", "/home/a b/%41"].map(HostPath::absolute);
        let note = Note { root: paths[0].clone(), lowers: paths.to_vec() };
        assert_eq!(Note::parse(note.text().as_bytes()), Some(note));
    }

    #[test]
    fn nothing_else_is_a_note() {
        let all = [
            "",
            "5d41402abc4b2a76b9719d911017c592ae6cbc12",
            "bryo-changes-1",
            "bryo-changes-1 /a",
            "bryo-changes-1 a a",
            "bryo-changes-1 /a /b",
            "bryo-changes-1 /a /a/../b",
            "bryo-changes-1 /a /a%00",
            "bryo-changes-2 /a /a",
        ];
        for text in all {
            assert_eq!(Note::parse(text.as_bytes()), None, "{text}");
        }
    }
}
