//! What git obeys in the working directory: hooks and configuration of the repository there, and
//! of the submodules and work trees that it names.
//!
//! The facts are read by name from what git itself wrote down; the tree is not searched, whatever
//! its size. A path with a symbolic link in it is none of the facts.

use std::collections::{BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::base::{Context, HostPath, Result};
use crate::sys::file::{self, FileKind};
use crate::sys::inode::{self, Flow, Room};
use crate::sys::{self, CallError};

use super::git_config::GitConfig;

/// Paths below the working directory, links nowhere in them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct GitFacts {
    /// Directories that what git obeys is found by: the repositories and all between them and the
    /// working directory.
    pub found_by: BTreeSet<HostPath>,
    /// Files and directories that git obeys.
    pub obeyed: BTreeSet<HostPath>,
    /// What settings and links name and git would obey, were it there.
    pub awaited: BTreeSet<HostPath>,
    /// There are more repositories than were looked at.
    pub more: bool,
}

/// More than nearly every project has submodules; each costs several mounts.
const MOST_REPOSITORIES: usize = 64;
/// A repository may come from anywhere: what is in it must not make the start slow.
const MOST_NAMES: usize = 2000;
const MOST_INCLUDES: usize = 16;
/// There are fewer names that git would run (githooks(5)).
const MOST_LINKS: usize = 32;
/// `.git/modules/a/b/c`: a submodule's name is its path (gitsubmodules(7)).
const DEEPEST_MODULE: usize = 8;
const LARGEST_CONFIG: usize = 64 << 10;

