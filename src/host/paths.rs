//! What the paths that a run depends on are: directory, file, link, or missing.

use std::collections::{BTreeMap, HashMap};
use std::os::fd::AsFd;
use std::path::Path;

use crate::base::{Context, HostPath, Result, Text};
use crate::sys::file::{self, FileKind};
use crate::sys::{CallError, Errno};

use super::{Account, Needs};

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
    /// An error where a question stays open: what is taken for missing is not protected.
    pub(super) fn read(
        needs: &Needs,
        account: &Account,
        cwd: Option<&HostPath>,
        own: [HostPath; 2],
    ) -> Result<Self> {
        let mut facts = Self::default();
        let root = HostPath::absolute("/");
        let paths = needs.paths.iter();
        let paths: Vec<HostPath> = paths
            .map(|typed| HostPath::resolve(typed.as_os_str(), cwd.unwrap_or(&root), &account.home))
            .collect();
        // Dozens of the paths are in /etc: one listing answers for most of them.
        let etc = Path::new("/etc");
        if paths.iter().filter(|path| path.as_path().parent() == Some(etc)).count() > 8 {
            facts.learn_directory(etc, &paths)?;
        }
        // These too: what must not be shown must be known by every name it has.
        let homes = [Some(&account.home), account.account_home.as_ref()].into_iter().flatten();
        for path in paths.into_iter().chain(homes.cloned()).chain(own) {
            facts.learn(path)?;
        }
        Ok(facts)
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

    /// Answers for the paths directly in a directory that is no link and holds them as files or
    /// directories; links and the rest are left to be looked at one by one.
    fn learn_directory(&mut self, directory: &Path, paths: &[HostPath]) -> Result<()> {
        let Ok(fd) = file::open_without_links(directory) else { return Ok(()) };
        drop(fd);
        let Ok(entries) = std::fs::read_dir(directory) else { return Ok(()) };
        let mut kinds = HashMap::new();
        for entry in entries {
            let entry = entry.and_then(|entry| Ok((entry.file_name(), entry.file_type()?)));
            let (name, kind) = entry
                .map_err(|e| CallError::of(e, format!("readdir({directory:?})")))
                .context(|| format!("cannot list `{}`", directory.display()))?;
            kinds.insert(name, kind);
        }
        for path in paths.iter().filter(|path| path.as_path().parent() == Some(directory)) {
            let Some(name) = path.as_path().file_name() else { continue };
            let fact = match kinds.get(name) {
                None => PathFact::Missing,
                Some(kind) if kind.is_file() => PathFact::File { real: path.clone() },
                Some(kind) if kind.is_dir() => PathFact::Directory { real: path.clone() },
                Some(_) => continue,
            };
            self.facts.insert(path.clone(), fact);
        }
        Ok(())
    }

    fn learn(&mut self, path: HostPath) -> Result<()> {
        if self.facts.contains_key(&path) {
            return Ok(());
        }
        let fact = self.look_at(&path).context(|| format!("cannot look at `{path}`"))?;
        self.facts.insert(path, fact);
        Ok(())
    }

    fn look_at(&mut self, path: &HostPath) -> Result<PathFact> {
        // Most paths hold no link, and one call tells: then the path is its own real name.
        match file::open_without_links(path.as_path()) {
            Ok(fd) => match file::status(fd.as_fd()) {
                Ok(status) => Ok(fact_of_kind(status.kind, path.clone())),
                Err(e) => fact_of_failure(e),
            },
            Err(e) if e.errno == Errno::ELOOP => self.follow(path),
            Err(e) => fact_of_failure(e),
        }
    }

    /// The fact of a path with a link somewhere in it.
    fn follow(&mut self, path: &HostPath) -> Result<PathFact> {
        let target = match file::link_target(path.as_path()) {
            Ok(target) => Some(Text::from(target.into_os_string())),
            Err(e) => fact_of_failure(e).map(|_| None)?,
        };
        if let Some(target) = &target {
            self.links.insert(path.clone(), target.clone());
        }
        let real = match file::canonical(path.as_path()) {
            Ok(real) => HostPath::absolute(real),
            Err(e) => {
                let fact = fact_of_failure(e)?;
                let leads_nowhere = fact == PathFact::Missing;
                return Ok(match target {
                    Some(target) if leads_nowhere => PathFact::DanglingLink(target),
                    _ => fact,
                });
            }
        };
        match file::status_of_path(real.as_path()) {
            Ok(status) => Ok(fact_of_kind(status.kind, real)),
            Err(e) => fact_of_failure(e),
        }
    }
}

/// What a failed look says of the path, unless it says something of this process alone.
fn fact_of_failure(error: CallError) -> Result<PathFact> {
    match error.errno {
        Errno::EACCES => Ok(PathFact::Forbidden),
        errno if errno.is_of_the_process() => Err(error.into()),
        _ => Ok(PathFact::Missing),
    }
}

fn fact_of_kind(kind: FileKind, real: HostPath) -> PathFact {
    match kind {
        FileKind::Directory => PathFact::Directory { real },
        FileKind::Regular => PathFact::File { real },
        FileKind::Symlink | FileKind::Other => PathFact::Special { real },
    }
}
