//! Places in the new root: found by descriptor, never through a symbolic link, and made only where
//! the filesystem is our own, so that a missing mount point never writes to the host.

use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use crate::base::{BoxPath, Context, Error, Result, Text};
use crate::sys::Errno;
use crate::sys::file::{self, FileKind, Links};

/// What is to be mounted there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Target {
    Directory,
    File,
}

pub(super) struct Place {
    root: OwnedFd,
    /// Devices of the filesystems that end with the sandbox.
    own: HashSet<u64>,
}

impl Place {
    pub(super) fn new(root: OwnedFd) -> Self {
        Self { root, own: HashSet::new() }
    }

    pub(super) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// From now on, what is missing in this filesystem may be made.
    pub(super) fn own(&mut self, filesystem: BorrowedFd<'_>) -> Result<()> {
        self.own.insert(file::status(filesystem)?.inode.device);
        Ok(())
    }

    /// What is at a path, links followed inside the root.
    pub(super) fn find(&self, at: &BoxPath) -> Result<OwnedFd> {
        file::open_below(self.root(), at.as_path(), Links::FollowInside)
            .context(|| format!("nothing is at `{at}`"))
    }

    /// The file or directory at a path, made if it is missing.
    pub(super) fn mount_point(&self, at: &BoxPath, target: Target) -> Result<OwnedFd> {
        match self.open(at.as_path())? {
            Some(found) => {
                self.check_kind(&found, at, target)?;
                Ok(found)
            }
            None => {
                let (parent, name) = self.parent_of(at.as_path())?;
                match target {
                    Target::Directory => file::make_directory_at(parent.as_fd(), name, 0o755)?,
                    Target::File => file::make_empty_file_at(parent.as_fd(), name)?,
                }
                let made = file::open_below(parent.as_fd(), name, Links::Refuse)?;
                Ok(made)
            }
        }
    }

    pub(super) fn make_directory(&self, at: &BoxPath, mode: u32) -> Result<()> {
        if self.open(at.as_path())?.is_some() {
            return Ok(());
        }
        let (parent, name) = self.parent_of(at.as_path())?;
        Ok(file::make_directory_at(parent.as_fd(), name, mode)?)
    }

    /// Writes a new file where the filesystem is our own; `false` if something is there already,
    /// or the place is not ours to write to.
    pub(super) fn make_file(&self, at: &BoxPath, content: &[u8], mode: u32) -> Result<bool> {
        if self.open(at.as_path())?.is_some() {
            return Ok(false);
        }
        let (parent, name) = self.parent_of(at.as_path())?;
        let fd = file::create_below(parent.as_fd(), name, mode)?;
        file::write_all(fd.as_fd(), content)?;
        Ok(true)
    }

    pub(super) fn make_symlink(&self, at: &BoxPath, target: &Text) -> Result<()> {
        let (parent, name) = self.parent_of(at.as_path())?;
        let target = Path::new(target.as_os_str());
        match file::make_symlink_at(parent.as_fd(), name, target) {
            Err(e) if e.errno == Errno::EEXIST => {
                // Later wins: what is there is ours, or parent_of had refused.
                file::remove_file_at(parent.as_fd(), name)
                    .context(|| format!("`{at}` is in the way"))?;
                Ok(file::make_symlink_at(parent.as_fd(), name, target)?)
            }
            result => Ok(result?),
        }
    }

    fn open(&self, path: &Path) -> Result<Option<OwnedFd>> {
        match file::open_below(self.root(), path, Links::Refuse) {
            Ok(found) => Ok(Some(found)),
            Err(e) if e.errno == Errno::ENOENT => Ok(None),
            Err(e) if e.errno == Errno::ELOOP => Err(self.through_a_link(path)),
            Err(e) => Err(e.into()),
        }
    }

    /// The directory that holds a path, made with all above it where the filesystem is ours.
    fn parent_of<'p>(&self, path: &'p Path) -> Result<(OwnedFd, &'p Path)> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Error::new("`/` cannot be replaced"));
        };
        let directory = match self.open(parent)? {
            Some(directory) => directory,
            None => {
                let (grandparent, name) = self.parent_of(parent)?;
                file::make_directory_at(grandparent.as_fd(), name, 0o755)?;
                file::open_below(grandparent.as_fd(), name, Links::Refuse)?
            }
        };
        let device = file::status(directory.as_fd())?.inode.device;
        if !self.own.contains(&device) {
            let path = Text::from(path.as_os_str());
            let parent = Text::from(parent.as_os_str());
            return Err(Error::new(format!(
                "`{path}` does not exist, and `{parent}` belongs to the host, where nothing is created"
            ))
            .hint(format!("make it first with `mkdir -p {path}`, or put an overlay or a tmpfs over `{parent}`")));
        }
        Ok((directory, Path::new(name)))
    }

    fn check_kind(&self, found: &OwnedFd, at: &BoxPath, target: Target) -> Result<()> {
        let is_directory = file::status(found.as_fd())?.kind == FileKind::Directory;
        match (target, is_directory) {
            (Target::Directory, false) => {
                Err(Error::new(format!("a directory cannot cover `{at}`, which is a file")))
            }
            (Target::File, true) => {
                Err(Error::new(format!("a file cannot cover `{at}`, which is a directory")))
            }
            (Target::Directory, true) | (Target::File, false) => Ok(()),
        }
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
        let link = Text::from(walked.into_os_string());
        Error::new(format!("`{link}` is a symbolic link, and nothing is mounted through one"))
            .hint("name the place that the link leads to")
    }
}