impl GitFacts {
    /// An error where a question stays open: what is taken for missing is not guarded.
    pub(super) fn read(directory: &HostPath) -> Result<Self> {
        let cannot = || format!("cannot look at what git obeys in `{directory}`");
        let base = match inode::open_directory(directory.as_path()) {
            Ok(base) => base,
            Err(e) if e.errno.is_of_the_process() => return Err(e).context(cannot),
            Err(_) => return Ok(Self::default()),
        };
        let mut reader = Reader {
            top: directory.clone(),
            base,
            kinds: HashMap::new(),
            visited: BTreeSet::new(),
            names_left: MOST_NAMES,
            facts: Self::default(),
            failure: None,
        };
        reader.work_tree(Path::new(""));
        reader.bare(Path::new(""));
        match reader.failure {
            Some(failure) => Err(failure).context(cannot),
            None => Ok(reader.facts),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    WorkTree,
    Submodule,
}

struct Reader {
    top: HostPath,
    base: OwnedFd,
    /// What was looked at, for the directories on the way are the same again and again.
    kinds: HashMap<PathBuf, Option<FileKind>>,
    visited: BTreeSet<PathBuf>,
    /// How many more names will be read.
    names_left: usize,
    facts: GitFacts,
    /// The first look that failed and so told nothing.
    failure: Option<CallError>,
}

impl Reader {
    /// What a look has found; nothing if it says that nothing can be found there.
    fn found<T>(&mut self, answer: sys::Result<T>) -> Option<T> {
        match answer {
            Ok(found) => Some(found),
            Err(e) => {
                if e.errno.is_of_the_process() {
                    self.failure.get_or_insert(e);
                }
                None
            }
        }
    }

    /// A directory whose `.git` says where its repository is.
    fn work_tree(&mut self, directory: &Path) {
        let entry = directory.join(".git");
        match self.kind(&entry) {
            Some(FileKind::Directory) => self.git_directory(&entry, directory, Whose::WorkTree),
            Some(FileKind::Regular) => {
                self.obey(&entry);
                let content = self.content(&entry);
                let Some(target) = content.strip_prefix(b"gitdir:") else { return };
                if let Some(target) = self.below(target.trim_ascii(), directory) {
                    self.git_directory(&target, directory, Whose::WorkTree);
                }
            }
            Some(FileKind::Symlink) => {
                if let Some(target) = self.behind_link(&entry) {
                    self.git_directory(&target, directory, Whose::WorkTree);
                }
            }
            _ => {}
        }
    }

    /// A directory that is a repository itself, without work tree.
    fn bare(&mut self, directory: &Path) {
        let has = |reader: &mut Self, name| reader.kind(&directory.join(name)).is_some();
        if has(self, "HEAD") && has(self, "objects") && has(self, "refs") {
            self.git_directory(directory, directory, Whose::WorkTree);
        }
    }

    fn git_directory(&mut self, directory: &Path, work_tree: &Path, whose: Whose) {
        if self.kind(directory) != Some(FileKind::Directory) {
            return;
        }
        if self.visited.len() >= MOST_REPOSITORIES {
            self.facts.more = true;
            return;
        }
        if !self.visited.insert(directory.to_path_buf()) {
            return;
        }
        self.find_by(directory);
        // `git submodule update` writes the configuration of a submodule each time, even if only
        // what it holds already (submodule--helper.c, ensure_core_worktree()).
        let config = (whose != Whose::Submodule).then_some("config");
        let others = ["config.worktree", "commondir", "gitdir", "info/attributes"];
        for name in config.into_iter().chain(others) {
            self.obey_what_is_at(&directory.join(name), FileKind::Regular);
        }
        self.obey_what_is_at(&directory.join("hooks"), FileKind::Directory);
        self.linked_hooks(&directory.join("hooks"));
        self.follow_config(directory, work_tree);
        self.modules(&directory.join("modules"), 0);
        self.linked_work_trees(&directory.join("worktrees"));
    }

    fn follow_config(&mut self, directory: &Path, work_tree: &Path) {
        let config = GitConfig::parse(&self.content(&directory.join("config")));
        self.facts.more |= config.includes.len() > MOST_INCLUDES;
        for include in config.includes.into_iter().take(MOST_INCLUDES) {
            if let Some(path) = self.below(include.as_bytes(), directory) {
                self.obey_now_or_later(&path, FileKind::Regular);
            }
        }
        let named = config.work_tree.and_then(|it| self.below(it.as_bytes(), directory));
        if let Some(named) = &named {
            self.work_tree(named);
        }
        let run_in = named.as_deref().unwrap_or(work_tree);
        if let Some(hooks) = config.hooks.and_then(|it| self.below(it.as_bytes(), run_in)) {
            self.obey_now_or_later(&hooks, FileKind::Directory);
            self.linked_hooks(&hooks);
        }
    }

    /// The repositories of submodules.
    fn modules(&mut self, directory: &Path, depth: usize) {
        for name in self.names(directory) {
            let path = directory.join(name);
            match self.kind(&path.join("HEAD")) {
                Some(_) => self.git_directory(&path, &path, Whose::Submodule),
                None if depth < DEEPEST_MODULE => self.modules(&path, depth + 1),
                None => self.facts.more = true,
            }
        }
    }

    /// A hook is often a link to a script in the tree.
    fn linked_hooks(&mut self, directory: &Path) {
        if self.kind(directory) != Some(FileKind::Directory) {
            return;
        }
        let mut links = Vec::new();
        let opened = inode::open_directory_below(self.base.as_fd(), directory);
        let Some(fd) = self.found(opened) else { return };
        let listed = inode::each_entry(fd.as_fd(), &mut Room::new(), |name, kind| {
            if kind == Some(FileKind::Symlink) {
                links.push(directory.join(name));
            }
            if links.len() < MOST_LINKS { Flow::GoOn } else { Flow::Stop }
        });
        self.found(listed);
        for link in links {
            self.obey_now_or_later(&link, FileKind::Regular);
        }
    }

    fn linked_work_trees(&mut self, directory: &Path) {
        for name in self.names(directory) {
            let path = directory.join(name);
            self.git_directory(&path, &path, Whose::WorkTree);
            let entry = self.content(&path.join("gitdir"));
            if let Some(entry) = self.below(entry.trim_ascii(), &path)
                && entry.file_name() == Some(OsStr::new(".git"))
                && let Some(work_tree) = entry.parent()
            {
                self.work_tree(work_tree);
            }
        }
    }

    /// Something of that kind, or the same at the end of a link that stays in the tree.
    fn obey_what_is_at(&mut self, path: &Path, kind: FileKind) {
        match self.kind(path) {
            Some(found) if found == kind => self.obey(path),
            Some(FileKind::Symlink) => {
                let target = self.behind_link(path);
                if let Some(target) = target.filter(|it| self.kind(it) == Some(kind)) {
                    self.obey(&target);
                }
            }
            _ => {}
        }
    }

    /// The same of what was named: nobody but its name tells of it where it is made later.
    fn obey_now_or_later(&mut self, path: &Path, kind: FileKind) {
        self.obey_what_is_at(path, kind);
        let end = match self.kind(path) {
            Some(FileKind::Symlink) => {
                let target = file::link_target(self.top.join(path).as_path());
                let above = path.parent().unwrap_or(Path::new(""));
                self.found(target).and_then(|it| self.below(it.as_os_str().as_bytes(), above))
            }
            _ => Some(path.to_path_buf()),
        };
        if let Some(end) = end
            && self.kind(&end).is_none()
        {
            self.facts.awaited.insert(self.top.join(end));
        }
    }

    fn obey(&mut self, path: &Path) {
        if path.as_os_str().is_empty() {
            return;
        }
        if let Some(parent) = path.parent() {
            self.find_by(parent);
        }
        self.facts.obeyed.insert(self.top.join(path));
    }

    fn find_by(&mut self, directory: &Path) {
        let above = directory.ancestors().filter(|it| !it.as_os_str().is_empty());
        self.facts.found_by.extend(above.map(|it| self.top.join(it)));
    }

    /// What is at a path that holds no link but perhaps at its end.
    fn kind(&mut self, path: &Path) -> Option<FileKind> {
        let Some(parent) = path.parent() else { return Some(FileKind::Directory) };
        if let Some(known) = self.kinds.get(path) {
            return *known;
        }
        let kind = match self.kind(parent) {
            Some(FileKind::Directory) => {
                let stamp = inode::stamp_at(self.base.as_fd(), path.as_os_str());
                self.found(stamp).map(|it| it.kind)
            }
            _ => None,
        };
        self.kinds.insert(path.to_path_buf(), kind);
        kind
    }

    fn content(&mut self, path: &Path) -> Vec<u8> {
        if self.kind(path) != Some(FileKind::Regular) {
            return Vec::new();
        }
        let opened = inode::open_regular_below(self.base.as_fd(), path);
        let Some(opened) = self.found(opened).flatten() else { return Vec::new() };
        let content = file::read_all(opened.as_fd(), LARGEST_CONFIG);
        self.found(content).unwrap_or_default()
    }

    fn names(&mut self, directory: &Path) -> Vec<OsString> {
        let mut names = Vec::new();
        if self.names_left == 0 || self.kind(directory) != Some(FileKind::Directory) {
            return names;
        }
        let opened = inode::open_directory_below(self.base.as_fd(), directory);
        let Some(fd) = self.found(opened) else { return names };
        let most = self.names_left;
        let listed = inode::each_entry(fd.as_fd(), &mut Room::new(), |name, _| {
            names.push(name.to_owned());
            if names.len() < most { Flow::GoOn } else { Flow::Stop }
        });
        self.found(listed);
        self.names_left -= names.len();
        self.facts.more |= self.names_left == 0;
        names.sort();
        names
    }

    /// A path as written in a file of git's, relative to the working directory; `None` if it leads
    /// out of it, or is the working directory itself.
    fn below(&self, written: &[u8], base: &Path) -> Option<PathBuf> {
        if written.is_empty() || written.starts_with(b"~") {
            return None;
        }
        let base = self.top.join(base);
        let path = HostPath::resolve(OsStr::from_bytes(written), &base, &base);
        let below = path.as_path().strip_prefix(self.top.as_path()).ok()?;
        (!below.as_os_str().is_empty()).then(|| below.to_path_buf())
    }

    fn behind_link(&mut self, link: &Path) -> Option<PathBuf> {
        let end = file::canonical(self.top.join(link).as_path());
        let end = self.found(end)?;
        self.below(end.as_os_str().as_bytes(), Path::new(""))
    }
}

#[cfg(test)]
mod tests;
