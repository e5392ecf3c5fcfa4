//! Places in the new root: found by descriptor, never through a symbolic link, and made only where
//! the filesystem is our own, so that a missing mount point never writes to the host.

use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use crate::base::{BoxPath, Context, Error, Result, Text};
use crate::sys::Errno;
use crate::sys::file::{self, FileKind, Links};
use crate::sys::mount;

use super::shown::{Shown, What};

/// What is to be mounted there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Target {
    Directory,
    File,
}

/// Whose the filesystem of a directory is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Owner {
    /// The sandbox's: it ends with it, and may be written to.
    Sandbox,
    /// The sandbox's home on the host, which lasts: directories are made in it, files are not.
    LastingHome,
    Host,
}

/// What is at the end of a path, links followed inside the root.
pub(super) enum Ending {
    /// Nothing, where a file can be made: the path behind all links.
    Nothing(BoxPath),
    File(OwnedFd),
    /// Nothing, where nothing can be made; or what is no file.
    NoPlace,
}

#[derive(Debug)]
struct Directory {
    path: PathBuf,
    fd: OwnedFd,
    owner: Owner,
}

pub(super) struct Place {
    root: OwnedFd,
    /// Devices of the filesystems that end with the sandbox.
    own: HashSet<u64>,
    /// What of the host is shown where, in the order in which it came.
    shown: Vec<Shown>,
    /// The parent directory of the last place: steps come in groups, and a walk costs.
    last_parent: Option<Directory>,
}

impl Place {
    pub(super) fn new(root: OwnedFd) -> Self {
        Self { root, own: HashSet::new(), shown: Vec::new(), last_parent: None }
    }

    pub(super) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// From now on, what is missing in this filesystem may be made.
    pub(super) fn own(&mut self, filesystem: BorrowedFd<'_>) -> Result<()> {
        self.own.insert(file::status(filesystem)?.inode.device);
        Ok(())
    }

    /// From now on, this is what covers that place.
    pub(super) fn note(&mut self, shown: Shown) {
        self.shown.push(shown);
    }

    /// What is at a path, links followed inside the root.
    pub(super) fn find(&self, at: &BoxPath) -> Result<OwnedFd> {
        file::open_below(self.root(), at.as_path(), Links::FollowInside)
            .context(|| format!("nothing is at `{at}`"))
    }

    /// Mounts a tree at a path, which is made if it is missing.
    pub(super) fn attach(&mut self, tree: &OwnedFd, at: &BoxPath, target: Target) -> Result<()> {
        let mount_point = self.mount_point(at, target)?;
        mount::attach(tree.as_fd(), mount_point.as_fd())?;
        // What was opened below this place is below the mount now, out of sight.
        if self.last_parent.as_ref().is_some_and(|last| last.path.starts_with(at.as_path())) {
            self.last_parent = None;
        }
        Ok(())
    }

    /// Mounts a tree over what was opened.
    pub(super) fn cover(&mut self, tree: &OwnedFd, covered: BorrowedFd<'_>) -> Result<()> {
        self.last_parent = None;
        Ok(mount::attach(tree.as_fd(), covered)?)
    }

    fn mount_point(&mut self, at: &BoxPath, target: Target) -> Result<OwnedFd> {
        let (path, parent, name) = self.parent_of(at)?;
        let made = match (parent.owner, target) {
            (Owner::Host, _) | (Owner::LastingHome, Target::File) => None,
            (Owner::Sandbox | Owner::LastingHome, Target::Directory) => {
                Some(file::make_directory_at(parent.fd.as_fd(), name, 0o755))
            }
            (Owner::Sandbox, Target::File) => {
                Some(file::make_empty_file_at(parent.fd.as_fd(), name))
            }
        };
        match file::open_below(parent.fd.as_fd(), name, Links::Refuse) {
            Ok(found) if made.as_ref().is_some_and(|made| made.is_ok()) => Ok(found),
            Ok(found) => check_kind(found, at, target),
            // Nothing is there, and this is why.
            Err(e) if e.errno == Errno::ENOENT => match made {
                Some(Err(why)) if why.errno != Errno::EEXIST => Err(why.into()),
                _ => Err(self.missing(path, target)),
            },
            Err(e) if e.errno == Errno::ELOOP => Err(link_in_the_way(path)),
            Err(e) => Err(e.into()),
        }
    }

