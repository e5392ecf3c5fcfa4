//! What was at the top of a writable place before the run, by the names that matter: a handful of
//! looks, for what is deeper tells by its times whether it was there.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use crate::base::HostPath;
use crate::sys::file::{self, FileKind};
use crate::sys::inode::{self, Flow, Room, Stamp};

use super::names::{OBEYED_BY_GIT, is_hook, who_obeys, who_obeys_all_in};

/// Stamps by the path below the place.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    stamps: HashMap<OsString, Stamp>,
    /// Git settings that the command may write, but only as they are.
    settings: HashMap<PathBuf, Vec<u8>>,
    /// Every name at the top was seen, and every hook.
    is_complete: bool,
    /// The file system seems to keep times in whole seconds, as ext3 does: no program can set the
    /// time of the last change, and few directories had theirs at the very beginning of one.
    pub(super) is_of_whole_seconds: bool,
}

/// What a manifest says of a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Before {
    /// It was as it is.
    Same,
    /// It was another one, or is changed.
    Different,
    Missing,
    Unknown,
}

/// What git settings say now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Settings {
    Same,
    Different,
    Unknown,
}

/// A directory with more names tells of its first ones.
const MOST_NAMES: usize = 1000;
const LARGEST_SETTINGS: usize = 64 << 10;

impl Manifest {
    /// Of a place and the repositories that are guarded in it; `None` for what is no directory.
    pub(super) fn of(place: &HostPath, repositories: &[&HostPath]) -> Option<Self> {
        let mut manifest = Self::default();
        let top = inode::open_directory(place.as_path()).ok()?;
        let stamp = inode::stamp(top.as_fd()).ok()?;
        manifest.is_of_whole_seconds = stamp.changed.nanoseconds == 0;
        let mut room = Room::new();
        let above = place.as_path().file_name().unwrap_or_default();
        let names = listed(top.as_fd(), &mut room, |name| {
            is_of_a_repository(name)
                || who_obeys(name, above).is_some()
                || who_obeys_all_in(name, above).is_some()
        });
        for repository in repositories {
            let path = repository.as_path().join("config");
            if let Some(content) = settings_at(&path, repository) {
                manifest.settings.insert(path, content);
            }
        }
        let Some(names) = names else { return Some(manifest) };
        manifest.is_complete = true;
        for name in names {
            manifest.note(top.as_fd(), "", &name);
        }
        let git = manifest.stamps.get(OsStr::new(".git"));
        if git.is_some_and(|it| it.kind == FileKind::Directory) {
            manifest.note_repository(top.as_fd(), ".git", &mut room);
        } else if manifest.stamps.contains_key(OsStr::new("HEAD")) {
            manifest.note_repository(top.as_fd(), "", &mut room);
        }
        Some(manifest)
    }

    fn note_repository(&mut self, top: BorrowedFd<'_>, name: &str, room: &mut Room) {
        let path = Path::new(if name.is_empty() { "." } else { name });
        let Ok(directory) = inode::open_directory_below(top, path) else { return };
        for part in OBEYED_BY_GIT.iter().chain(&["hooks"]) {
            self.note(directory.as_fd(), name, OsStr::new(part));
        }
        let Ok(hooks) = inode::open_directory_below(directory.as_fd(), Path::new("hooks")) else {
            return;
        };
        match listed(hooks.as_fd(), room, is_hook) {
            Some(names) => {
                let prefix = Path::new(name).join("hooks");
                let prefix = prefix.to_string_lossy().into_owned();
                names.iter().for_each(|name| self.note(hooks.as_fd(), &prefix, name));
            }
            None => self.is_complete = false,
        }
    }

    fn note(&mut self, directory: BorrowedFd<'_>, prefix: &str, name: &OsStr) {
        if let Ok(stamp) = inode::stamp_at(directory, name) {
            self.stamps.insert(Path::new(prefix).join(name).into(), stamp);
        }
    }

    /// What was under a path that this manifest would have noted.
    pub(super) fn compared(&self, path: &Path, now: &Stamp) -> Before {
        match self.stamps.get(path.as_os_str()) {
            Some(before) if before == now => Before::Same,
            Some(_) => Before::Different,
            None if self.is_complete => Before::Missing,
            None => Before::Unknown,
        }
    }

    /// Whether git settings say what they said before.
    pub(super) fn settings_now(&self, path: &Path) -> Settings {
        let (Some(before), Some(directory)) = (self.settings.get(path), path.parent()) else {
            return Settings::Unknown;
        };
        match settings_at(path, &HostPath::absolute(directory)) {
            Some(now) if now == *before => Settings::Same,
            _ => Settings::Different,
        }
    }

    /// Whether it is the very inode that was there, whatever became of its content.
    pub(super) fn is_the_same_inode(&self, path: &Path, now: &Stamp) -> bool {
        self.stamps.get(path.as_os_str()).is_some_and(|before| before.inode == now.inode)
    }
}

fn settings_at(path: &Path, directory: &HostPath) -> Option<Vec<u8>> {
    let directory = inode::open_directory(directory.as_path()).ok()?;
    let file =
        inode::open_regular_below(directory.as_fd(), Path::new(path.file_name()?)).ok()??;
    let content = file::read_all(file.as_fd(), LARGEST_SETTINGS + 1).ok()?;
    (content.len() <= LARGEST_SETTINGS).then_some(content)
}

/// The names in a directory that are wanted; `None` if there are too many to look at.
fn listed(
    directory: BorrowedFd<'_>,
    room: &mut Room,
    is_wanted: impl Fn(&OsStr) -> bool,
) -> Option<Vec<OsString>> {
    let (mut names, mut seen) = (Vec::new(), 0);
    let told = inode::each_entry(directory, room, |name, _| {
        seen += 1;
        if is_wanted(name) {
            names.push(name.to_owned());
        }
        if seen < MOST_NAMES { Flow::GoOn } else { Flow::Stop }
    });
    (told.is_ok() && seen < MOST_NAMES).then_some(names)
}

fn is_of_a_repository(name: &OsStr) -> bool {
    [".git", "HEAD", "objects", "refs"].iter().any(|it| name == *it)
}
