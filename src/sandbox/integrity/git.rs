//! What git obeys in the repositories that a walk comes by: hooks, settings, and the repositories
//! of submodules and linked work trees in them.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use crate::sys::entry;
use crate::sys::file::{self, FileKind};
use crate::sys::inode::{self, Flow, Room, Stamp};

use super::directory::Directory;
use super::finding::{Change, What};
use super::manifest::{Before, Settings};
use super::names::{OBEYED_BY_GIT, is_hook};
use super::settings::{are_plain, name_programs};
use super::walk::Walk;

/// A repository, open.
struct Repository {
    fd: OwnedFd,
    path: PathBuf,
    /// Below the place, where the manifest knows of it.
    known_as: Option<PathBuf>,
    /// It may have been under another name before the run.
    may_have_moved: bool,
    /// In how many others it is.
    depth: usize,
}

const DEEPEST: usize = 16;
const LARGEST_CONFIG: usize = 64 << 10;

impl Walk<'_> {
    /// The `.git` of a directory.
    pub(super) fn repository(&mut self, directory: &Directory, room: &mut Room) {
        let name = OsStr::new(".git");
        let Ok(stamp) = inode::stamp_at(directory.fd.as_fd(), name) else { return };
        let path = directory.level.path().join(name);
        let known_as = (directory.level.depth == 0).then(|| PathBuf::from(name));
        let before = self.before(known_as.as_deref(), &stamp);
        let same = self.manifest.is_the_same_inode(Path::new(name), &stamp) && known_as.is_some();
        let recent = self.is_recent(stamp.changed);
        if stamp.kind != FileKind::Directory {
            if recent && before != Before::Same {
                self.find(path, self.change_of(&stamp, before), What::Repository);
            }
            return;
        }
        let is_another = match before {
            Before::Same => false,
            Before::Unknown => self.is_born(&stamp),
            Before::Different => !same,
            Before::Missing => recent,
        };
        if is_another {
            let opened = entry::open_directory_at(directory.fd.as_fd(), name);
            if !opened.is_ok_and(|fd| self.is_as_git_makes_it(&fd, room)) {
                self.find(path, self.change_of(&stamp, before), What::Repository);
            }
            return;
        }
        let has_moved = recent && self.is_recent(directory.stamp.modified) && !same;
        let may_have_moved = directory.may_have_moved || has_moved;
        if let Ok(fd) = entry::open_directory_at(directory.fd.as_fd(), name) {
            let found = Repository { fd, path, known_as, may_have_moved, depth: 0 };
            self.obeyed_by_git(&found, room);
        }
    }

    /// A directory that is a repository itself.
    pub(super) fn bare_repository(&mut self, directory: &Directory, room: &mut Room) {
        let path = directory.level.path();
        let is_at_top = directory.level.depth == 0;
        let Ok(head) = inode::stamp_at(directory.fd.as_fd(), OsStr::new("HEAD")) else { return };
        let known_as = is_at_top.then(PathBuf::new);
        let before = self.before(is_at_top.then_some(Path::new("HEAD")), &head);
        let is_new = match before {
            Before::Missing => true,
            Before::Unknown => self.is_recent(head.changed),
            Before::Same | Before::Different => false,
        };
        if is_new {
            if !self.is_as_git_makes_it(&directory.fd, room) {
                self.find(path, Change::New, What::Repository);
            }
            return;
        }
        if let Ok(fd) = inode::open_directory_below(directory.fd.as_fd(), Path::new(".")) {
            let may_have_moved = directory.may_have_moved;
            let found = Repository { fd, path, known_as, may_have_moved, depth: 0 };
            self.obeyed_by_git(&found, room);
        }
    }

    /// Whether it is what `git init` and `git clone` make: samples of hooks, settings that run
    /// nothing, and nothing else that git obeys. Such a one acts on nobody.
    fn is_as_git_makes_it(&mut self, repository: &OwnedFd, room: &mut Room) -> bool {
        let stamp = |name: &str| inode::stamp_at(repository.as_fd(), OsStr::new(name)).ok();
        let others = OBEYED_BY_GIT.iter().filter(|name| **name != "config");
        if others.chain(&["modules", "worktrees"]).any(|name| stamp(name).is_some()) {
            return false;
        }
        if stamp("hooks").is_some() {
            let Ok(hooks) = entry::open_directory_at(repository.as_fd(), OsStr::new("hooks"))
            else {
                return false;
            };
            if !self.names_in(&hooks, room, is_hook).is_empty() {
                return false;
            }
        }
        stamp("config").is_none() || settings(repository).is_some_and(|it| are_plain(&it))
    }

    fn obeyed_by_git(&mut self, repository: &Repository, room: &mut Room) {
        let told = self.findings.len() + self.untold;
        for name in OBEYED_BY_GIT {
            let path = repository.path.join(name);
            let Some((stamp, before)) = self.recent_part(repository, Path::new(name)) else {
                continue;
            };
            // Whoever writes settings puts a new file in the place of the old one.
            match self.manifest.settings_now(&path) {
                Settings::Same => {}
                Settings::Different => self.find(path, Change::Changed, What::GitSetting),
                Settings::Unknown => {
                    self.find(path, self.change_of(&stamp, before), What::GitSetting);
                }
            }
        }
        let has_hooks = self.hooks(repository, room);
        let is_quiet = self.findings.len() + self.untold == told;
        if repository.may_have_moved && is_quiet && (has_hooks || runs_programs(repository)) {
            self.find(repository.path.clone(), Change::Moved, What::Repository);
        }
        if repository.depth < DEEPEST {
            self.inner_repositories(repository, Path::new("modules"), What::Repository, room);
            self.inner_repositories(repository, Path::new("worktrees"), What::GitSetting, room);
        }
    }

    /// The hooks that are not as they were; whether there are any at all.
    fn hooks(&mut self, repository: &Repository, room: &mut Room) -> bool {
        let name = Path::new("hooks");
        let Ok(stamp) = inode::stamp_at(repository.fd.as_fd(), name.as_os_str()) else {
            return false;
        };
        let path = repository.path.join(name);
        let recent = self.recent_part(repository, name);
        if stamp.kind != FileKind::Directory {
            if let Some((stamp, before)) = recent {
                self.find(path, self.change_of(&stamp, before), What::Hook);
            }
            return true;
        }
        let Ok(fd) = entry::open_directory_at(repository.fd.as_fd(), name.as_os_str()) else {
            return false;
        };
        let hooks = self.names_in(&fd, room, is_hook);
        let hooks_in = Repository {
            fd,
            known_as: repository.known_as.as_ref().map(|known_as| known_as.join(name)),
            path,
            ..*repository
        };
        let mut any = false;
        for hook in &hooks {
            if let Some((stamp, before)) = self.recent_part(&hooks_in, Path::new(hook)) {
                let change = self.change_of(&stamp, before);
                self.find(hooks_in.path.join(hook), change, What::Hook);
                any = true;
            }
        }
        // A directory of old hooks that was renamed to be this one.
        if recent.is_some() && !any && !hooks.is_empty() {
            self.find(hooks_in.path, Change::Moved, What::Hook);
        }
        !hooks.is_empty()
    }

    /// The repositories in a repository, by the directory that holds them.
    fn inner_repositories(
        &mut self,
        repository: &Repository,
        name: &Path,
        new_one: What,
        room: &mut Room,
    ) {
        let Ok(holder) = inode::open_directory_below(repository.fd.as_fd(), name) else { return };
        let has_new_names =
            inode::stamp(holder.as_fd()).is_ok_and(|it| self.is_recent(it.modified));
        for inner in self.names_in(&holder, room, |_| true) {
            if self.is_over() {
                return;
            }
            let Ok(stamp) = inode::stamp_at(holder.as_fd(), &inner) else { continue };
            if stamp.kind != FileKind::Directory {
                continue;
            }
            let path = repository.path.join(name).join(&inner);
            if self.is_born(&stamp) {
                self.find(path, Change::New, new_one.clone());
                continue;
            }
            let Ok(fd) = entry::open_directory_at(holder.as_fd(), &inner) else { continue };
            let has_moved = has_new_names && self.is_recent(stamp.changed);
            let may_have_moved = repository.may_have_moved || has_moved;
            let depth = repository.depth + 1;
            let has_head = inode::stamp_at(fd.as_fd(), OsStr::new("HEAD")).is_ok();
            let found = Repository { fd, path, known_as: None, may_have_moved, depth };
            // A submodule's name is its path: there may be directories in between.
            match has_head {
                true => self.obeyed_by_git(&found, room),
                false if depth < DEEPEST => {
                    self.inner_repositories(&found, Path::new("."), new_one.clone(), room);
                }
                false => self.cut = Some("it is too deep"),
            }
        }
    }

    /// Something in a repository that is not as it was when the run began.
    fn recent_part(&self, repository: &Repository, name: &Path) -> Option<(Stamp, Before)> {
        let stamp = inode::stamp_at(repository.fd.as_fd(), name.as_os_str()).ok()?;
        let known_as = repository.known_as.as_ref().map(|known_as| known_as.join(name));
        let before = self.before(known_as.as_deref(), &stamp);
        (self.is_recent(stamp.changed) && before != Before::Same).then_some((stamp, before))
    }

    fn names_in(
        &mut self,
        directory: &OwnedFd,
        room: &mut Room,
        is_wanted: impl Fn(&OsStr) -> bool,
    ) -> Vec<OsString> {
        const MOST: usize = 10_000;
        let mut names = Vec::new();
        let told = inode::each_entry(directory.as_fd(), room, |name, _| {
            if is_wanted(name) {
                names.push(name.to_owned());
            }
            if names.len() < MOST { Flow::GoOn } else { Flow::Stop }
        });
        self.looked_at += names.len();
        if told.is_err() || names.len() >= MOST {
            self.cut = Some("a repository has too many parts");
        }
        names
    }
}

fn runs_programs(repository: &Repository) -> bool {
    settings(&repository.fd).is_some_and(|content| name_programs(&content))
}

/// What is in the file of settings, unless it is no file or too large for one.
fn settings(repository: &OwnedFd) -> Option<Vec<u8>> {
    let config = inode::open_regular_below(repository.as_fd(), Path::new("config")).ok()??;
    let content = file::read_all(config.as_fd(), LARGEST_CONFIG + 1).ok()?;
    (content.len() <= LARGEST_CONFIG).then_some(content)
}
