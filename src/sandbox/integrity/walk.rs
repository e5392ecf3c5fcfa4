//! A walk through a writable place after the run. The tree is hostile: names, depth and number of
//! its entries are chosen by who was inside. Directories are opened one below the other and never
//! through a link; files are looked at, not opened; what is found is never acted upon.
//!
//! Nobody inside can set the time of a change (inode(7)), so what bears an older one than the run
//! is as it was. A directory whose own times are older had no entry made, renamed or removed: of
//! its files only those are looked at whose names are obeyed.

use std::ffi::{OsStr, OsString};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::base::idrange::IdMap;
use crate::base::{HostPath, Text};
use crate::sys::clock::Moment;
use crate::sys::file::FileKind;
use crate::sys::inode::{self, Flow, Room, Stamp};
use crate::sys::{Errno, entry, process};

use super::directory::{Directory, Kind, Layout, Level, climbs_above};
use super::finding::{Change, Finding, What};
use super::manifest::{Before, Manifest};
use super::names::{holds_packages, who_obeys, who_obeys_all_in};

/// What of a tree is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Care {
    /// What may have been made or is known by name, while the time lasts.
    Within(Patience),
    /// Every entry.
    Everything,
}

/// How long a walk may take: in work of its own, so that a busy machine does not make it blind, and
/// in all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Patience {
    pub(super) work: Duration,
    pub(super) end: Instant,
}

/// What does not change from one place to the next.
pub(super) struct Question<'a> {
    pub(super) since: Moment,
    pub(super) care: Care,
    pub(super) ids: &'a IdMap,
    pub(super) own_id: u32,
    /// The writable places, and what of the host was shown read-only: links may lead there.
    pub(super) shown: &'a [HostPath],
}

/// A tree deeper than this is one that was made to be.
const DEEPEST: usize = 4096;
const MOST_WAITING: usize = 1 << 20;
/// What lies deeper than this is looked at after the rest.
const DEEP: usize = 8;
/// Each may keep a descriptor open.
const MOST_LATER: usize = 200;
/// What is found beyond is counted. A path may be a thousand times longer than most.
const MOST_FINDINGS: usize = 1000;
const MOST_BYTES: usize = 4 << 20;

pub(super) struct Walk<'a> {
    pub(super) question: &'a Question<'a>,
    pub(super) manifest: &'a Manifest,
    pub(super) findings: Vec<Finding>,
    /// How long their paths are together.
    bytes: usize,
    pub(super) untold: usize,
    pub(super) looked_at: usize,
    /// Why not all of it was looked at.
    pub(super) cut: Option<&'static str>,
    waiting: Vec<Waiting>,
    /// What matters less, in case that the time does not suffice.
    later: Vec<Waiting>,
}

/// A directory that is to be walked.
struct Waiting {
    above: Rc<Directory>,
    name: OsString,
}

/// Walks through one place.
pub(super) fn walk<'a>(
    place: &HostPath,
    manifest: &'a Manifest,
    question: &'a Question<'a>,
) -> Walk<'a> {
    let mut walk = Walk {
        question,
        manifest,
        findings: Vec::new(),
        bytes: 0,
        untold: 0,
        looked_at: 0,
        cut: None,
        waiting: Vec::new(),
        later: Vec::new(),
    };
    match walk.open_top(place) {
        Some(top) => walk.go(top),
        None => walk.cut = Some("it cannot be opened"),
    }
    walk
}

