//! A /proc of the sandbox's own pid namespace, its risky parts closed.

use std::os::fd::AsFd;
use std::path::Path;

use crate::base::{BoxPath, Context, Result};
use crate::spec::Door;
use crate::sys::file::{self, FileKind, Links};
use crate::sys::mount::{self, MountAttr, Reach};

use super::super::confine::close_user_namespaces;
use super::Construction;
use super::place::Target;

/// Covered with nothing: keys, addresses and timers of the whole machine.
pub(in crate::sandbox) const MASKED: [&str; 11] = [
    "acpi",
    "asound",
    "kallsyms",
    "kcore",
    "key-users",
    "keys",
    "kmsg",
    "latency_stats",
    "sched_debug",
    "scsi",
    "timer_list",
];

/// Made read-only where this user could write: that is when bryo is run by real root, whose uid
/// the kernel's own files belong to.
pub(in crate::sandbox) const CLOSED: [&str; 5] = ["sys", "sysrq-trigger", "irq", "bus", "fs"];

impl Construction<'_> {
    pub(super) fn proc(&mut self, at: &BoxPath) -> Result<()> {
        let attributes = MountAttr::NOSUID.and(MountAttr::NODEV).and(MountAttr::NOEXEC);
        let proc = mount::new_filesystem("proc", &[], attributes)
            .context(|| "cannot mount a fresh /proc".to_owned())?;
        self.place.attach(&proc, at, Target::Directory)?;
        let confinement = &self.plan.confinement;
        if !confinement.opens(Door::NestedUserns) {
            close_user_namespaces(proc.as_fd())
                .context(|| "cannot close nested user namespaces".to_owned())?;
        }
        for name in CLOSED {
            if file::is_writable_at(proc.as_fd(), Path::new(name))? {
                let part = file::open_below(proc.as_fd(), Path::new(name), Links::Refuse)?;
                let tree = mount::open_tree_clone(part.as_fd())?;
                mount::set_attributes(tree.as_fd(), MountAttr::RDONLY, Reach::WholeTree)?;
                mount::attach(tree.as_fd(), part.as_fd())?;
            }
        }
        // A /proc can be mounted in a nested sandbox only where nothing covers a part of this one
        // (`mount_too_revealing` in fs/namespace.c).
        if confinement.opens(Door::Proc) || confinement.opens(Door::NestedUserns) {
            return Ok(());
        }
        for name in MASKED {
            if file::is_readable_at(proc.as_fd(), Path::new(name))? {
                self.mask(proc.as_fd(), Path::new(name))?;
            }
        }
        Ok(())
    }

    fn mask(&mut self, proc: std::os::fd::BorrowedFd<'_>, name: &Path) -> Result<()> {
        let part = file::open_below(proc, name, Links::Refuse)?;
        let cover = match file::status(part.as_fd())?.kind {
            FileKind::Directory => {
                let attributes = super::NO_PRIVILEGE.and(MountAttr::RDONLY);
                self.private.directory(0o555, attributes, &self.plan.identity)?
            }
            _ => {
                let null = file::open_without_links(Path::new("/dev/null"))?;
                let cover = mount::open_tree_clone(null.as_fd())?;
                let attributes = MountAttr::NOSUID.and(MountAttr::NOEXEC).and(MountAttr::RDONLY);
                mount::set_attributes(cover.as_fd(), attributes, Reach::ThisMount)?;
                cover
            }
        };
        Ok(mount::attach(cover.as_fd(), part.as_fd())?)
    }
}