    pub(super) fn make_directory(&mut self, at: &BoxPath, mode: u32) -> Result<()> {
        let (path, parent, name) = self.parent_of(at)?;
        if parent.owner == Owner::Host {
            return file::open_below(parent.fd.as_fd(), name, Links::Refuse)
                .map(drop)
                .map_err(|_| self.missing(path, Target::Directory));
        }
        match file::make_directory_at(parent.fd.as_fd(), name, mode) {
            Err(e) if e.errno == Errno::EEXIST => Ok(()),
            result => Ok(result?),
        }
    }

    /// Writes a new file where the filesystem is our own; `false` if something is there already.
    pub(super) fn make_file(&mut self, at: &BoxPath, content: &[u8], mode: u32) -> Result<bool> {
        let (path, parent, name) = self.parent_of(at)?;
        if parent.owner != Owner::Sandbox {
            return match file::open_below(parent.fd.as_fd(), name, Links::Refuse) {
                Ok(_) => Ok(false),
                Err(e) if e.errno == Errno::ELOOP => Err(link_in_the_way(path)),
                Err(_) => Err(self.missing(path, Target::File)),
            };
        }
        match file::create_below(parent.fd.as_fd(), name, mode) {
            Ok(fd) => {
                file::write_all(fd.as_fd(), content)?;
                Ok(true)
            }
            Err(e) if e.errno == Errno::EEXIST => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    pub(super) fn make_symlink(&mut self, at: &BoxPath, target: &Text) -> Result<()> {
        let (_, parent, name) = self.parent_of(at)?;
        if parent.owner != Owner::Sandbox {
            let parent = Text::from(parent.path.as_os_str());
            let why = format!("`{parent}` is the host's, where nothing is created");
            return Err(Error::new(why)
                .hint(format!("cover `{parent}` with `--overlay` or `--tmpfs` first")));
        }
        let (parent, target) = (parent.fd.as_fd(), Path::new(target.as_os_str()));
        match file::make_symlink_at(parent, name, target) {
            Err(e) if e.errno == Errno::EEXIST => {
                // Later wins; a directory or a mount stays, and says so.
                file::remove_file_at(parent, name).context(|| format!("`{at}` is in the way"))?;
                Ok(file::make_symlink_at(parent, name, target)?)
            }
            result => Ok(result?),
        }
    }

    /// The directory that holds a path, and the name in it.
    fn parent_of<'p>(&mut self, at: &'p BoxPath) -> Result<(&'p Path, &Directory, &'p Path)> {
        let path = at.as_path();
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Error::new("`/` cannot be replaced"));
        };
        let last = match self.last_parent.take().filter(|last| last.path == parent) {
            Some(last) => last,
            None => self.directory(parent)?,
        };
        Ok((path, self.last_parent.insert(last), Path::new(name)))
    }

    /// A directory, made with all above it where the filesystem is our own.
    fn directory(&self, path: &Path) -> Result<Directory> {
        let fd = match file::open_below(self.root(), path, Links::Refuse) {
            Ok(fd) => fd,
            Err(e) if e.errno == Errno::ENOENT => {
                let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
                    return Err(e.into());
                };
                let parent = self.directory(parent)?;
                if parent.owner == Owner::Host {
                    return Err(self.missing(path, Target::Directory));
                }
                let name = Path::new(name);
                file::make_directory_at(parent.fd.as_fd(), name, 0o755)?;
                file::open_below(parent.fd.as_fd(), name, Links::Refuse)?
            }
            Err(e) if e.errno == Errno::ELOOP => return Err(self.through_a_link(path)),
            Err(e) => return Err(e.into()),
        };
        let device = file::status(fd.as_fd())?.inode.device;
        let owner = if self.own.contains(&device) {
            Owner::Sandbox
        } else if self.shown_at(path).is_some_and(|shown| shown.what == What::LastingHome) {
            Owner::LastingHome
        } else {
            Owner::Host
        };
        Ok(Directory { path: path.to_path_buf(), fd, owner })
    }

    /// Where a file is made or mounted when links stand in its way. Each link is read from a
    /// directory that was reached without one, so what it leads to is known for certain.
    pub(super) fn at_the_end_of_links(&mut self, at: &BoxPath) -> Result<Ending> {
        let mut at = at.clone();
        for _ in 0..MOST_LINKS {
            match file::open_below(self.root(), at.as_path(), Links::FollowInside) {
                Ok(found) => return ending_at(found),
                Err(e) if e.errno == Errno::ENOENT => {}
                Err(e) if e.errno == Errno::ELOOP => return Ok(Ending::NoPlace),
                Err(e) => return Err(e.into()),
            }
            let Ok((_, parent, name)) = self.parent_of(&at) else { return Ok(Ending::NoPlace) };
            match file::link_target_at(parent.fd.as_fd(), name) {
                Ok(target) => match BoxPath::parse(parent.path.join(target).as_os_str()) {
                    Some(next) => at = next,
                    None => return Ok(Ending::NoPlace),
                },
                Err(e) if e.errno == Errno::ENOENT && parent.owner == Owner::Sandbox => {
                    return Ok(Ending::Nothing(at));
                }
                Err(_) => return Ok(Ending::NoPlace),
            }
        }
        Ok(Ending::NoPlace)
    }

    fn shown_at(&self, path: &Path) -> Option<&Shown> {
        self.shown.iter().rev().find(|shown| path.starts_with(&shown.at))
    }

    /// A mount point that does not exist, where it is not bryo's to make it.
    fn missing(&self, path: &Path, target: Target) -> Error {
        let parent = Text::from(path.parent().unwrap_or(path).as_os_str());
        let error = Error::new(format!(
            "`{}` does not exist, and `{parent}` is the host's, where nothing is created",
            Text::from(path.as_os_str())
        ));
        let cover = format!("cover `{parent}` with `--overlay` or `--tmpfs`");
        let Some(shown) = self.shown_at(path) else { return error.hint(cover) };
        let make = match target {
            Target::Directory => "mkdir -p",
            Target::File => "touch",
        };
        let below = path.strip_prefix(&shown.at).unwrap_or(path);
        let otherwise = match shown.what {
            What::Root => {
                "leave `:ro` or `:rw` away to have it made in a throw-away overlay".to_owned()
            }
            What::Tree | What::LastingHome => cover,
        };
        error.hint(format!(
            "make it first with `{make} {}`, or {otherwise}",
            shown.source.join(below)
        ))
    }

    /// Names the link: the first part of the path that cannot be walked without following one.
    fn through_a_link(&self, path: &Path) -> Error {
        let mut walked = PathBuf::new();
        for part in path.components() {
            walked.push(part);
            let opened = file::open_below(self.root(), &walked, Links::Refuse);
            if opened.is_err_and(|e| e.errno == Errno::ELOOP) {
                break;
            }
        }
        link_in_the_way(&walked)
    }
}