impl Walk<'_> {
    fn open_top(&self, place: &HostPath) -> Option<Directory> {
        let fd = inode::open_directory(place.as_path()).ok()?;
        let name = place.as_path().as_os_str().to_owned();
        let stamp = inode::stamp(fd.as_fd()).ok()?;
        let level = Rc::new(Level { above: None, name, depth: 0 });
        Some(Directory { fd, level, stamp, kind: Kind::Ordinary, may_have_moved: false })
    }

    fn go(&mut self, top: Directory) {
        let mut room = Room::new();
        self.entries(&Rc::new(top), &mut room);
        let mut entered = 0;
        while let Some(next) = self.waiting.pop().or_else(|| self.later.pop()) {
            entered += 1;
            if entered % 8 == 0 && self.is_over() || self.cut.is_some() {
                break;
            }
            if let Some(directory) = self.enter(&next) {
                self.entries(&Rc::new(directory), &mut room);
            }
        }
    }

    /// Whether the time is over, or the walk was cut short for another reason.
    pub(super) fn is_over(&mut self) -> bool {
        if let Care::Within(Patience { work, end }) = self.question.care
            && self.cut.is_none()
            && (process::time_worked() >= work || Instant::now() >= end)
        {
            self.cut = Some("its time was over");
        }
        self.cut.is_some()
    }

    fn is_thorough(&self) -> bool {
        self.question.care == Care::Everything
    }

    /// Whether what bears this stamp changed since the run began.
    pub(super) fn is_recent(&self, time: Moment) -> bool {
        time >= self.question.since
    }

    pub(super) fn is_born(&self, stamp: &Stamp) -> bool {
        stamp.born.is_some_and(|born| self.is_recent(born))
    }

    fn enter(&mut self, next: &Waiting) -> Option<Directory> {
        let above = &next.above;
        let depth = above.level.depth + 1;
        if depth > DEEPEST {
            self.cut = Some("it is too deep");
            return None;
        }
        let level =
            Rc::new(Level { above: Some(Rc::clone(&above.level)), name: next.name.clone(), depth });
        let fd = match entry::open_directory_at(above.fd.as_fd(), &next.name) {
            Ok(fd) => fd,
            Err(e) => {
                self.cannot_enter(e.errno, next, &level);
                return None;
            }
        };
        let stamp = inode::stamp(fd.as_fd()).ok()?;
        let has_moved = self.is_recent(stamp.changed) && self.is_recent(above.stamp.modified);
        self.check_owner(&stamp, || level.path());
        let kind = self.kind_of(next, &level, &stamp, has_moved);
        let may_have_moved = above.may_have_moved || has_moved;
        Some(Directory { fd, level, stamp, kind, may_have_moved })
    }

    /// A directory that cannot be listed hides what is in it from this walk, but from nobody who
    /// knows the names.
    fn cannot_enter(&mut self, errno: Errno, next: &Waiting, level: &Level) {
        match errno {
            Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM => self.cut = Some("it is too deep"),
            Errno::EACCES => {
                let stamp = inode::stamp_at(next.above.fd.as_fd(), &next.name);
                if let Ok(stamp) = stamp.as_ref()
                    && self.is_recent(stamp.changed)
                    && stamp.mode & 0o111 != 0
                {
                    let change = self.change_of(stamp, Before::Unknown);
                    self.find(level.path(), change, What::Unlistable);
                }
            }
            _ => {}
        }
    }

    /// What the names in a directory mean; tells it if the whole directory is new.
    fn kind_of(&mut self, next: &Waiting, level: &Level, stamp: &Stamp, has_moved: bool) -> Kind {
        let (name, above) = (next.name.as_os_str(), next.above.level.name());
        match next.above.kind {
            Kind::Repository => return Kind::Repository,
            Kind::Packages => return Kind::Packages,
            Kind::Obeyed(by) => return Kind::Obeyed(by),
            Kind::Ordinary if name == ".git" => return Kind::Repository,
            Kind::Ordinary if holds_packages(name) => return Kind::Packages,
            Kind::Ordinary => {}
        }
        let Some(by) = who_obeys_all_in(name, above) else { return Kind::Ordinary };
        let is_at_top = level.depth == 1;
        let before = self.before(is_at_top.then_some(Path::new(name)), stamp);
        let was_there = is_at_top && self.manifest.is_the_same_inode(Path::new(name), stamp);
        let change = match before {
            Before::Same => return Kind::Obeyed(by),
            Before::Missing => Change::New,
            _ if self.is_born(stamp) => Change::New,
            _ if has_moved && !was_there => Change::Moved,
            _ => return Kind::Obeyed(by),
        };
        self.find(level.path(), change, What::Obeyed { by });
        // One line tells of all in it.
        Kind::Packages
    }

    fn entries(&mut self, directory: &Rc<Directory>, room: &mut Room) {
        let times = [directory.stamp.changed, directory.stamp.modified];
        let look_at_all = self.is_thorough() || times.iter().any(|time| self.is_recent(*time));
        let mut git = false;
        let mut layout = Layout::default();
        let told = inode::each_entry(directory.fd.as_fd(), room, |name, kind| {
            self.looked_at += 1;
            if self.looked_at.is_multiple_of(1024) && self.is_over() {
                return Flow::Stop;
            }
            layout.note(name);
            git |= name == ".git";
            self.entry(directory, name, kind, look_at_all);
            Flow::GoOn
        });
        if told.is_err() {
            self.cut = Some("a directory cannot be listed");
        }
        if git && directory.kind != Kind::Repository {
            self.repository(directory, room);
        } else if layout.is_repository() && directory.kind != Kind::Repository {
            self.bare_repository(directory, room);
        }
    }

    fn entry(
        &mut self,
        directory: &Rc<Directory>,
        name: &OsStr,
        kind: Option<FileKind>,
        all: bool,
    ) {
        let kind = kind.or_else(|| Some(inode::stamp_at(directory.fd.as_fd(), name).ok()?.kind));
        if kind == Some(FileKind::Directory) {
            // What is in a repository is looked at by its names.
            if name == ".git" && !self.is_thorough() {
                return;
            }
            if self.waiting.len() >= MOST_WAITING {
                self.cut = Some("it has too many directories");
                return;
            }
            let next = Waiting { above: Rc::clone(directory), name: name.to_owned() };
            let matters_less = holds_packages(name) || directory.level.depth == DEEP;
            match matters_less && self.later.len() < MOST_LATER {
                true => self.later.push(next),
                false => self.waiting.push(next),
            }
            return;
        }
        let by = match directory.kind {
            Kind::Ordinary => who_obeys(name, directory.level.name()),
            Kind::Obeyed(by) => Some(by),
            Kind::Packages | Kind::Repository => None,
        };
        if !all && by.is_none() {
            return;
        }
        let Ok(stamp) = inode::stamp_at(directory.fd.as_fd(), name) else { return };
        if self.is_recent(stamp.changed) {
            self.judge(directory, name, &stamp, by);
        }
    }

    /// A file that was made or changed since the run began.
    fn judge(
        &mut self,
        directory: &Directory,
        name: &OsStr,
        stamp: &Stamp,
        by: Option<&'static str>,
    ) {
        let path = || directory.level.path().join(name);
        if let Some(by) = by {
            let is_at_top = directory.level.depth == 0;
            match self.before(is_at_top.then_some(Path::new(name)), stamp) {
                Before::Same => {}
                before => {
                    let change = self.change_of(stamp, before);
                    self.find(path(), change, What::Obeyed { by });
                }
            }
        }
        let mode = stamp.mode;
        if stamp.kind == FileKind::Regular && (mode & 0o4000 != 0 || mode & 0o2010 == 0o2010) {
            self.find(path(), self.change_of(stamp, Before::Unknown), What::SetId { mode });
        }
        if stamp.kind == FileKind::Symlink
            && let Ok(target) = entry::link_target_at(directory.fd.as_fd(), name)
            && self.leads_out(directory, &target)
        {
            let target = Text::from(target.into_os_string());
            self.find(path(), self.change_of(stamp, Before::Unknown), What::LeadsOut { target });
        }
        self.check_owner(stamp, path);
    }

    /// Files of subordinate ids are not the user's to remove.
    fn check_owner(&mut self, stamp: &Stamp, path: impl FnOnce() -> PathBuf) {
        let Question { own_id, ids, .. } = *self.question;
        if stamp.uid != own_id && self.is_recent(stamp.changed) && ids.reaches(stamp.uid) {
            self.find(path(), Change::New, What::OtherOwner { uid: stamp.uid });
        }
    }

    /// Whether a link in this directory leads to where the sandbox saw nothing of the host, or
    /// something else than the host. Judged by the names alone: nothing is followed.
    fn leads_out(&self, directory: &Directory, target: &Path) -> bool {
        if target.is_relative() && !climbs_above(target, directory.level.depth) {
            return false;
        }
        let end = HostPath::absolute(directory.level.path().join(target));
        let harmless = end.as_path() == Path::new("/dev/null");
        !harmless && !self.question.shown.iter().any(|shown| end.is_within(shown))
    }

    pub(super) fn before(&self, path: Option<&Path>, stamp: &Stamp) -> Before {
        path.map_or(Before::Unknown, |path| self.manifest.compared(path, stamp))
    }

    pub(super) fn change_of(&self, stamp: &Stamp, before: Before) -> Change {
        match before {
            Before::Missing => Change::New,
            Before::Unknown if self.is_born(stamp) => Change::New,
            _ => Change::Changed,
        }
    }

    pub(super) fn find(&mut self, path: PathBuf, change: Change, what: What) {
        self.bytes += path.as_os_str().len();
        if self.findings.len() < MOST_FINDINGS && self.bytes <= MOST_BYTES {
            self.findings.push(Finding { path: HostPath::absolute(path), change, what });
        } else {
            self.untold += 1;
        }
    }
}
