//! What the view is made of, gathered from the host: copies of mount trees and of small files.
//!
//! Nothing of this needs an id, so it is done while the id maps are still being written.

use std::os::fd::{AsFd, OwnedFd};

use crate::base::{Context, HostPath, Result};
use crate::plan::{Layer, Plan, Step};
use crate::spec::Access;
use crate::sys::file::{self, FileKind};
use crate::sys::mount::{self, MountAttr, Reach};

use super::place::Target;
use super::{NO_PRIVILEGE, dev, named};

/// A mount tree of the host, copied and stripped of what it may not do inside; attached nowhere.
pub(super) struct Tree {
    pub(super) fd: OwnedFd,
    pub(super) target: Target,
}

/// What one step was given.
pub(super) enum Material {
    /// The step makes what it needs itself.
    Nothing,
    /// The step need not be taken.
    OutOfSight,
    Tree(Tree),
    /// The device nodes of a /dev, in the order of [`dev::NODES`].
    Nodes(Vec<Tree>),
    Content(Vec<u8>),
}

/// The materials of a plan's steps, one each.
pub(in crate::sandbox) struct Materials(Vec<Material>);

/// A larger file is mounted instead of copied: a mount costs less than a second page.
const COPY_LIMIT: u64 = 4 << 10;

pub(in crate::sandbox) fn gather(plan: &Plan) -> Result<Materials> {
    let steps = &plan.view.steps;
    let material = |(index, step): (usize, &Step)| match is_out_of_sight(step, &steps[index + 1..])
    {
        true => Ok(Material::OutOfSight),
        false => for_step(step).map_err(|e| named(e, step)),
    };
    steps.iter().enumerate().map(material).collect::<Result<_>>().map(Materials)
}

/// A copy of a tree that an overlay is laid over: nobody would ever see it.
fn is_out_of_sight(step: &Step, later: &[Step]) -> bool {
    let is_over =
        |it: &Step| matches!(it.layer, Layer::Overlay { .. }) && step.at.is_within(&it.at);
    matches!(step.layer, Layer::Bind { .. }) && later.iter().any(is_over)
}

impl Materials {
    /// Each step with its material.
    pub(super) fn beside(self, plan: &Plan) -> impl Iterator<Item = (&Step, Material)> {
        plan.view.steps.iter().zip(self.0)
    }
}

fn for_step(step: &Step) -> Result<Material> {
    match &step.layer {
        Layer::Bind { source, access } => bind(source, *access).map(Material::Tree),
        Layer::Device { source } => device(source).map(Material::Tree),
        Layer::Home { source } => bind(source, Access::ReadWrite).map(Material::Tree),
        Layer::Copy { source } => copy(source),
        Layer::Dev => {
            let node = |name: &&str| device(&HostPath::absolute("/dev").join(name));
            dev::NODES.iter().map(node).collect::<Result<_>>().map(Material::Nodes)
        }
        Layer::Overlay { .. }
        | Layer::Tmpfs { .. }
        | Layer::Private { .. }
        | Layer::Directory { .. }
        | Layer::File { .. }
        | Layer::Written { .. }
        | Layer::Symlink { .. }
        | Layer::Hidden
        | Layer::Proc => Ok(Material::Nothing),
    }
}

/// A file or directory of the host with all that is mounted below it.
pub(super) fn bind(source: &HostPath, access: Access) -> Result<Tree> {
    tree(
        source,
        match access {
            Access::ReadOnly => NO_PRIVILEGE.and(MountAttr::RDONLY),
            Access::ReadWrite => NO_PRIVILEGE,
        },
    )
}

/// One node of the host's /dev: the only binds that keep their device nodes.
fn device(source: &HostPath) -> Result<Tree> {
    tree(source, MountAttr::NOSUID.and(MountAttr::NOEXEC))
}

fn tree(source: &HostPath, attributes: MountAttr) -> Result<Tree> {
    let source_fd =
        file::open_without_links(source.as_path()).context(|| format!("cannot open `{source}`"))?;
    let target = match file::status(source_fd.as_fd())?.kind {
        FileKind::Directory => Target::Directory,
        FileKind::Regular | FileKind::Symlink | FileKind::Other => Target::File,
    };
    let fd = mount::open_tree_clone(source_fd.as_fd())?;
    mount::set_attributes(fd.as_fd(), attributes, Reach::WholeTree)?;
    Ok(Tree { fd, target })
}

/// A small file of the host as it is now: a mount would cost more than its content.
fn copy(source: &HostPath) -> Result<Material> {
    let cannot = || format!("cannot read `{source}`");
    let fd = file::open_path_for_reading(source.as_path()).context(cannot)?;
    let size = file::status(fd.as_fd())?.size;
    if size > COPY_LIMIT {
        return bind(source, Access::ReadOnly).map(Material::Tree);
    }
    file::read_all(fd.as_fd(), size as usize).map(Material::Content).context(cannot)
}
