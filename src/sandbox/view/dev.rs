//! A minimal /dev: the harmless nodes of the host, terminals and shared memory of its own.

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
    pub(super) fn dev(&mut self, at: &BoxPath, nodes: Vec<Tree>) -> Result<()> {
        let attributes = MountAttr::NOSUID.and(MountAttr::NOEXEC);
        let directory = self.private.directory(0o755, attributes, &self.plan.identity)?;
        self.place.attach(&directory, at, Target::Directory)?;
        self.closed_at_the_end.push(directory);
        for (name, node) in NODES.into_iter().zip(nodes) {
            self.place.attach(&node.fd, &at.join(name), node.target)?;
        }
        for (name, target) in LINKS {
            self.place.make_symlink(&at.join(name), &target.into())?;
        }
        self.terminals(&at.join("pts"))?;
        self.private(&at.join("shm"), 0o1777)
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
