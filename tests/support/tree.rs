//! A directory tree as it is, to be compared to the byte with what it was.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Each name with its mode, owner, time of modification and content, or the target of a link. A
/// directory's time is left out: what is told is in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Tree(BTreeMap<PathBuf, (u32, u32, i128, Vec<u8>)>);

impl Tree {
    pub(crate) fn of(root: &Path) -> Self {
        let mut tree = Self(BTreeMap::new());
        tree.read(root, Path::new(""));
        tree
    }

    fn read(&mut self, root: &Path, below: &Path) {
        let path = root.join(below);
        let facts = path.symlink_metadata().unwrap();
        let time = i128::from(facts.mtime()) * 1_000_000_000 + i128::from(facts.mtime_nsec());
        let (time, content) = match facts.file_type() {
            it if it.is_dir() => (0, Vec::new()),
            it if it.is_symlink() => {
                (time, fs::read_link(&path).unwrap().as_os_str().as_bytes().to_vec())
            }
            it if it.is_file() => (time, fs::read(&path).unwrap()),
            _ => (time, Vec::new()),
        };
        self.0.insert(below.to_owned(), (facts.mode(), facts.uid(), time, content));
        if facts.is_dir() {
            for entry in fs::read_dir(&path).unwrap() {
                self.read(root, &below.join(entry.unwrap().file_name()));
            }
        }
    }

    pub(crate) fn names(&self) -> Vec<&Path> {
        self.0.keys().map(PathBuf::as_path).collect()
    }

    /// The names that are in the other and not in this one, or differ there.
    pub(crate) fn changed_in(&self, other: &Self) -> Vec<String> {
        let names = self.0.keys().chain(other.0.keys()).collect::<std::collections::BTreeSet<_>>();
        let differs = |name: &&PathBuf| self.0.get(*name) != other.0.get(*name);
        names.into_iter().filter(|it| differs(it)).map(|it| it.display().to_string()).collect()
    }
}
