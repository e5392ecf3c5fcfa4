//! The sandbox's private filesystem: one tmpfs of which the home, /tmp, /dev/shm and every small
//! cover are parts, so that all of them together are bounded, and that it costs one superblock.
//!
//! It is mounted on /proc of the new root, before /proc itself, which covers it for good: trees
//! are copied only from mounts that are attached (`open_tree(2)` of a detached one needs Linux
//! 6.15), and nothing that is attached elsewhere could be hidden without a call more.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use crate::base::size::Size;
use crate::base::{BoxPath, Context, Result};
use crate::plan::Identity;
use crate::sys::file::{self, Links};
use crate::sys::mount::{self, FsOption, MountAttr, Reach};
use crate::sys::process;

use super::NO_PRIVILEGE;
use super::place::{Place, Target};

pub(super) struct Private {
    root: OwnedFd,
    /// How many parts were made; each is named by its number.
    parts: u32,
}

/// How many files a tmpfs of this size may hold. An empty one takes nothing of the size, but about
/// 1 KiB of the kernel's memory; the kernel itself would allow one for every two pages of the
/// machine (tmpfs(5), `nr_inodes`).
pub(super) fn most_files(size: Size) -> String {
    const LEAST: u64 = 16 << 10;
    (size.0 / (8 * Size::KIB)).max(LEAST).to_string()
}

impl Private {
    pub(super) fn mount(place: &mut Place, size: Size) -> Result<Self> {
        let (size, files) = (size.0.to_string(), most_files(size));
        let options = [
            FsOption::Text("size", &size),
            FsOption::Text("nr_inodes", &files),
            FsOption::Text("mode", "700"),
        ];
        let root = mount::new_filesystem("tmpfs", &options, NO_PRIVILEGE)?;
        place
            .attach(&root, &BoxPath::fixed("/proc"), Target::Directory)
            .context(|| "cannot make `/proc`".to_owned())?;
        place.own(root.as_fd())?;
        Ok(Self { root, parts: 0 })
    }

    /// An empty directory that belongs to the payload, attached nowhere.
    pub(super) fn directory(
        &mut self,
        mode: u32,
        attributes: MountAttr,
        payload: &Identity,
    ) -> Result<OwnedFd> {
        let name = self.next_name();
        file::make_directory_at(self.root.as_fd(), Path::new(&name), mode)?;
        // What init makes is init's, that is the caller's own ids: most payloads have them.
        if (payload.uid, payload.gid) != (process::uid(), process::gid()) {
            file::change_owner_at(self.root.as_fd(), Path::new(&name), payload.uid, payload.gid)?;
        }
        self.part(&name, attributes)
    }

    /// A file with this content that nobody can change, attached nowhere.
    pub(super) fn file(&mut self, content: &[u8], mode: u32) -> Result<OwnedFd> {
        let name = self.next_name();
        let fd = file::create_below(self.root.as_fd(), Path::new(&name), mode)?;
        file::write_all(fd.as_fd(), content)?;
        self.part(&name, NO_PRIVILEGE.and(MountAttr::NOEXEC).and(MountAttr::RDONLY))
    }

    fn next_name(&mut self) -> String {
        self.parts += 1;
        self.parts.to_string()
    }

    fn part(&self, name: &str, attributes: MountAttr) -> Result<OwnedFd> {
        let fd = file::open_below(self.root.as_fd(), Path::new(name), Links::Refuse)?;
        let tree = mount::open_tree_clone(fd.as_fd())?;
        mount::set_attributes(tree.as_fd(), attributes, Reach::ThisMount)?;
        Ok(tree)
    }
}
