//! What the paths that a run depends on are: directory, file, link, or missing.

use std::collections::BTreeMap;
use std::os::fd::AsFd;

use crate::base::{HostPath, Text};
use crate::sys::Errno;
use crate::sys::file::{self, FileKind};

use super::Needs;

/// One path of the host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PathFact {
    Missing,
    /// A link that leads nowhere, and where it points.
    DanglingLink(Text),
    /// It may be there, but this user may not look.
    Forbidden,
    Directory {
        /// The path with every link followed.
        real: HostPath,
    },
    File {
        real: HostPath,
    },
    /// A socket, FIFO or device.
    Special {
        real: HostPath,
    },
}

impl PathFact {
    #[must_use]
    pub fn real(&self) -> Option<&HostPath> {
        match self {
            Self::Directory { real } | Self::File { real } | Self::Special { real } => Some(real),
            Self::Missing | Self::DanglingLink(_) | Self::Forbidden => None,
        }
    }
}

/// The facts that were read, by path; for a symlink also where it points.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PathFacts {
    facts: BTreeMap<HostPath, PathFact>,
    links: BTreeMap<HostPath, Text>,
}

impl PathFacts {
    pub(super) fn read(needs: &Needs, home: &HostPath, cwd: Option<&HostPath>) -> Self {
        let mut facts = Self::default();
        let root = HostPath::absolute("/");
        for typed in &needs.paths {
            facts.learn(HostPath::resolve(typed.as_os_str(), cwd.unwrap_or(&root), home));
        }
        facts
    }

    /// The fact of a path; one that was never asked for counts as missing.
    #[must_use]
    pub fn of(&self, path: &HostPath) -> &PathFact {
        self.facts.get(path).unwrap_or(&PathFact::Missing)
    }

    /// Where the path points, if it is itself a symbolic link.
    #[must_use]
    pub fn link_target(&self, path: &HostPath) -> Option<&Text> {
        self.links.get(path)
    }

    /// For fixtures: the fact as given.
    pub fn insert(&mut self, path: HostPath, fact: PathFact) {
        self.facts.insert(path, fact);
    }

    /// For fixtures: the link as given.
    pub fn insert_link(&mut self, path: HostPath, target: Text) {
        self.links.insert(path, target);
    }

    fn learn(&mut self, path: HostPath) {
        if self.facts.contains_key(&path) {
            return;
        }
        // Most paths hold no link, and one call tells: then the path is its own real name.
        let fact = match file::open_without_links(path.as_path()) {
            Ok(fd) => match file::status(fd.as_fd()) {
                Ok(status) => fact_of_kind(status.kind, path.clone()),
                Err(_) => PathFact::Missing,
            },
            Err(e) if e.errno == Errno::ELOOP => self.follow(&path),
            Err(e) if e.errno == Errno::EACCES => PathFact::Forbidden,
            Err(_) => PathFact::Missing,
        };
        self.facts.insert(path, fact);
    }

    /// The fact of a path with a link somewhere in it.
    fn follow(&mut self, path: &HostPath) -> PathFact {
        let target = file::link_target(path.as_path()).ok();
        let target = target.map(|target| Text::from(target.into_os_string()));
        if let Some(target) = &target {
            self.links.insert(path.clone(), target.clone());
        }
        let real = match file::canonical(path.as_path()) {
            Ok(real) => HostPath::absolute(real),
            Err(e) if e.errno == Errno::EACCES => return PathFact::Forbidden,
            Err(_) => return target.map_or(PathFact::Missing, PathFact::DanglingLink),
        };
        match file::status_of_path(real.as_path()) {
            Ok(status) => fact_of_kind(status.kind, real),
            Err(_) => PathFact::Missing,
        }
    }
}

fn fact_of_kind(kind: FileKind, real: HostPath) -> PathFact {
    match kind {
        FileKind::Directory => PathFact::Directory { real },
        FileKind::Regular => PathFact::File { real },
        FileKind::Symlink | FileKind::Other => PathFact::Special { real },
    }
}
