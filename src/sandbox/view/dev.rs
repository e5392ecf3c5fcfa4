//! A minimal /dev: the harmless nodes of the host, terminals and shared memory of its own.

use std::os::fd::AsFd;

use crate::base::size::Size;
use crate::base::{BoxPath, Result};
use crate::sys::mount::{self, FsOption, MountAttr};

use super::Construction;
use super::gather::Tree;
use super::place::Target;

pub(super) const NODES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

impl Construction<'_> {
    pub(super) fn dev(&mut self, at: &BoxPath, nodes: Vec<Tree>, shm: Size) -> Result<()> {
        let attributes = MountAttr::NOSUID.and(MountAttr::NOEXEC);
        let options = [FsOption::Text("size", "65536"), FsOption::Text("mode", "755")];
        let tmpfs = mount::new_filesystem("tmpfs", &options, attributes)?;
        self.place.attach(&tmpfs, at, Target::Directory)?;
        self.place.own(tmpfs.as_fd())?;
        self.closed_at_the_end.push(tmpfs);
        for (name, node) in NODES.into_iter().zip(nodes) {
            self.place.attach(&node.fd, &at.join(name), node.target)?;
        }
        for (name, target) in LINKS {
            self.place.make_symlink(&at.join(name), &target.into())?;
        }
        self.terminals(&at.join("pts"))?;
        self.tmpfs(&at.join("shm"), shm.0, 0o1777)
    }

    /// A devpts of its own: a terminal inside cannot be named outside, nor the other way round.
    fn terminals(&mut self, at: &BoxPath) -> Result<()> {
        let options = [FsOption::Text("ptmxmode", "0666"), FsOption::Text("mode", "0620")];
        let attributes = MountAttr::NOSUID.and(MountAttr::NOEXEC);
        let devpts = mount::new_filesystem("devpts", &options, attributes)?;
        self.place.attach(&devpts, at, Target::Directory)?;
        self.devpts = Some(devpts);
        Ok(())
    }
}