/// The kernel's own bound on the links of one path (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// `PROC_SUPER_MAGIC` of statfs(2): its files are the kernel's, whatever they look like.
const PROC: i64 = 0x9fa0;

fn ending_at(found: OwnedFd) -> Result<Ending> {
    let is_file = file::status(found.as_fd())?.kind == FileKind::Regular;
    let is_the_kernels = file::filesystem_magic(found.as_fd())? == PROC;
    Ok(if is_file && !is_the_kernels { Ending::File(found) } else { Ending::NoPlace })
}

fn check_kind(found: OwnedFd, at: &BoxPath, target: Target) -> Result<OwnedFd> {
    let kind = file::status(found.as_fd())?.kind;
    match (target, kind) {
        (Target::Directory, FileKind::Directory) => Ok(found),
        (Target::Directory, _) => {
            Err(Error::new(format!("a directory cannot cover `{at}`, which is a file")))
        }
        (Target::File, FileKind::Directory) => {
            Err(Error::new(format!("a file cannot cover `{at}`, which is a directory")))
        }
        (Target::File, _) => Ok(found),
    }
}

fn link_in_the_way(path: &Path) -> Error {
    let link = Text::from(path.as_os_str());
    Error::new(format!("`{link}` is a symbolic link, and nothing is mounted through one"))
        .hint("name the place that the link leads to, or put a directory in its place")
}
