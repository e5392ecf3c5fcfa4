//! Overlays: a directory of the host below a writable layer, so that it is never changed.
//!
//! Two drivers make them, and each file of a driver holds both its halves: the kernel's own
//! overlayfs, mounted by init in its user namespace, and the program fuse-overlayfs, which works
//! outside of the sandbox. Where what is written goes is [`scratch`]'s; that it leaves nothing is
//! [`cleaner`]'s. Nothing here ever writes to a lower directory.

mod below;
mod cleaner;
mod fuse;
mod kernel;
mod lock;
mod outside;
mod removal;
mod scratch;
mod spare;
mod spine;
mod to_disk;
mod unsynced;
mod upper;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use crate::base::{Context, Error, HostPath, Result};
use crate::plan::{OverlayDriverPlan, OverlayPlan, Plan, ScratchPlan, Upper};
use crate::sys::file::{self, FileKind};
use crate::sys::mount::{self, FsOption, MountAttr};

use super::wire::Wire;

use below::Below;

pub use lock::{Lock, Locked};
pub(super) use outside::{Outside, let_helpers_in};
pub(super) use removal::remove as remove_tree;
pub(super) use scratch::Scratch;
pub use spare::renew;
pub use unsynced::check_is_whole;

const NO_PRIVILEGE: MountAttr = MountAttr::NOSUID.and(MountAttr::NODEV);

/// What becomes of an upper layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Keeping {
    ThrownAway,
    Kept,
}

/// An overlay, mounted nowhere yet.
pub(super) struct Overlay {
    pub(super) root: OwnedFd,
    /// What goes on top of it, in this order, each at its path below the root.
    pub(super) above: Vec<Above>,
}

pub(super) struct Above {
    pub(super) path: PathBuf,
    pub(super) kind: FileKind,
    pub(super) mount: OwnedFd,
}

/// Init's half: makes overlays while the host's tree is still visible.
pub(super) struct Overlays<'a> {
    plan: Option<&'a OverlayPlan>,
    /// The directory on disk that holds the uppers, if they are not in memory.
    base: Option<OwnedFd>,
    /// Kept layers that the kernel's driver lays between.
    below: Below,
    wire: &'a Wire,
}

impl<'a> Overlays<'a> {
    pub(super) fn open(plan: &'a Plan, scratch: Option<&Scratch>, wire: &'a Wire) -> Result<Self> {
        let base = scratch.map(Scratch::open_inside).transpose()?;
        let plan = plan.view.overlay.as_ref();
        let below = match plan {
            Some(plan) if plan.driver == OverlayDriverPlan::Kernel => Below::open(plan)?,
            Some(_) | None => Below::default(),
        };
        Ok(Self { plan, base, below, wire })
    }

    /// Puts a directory of the host below the writable layer of that number.
    pub(super) fn make(&self, lower: &HostPath, upper: Upper) -> Result<Overlay> {
        let plan = self.plan.ok_or_else(|| Error::new("the plan names no overlay driver"))?;
        match &plan.driver {
            OverlayDriverPlan::Kernel => self.kernel_overlay(plan, lower, upper),
            OverlayDriverPlan::Fuse { .. } => {
                if let Some(base) = &self.base {
                    let source = open_lower(lower)?;
                    let name = upper.0.to_string();
                    upper::open(base.as_fd(), &name, source.as_fd(), lower, keeping(plan))?;
                    if plan.of_root.contains(&upper) {
                        upper::note_all_root(base.as_fd(), &name)?;
                    }
                }
                Ok(Overlay { root: fuse::mount(self.wire, upper)?, above: Vec::new() })
            }
        }
        .context(|| format!("cannot put an overlay over `{lower}`"))
    }

    fn kernel_overlay(
        &self,
        plan: &OverlayPlan,
        lower: &HostPath,
        upper: Upper,
    ) -> Result<Overlay> {
        let in_memory = memory(plan)?;
        let base = in_memory.as_ref().map(|tmpfs| &tmpfs.0).or(self.base.as_ref());
        let base = base.ok_or_else(|| Error::new("there is no place for what is written"))?;
        let uppers =
            kernel::Uppers { base: base.as_fd(), keeping: keeping(plan), below: &self.below };
        let submounts = spine::mounts_below(lower, &plan.submounts);
        let overlay = if submounts.is_empty() {
            let root = uppers.overlay(lower, &upper.0.to_string())?;
            Overlay { root, above: Vec::new() }
        } else {
            spine::overlay(&uppers, lower, &submounts, upper)?
        };
        in_memory.map_or(Ok(()), Covering::detach)?;
        self.below.expect_all_shown_within(lower)?;
        Ok(overlay)
    }
}

fn keeping(plan: &OverlayPlan) -> Keeping {
    match plan.scratch {
        ScratchPlan::Memory { .. } | ScratchPlan::Disk { .. } => Keeping::ThrownAway,
        ScratchPlan::Kept { .. } => Keeping::Kept,
    }
}

/// A tmpfs mounted over everything else for the moment in which overlays are made of it, since
/// overlayfs takes no layer from a detached mount before Linux 6.15 (`clone_private_mount`). The
/// overlays keep it alive; path walks begin below it, at the old root, and do not see it.
///
/// It must be gone before the view is entered: what lies on the old root would be taken for the
/// old root then, and that one would stay.
struct Covering(OwnedFd);

impl Covering {
    fn mount(options: &[FsOption<'_>]) -> Result<Self> {
        let tmpfs = mount::new_filesystem("tmpfs", options, NO_PRIVILEGE)?;
        let root = file::open_without_links(Path::new("/"))?;
        mount::attach(tmpfs.as_fd(), root.as_fd())?;
        Ok(Self(tmpfs))
    }

    fn detach(self) -> Result<()> {
        Ok(mount::detach(self.0.as_fd())?)
    }
}

/// What is written, in memory, for the kernel driver. A helper of the FUSE driver makes its own.
fn memory(plan: &OverlayPlan) -> Result<Option<Covering>> {
    let ScratchPlan::Memory { size } = &plan.scratch else { return Ok(None) };
    let size = size.0.to_string();
    Covering::mount(&[FsOption::Text("size", &size), FsOption::Text("mode", "700")]).map(Some)
}

fn open_lower(lower: &HostPath) -> Result<OwnedFd> {
    file::open_without_links(lower.as_path()).context(|| format!("cannot open `{lower}`"))
}

/// The lower directory of an upper, by its number.
fn lower_of(plan: &Plan, upper: Upper) -> Option<&HostPath> {
    let of_root = match &plan.view.root {
        crate::plan::Root::OverlaidTree { directory, upper } => Some((directory, *upper)),
        _ => None,
    };
    let of_steps = plan.view.steps.iter().filter_map(|step| match &step.layer {
        crate::plan::Layer::Overlay { lower, upper } => Some((lower, *upper)),
        _ => None,
    });
    of_root.into_iter().chain(of_steps).find(|(_, number)| *number == upper).map(|(lower, _)| lower)
}

/// A name in a directory, as the calls below a directory take it.
fn named(name: &str) -> &Path {
    Path::new(name)
}

fn directory_below(base: BorrowedFd<'_>, name: &str) -> Result<OwnedFd> {
    Ok(crate::sys::entry::open_directory_at(base, name.as_ref())?)
}
