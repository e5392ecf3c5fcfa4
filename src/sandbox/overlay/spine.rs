//! A kernel overlay over a directory that has other filesystems mounted below it.
//!
//! The kernel refuses such a directory as a layer in a user namespace: a copy of it without its
//! mounts would show what they cover (`has_locked_children`, fs/namespace.c). So the directories
//! on the way to the mounts, the spine, are copied level by level into memory, files and links
//! and empty places, and that skeleton gets an overlay; on top of it, each other directory of a
//! spine level and each mount gets an overlay of its own.
//!
//! What differs from one overlay: a rename from one of these to another is EXDEV, as between any
//! two mounts, and a directory that is a mount point cannot be removed. FIFOs, sockets and devices
//! of a spine level are left out.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use crate::base::{Context, HostPath, Result};
use crate::plan::Upper;
use crate::sys::entry;
use crate::sys::file::{self, FileKind, Links};
use crate::sys::mount::{self, FsOption, MountAttr, Reach};

use super::kernel::Uppers;
use super::upper::look_like;
use super::{Above, Covering, NO_PRIVILEGE, Overlay, open_lower};

/// Those mounts that are below a directory, as paths below it. One that came since the plan was made
/// is not shown without it: the kernel refuses the directory then (`clone_private_mount`).
pub(super) fn mounts_below(lower: &HostPath, mounts: &[HostPath]) -> BTreeSet<PathBuf> {
    mounts
        .iter()
        .filter_map(|mount| mount.as_path().strip_prefix(lower.as_path()).ok())
        .filter(|path| !path.as_os_str().is_empty())
        .map(Path::to_owned)
        .collect()
}

pub(super) fn overlay(
    uppers: &Uppers<'_>,
    lower: &HostPath,
    submounts: &BTreeSet<PathBuf>,
    upper: Upper,
) -> Result<Overlay> {
    let spine: BTreeSet<&Path> =
        submounts.iter().flat_map(|mount| mount.ancestors().skip(1)).collect();
    let skeleton = Covering::mount(&[FsOption::Text("mode", "700")])?;
    let mut limbs = Limbs { uppers, lower, number: upper.0, named: 0, above: Vec::new() };
    let top = open_lower(lower)?;
    // Sorted, so each level is made before those below it.
    for level in &spine {
        let source = level_of(top.as_fd(), level).context(|| {
            format!(
                "cannot read `{}`, which other filesystems are mounted below",
                lower.join(level)
            )
        })?;
        let copy = level_of(skeleton.0.as_fd(), level)?;
        for name in file::names_in(source.as_fd())? {
            let path = level.join(&name);
            let kind = copy_entry(source.as_fd(), copy.as_fd(), &name)
                .context(|| format!("cannot copy `{}`", lower.join(&path)))?;
            if submounts.contains(&path) && !spine.contains(path.as_path()) {
                limbs.add_mount(path, kind)?;
            } else if kind == FileKind::Directory && !spine.contains(path.as_path()) {
                limbs.add_directory(path)?;
            }
        }
    }
    // Last, since what was put in changed their times.
    for level in &spine {
        let source = level_of(top.as_fd(), level)?;
        look_like(level_of(skeleton.0.as_fd(), level)?.as_fd(), source.as_fd())?;
    }
    let root = uppers.overlay_of(skeleton.0.as_fd(), lower, &upper.0.to_string())?;
    skeleton.detach()?;
    Ok(Overlay { root, above: limbs.above })
}

fn level_of(top: BorrowedFd<'_>, level: &Path) -> Result<OwnedFd> {
    let level = if level.as_os_str().is_empty() { Path::new(".") } else { level };
    let fd = file::open_below(top, level, Links::Refuse)?;
    Ok(entry::open_directory_at(fd.as_fd(), ".".as_ref())?)
}

/// The overlays that hang on the spine.
struct Limbs<'a> {
    uppers: &'a Uppers<'a>,
    lower: &'a HostPath,
    number: usize,
    /// How many have a name so far.
    named: usize,
    above: Vec<Above>,
}

impl Limbs<'_> {
    fn add_directory(&mut self, path: PathBuf) -> Result<()> {
        let name = self.next_name();
        let mount = self.uppers.overlay(&self.lower.join(&path), &name)?;
        self.above.push(Above { path, kind: FileKind::Directory, mount });
        Ok(())
    }

    /// A filesystem that overlayfs does not take, such as proc, or a single file: read-only.
    fn add_mount(&mut self, path: PathBuf, kind: FileKind) -> Result<()> {
        if kind == FileKind::Directory && self.add_directory(path.clone()).is_ok() {
            return Ok(());
        }
        let source = open_lower(&self.lower.join(&path))?;
        let mount = mount::open_tree_clone(source.as_fd())?;
        let attributes = NO_PRIVILEGE.and(MountAttr::RDONLY);
        mount::set_attributes(mount.as_fd(), attributes, Reach::WholeTree)?;
        self.above.push(Above { path, kind, mount });
        Ok(())
    }

    fn next_name(&mut self) -> String {
        self.named += 1;
        format!("{}.{}", self.number, self.named)
    }
}

/// Copies what is at a name: of a directory only its place.
fn copy_entry(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &OsString) -> Result<FileKind> {
    let path = Path::new(name);
    let kind = entry::status_at(from, name)?.kind;
    match kind {
        FileKind::Directory => {
            file::make_directory_at(to, path, 0o700)?;
            let source = file::open_below(from, path, Links::Refuse)?;
            let copy = entry::open_directory_at(to, name)?;
            look_like(copy.as_fd(), source.as_fd())?;
        }
        FileKind::Regular => {
            let source = entry::open_file_at(from, name)?;
            let copy = file::create_below(to, path, 0o600)?;
            copy_content(source.as_fd(), copy.as_fd())?;
            look_like(copy.as_fd(), source.as_fd())?;
        }
        FileKind::Symlink => {
            file::make_symlink_at(to, path, &entry::link_target_at(from, name)?)?;
        }
        FileKind::Other => {}
    }
    Ok(kind)
}

fn copy_content(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<()> {
    let mut buffer = vec![0; 1 << 17];
    loop {
        match file::read(from, &mut buffer)? {
            0 => return Ok(()),
            length => file::write_all(to, &buffer[..length])?,
        }
    }
}
