//! fuse-overlayfs, outside of the sandbox's pid namespace: nothing inside can see, trace or kill
//! it, and it dies with the caller.
//!
//! Init opens /dev/fuse and mounts it, since the kernel wants both from one user namespace
//! (`fuse_fill_super`), and goes on at once: whoever looks into the mount waits until the helper
//! answers. The caller gets the descriptor and starts the helper in init's user namespace, where
//! the ids of the sandbox mean what they mean inside, and in a mount namespace of its own.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use crate::base::{Context, Error, HostPath, Result};
use crate::plan::{OverlayDriverPlan, OverlayPlan, Plan, ScratchPlan, Upper};
use crate::sandbox::helper::{Helper, Start};
use crate::sandbox::identity::capability_set;
use crate::sandbox::wire::{Report, Wire};
use crate::sys::capability;
use crate::sys::clone::CloneFlags;
use crate::sys::mount::{self, FsOption, MountAttr, Reach};
use crate::sys::{file, namespace, process};

use super::below::Below;
use super::{Keeping, NO_PRIVILEGE, keeping, lower_of, named, open_lower, upper};

/// Covered in the helper's own mount namespace only. Its layers lie here, under names that need
/// no escaping in an option; what it is made of lies elsewhere.
const STAGE: &str = "/tmp";

/// What making, changing and removing the files of every id of the sandbox takes.
const CAPABILITIES_KEPT: [&str; 7] =
    ["chown", "dac_override", "dac_read_search", "fowner", "fsetid", "mknod", "setfcap"];

/// Inside: the mount, whose requests the helper will answer.
pub(super) fn mount(wire: &Wire, upper: Upper) -> Result<OwnedFd> {
    let device = file::open_path_for_update(Path::new("/dev/fuse"))?;
    let number = device.as_raw_fd().to_string();
    let (uid, gid) = (process::uid().to_string(), process::gid().to_string());
    let options = [
        FsOption::Text("fd", &number),
        FsOption::Text("rootmode", "40000"),
        FsOption::Text("user_id", &uid),
        FsOption::Text("group_id", &gid),
        // For every id of the sandbox, and with the kernel's own permission checks.
        FsOption::Flag("allow_other"),
        FsOption::Flag("default_permissions"),
    ];
    let mount = mount::new_filesystem("fuse", &options, NO_PRIVILEGE)?;
    wire.send_with(&Report::OverlayWaits { upper: upper.0 }, Some(device.as_fd()))?;
    Ok(mount)
}

/// Outside: starts the program that answers.
pub(super) fn start_helper(
    plan: &Plan,
    upper: Upper,
    device: &OwnedFd,
    user_namespace: BorrowedFd<'_>,
    scratch: Option<&HostPath>,
) -> Result<Helper> {
    let (Some(overlay), Some(lower)) = (&plan.view.overlay, lower_of(plan, upper)) else {
        return Err(Error::new(format!("no overlay of this run has the number {}", upper.0)));
    };
    let OverlayDriverPlan::Fuse { program } = &overlay.driver else {
        return Err(Error::new("a helper was called for that the plan does not name"));
    };
    let below = Below::open(overlay)?.over(lower)?.len();
    let upper_name = upper.0.to_string();
    let stage = Stage { overlay, lower, below, number: upper, upper: upper_name, scratch };
    Helper::start(&Start {
        program,
        stdin: None,
        stdout: None,
        arguments: stage.arguments(device.as_fd()),
        descriptors: vec![device.as_fd()],
        before_exec: &|| stage.enter(user_namespace),
    })
}

/// The helper's surroundings.
struct Stage<'a> {
    overlay: &'a OverlayPlan,
    lower: &'a HostPath,
    /// How many layers there are between the two.
    below: usize,
    number: Upper,
    upper: String,
    scratch: Option<&'a HostPath>,
}

impl Stage<'_> {
    fn arguments(&self, device: BorrowedFd<'_>) -> Vec<String> {
        let layer = format!("{STAGE}/scratch/{}", self.upper);
        let mut lowers: Vec<String> =
            (0..self.below).map(|number| format!("{STAGE}/below{number}")).collect();
        lowers.push(format!("{STAGE}/lower"));
        let lowers = lowers.join(":");
        let mut options = format!("lowerdir={lowers},upperdir={layer}/upper,workdir={layer}/work");
        if keeping(self.overlay) == Keeping::ThrownAway {
            options.push_str(",volatile");
        }
        if self.overlay.of_root.contains(&self.number) {
            options.push_str(",squash_to_root");
        }
        // libfuse takes a mount point of this form for a device that is mounted already (3.3.0).
        let mount_point = format!("/dev/fd/{}", device.as_raw_fd());
        vec!["-f".to_owned(), "-o".to_owned(), options, mount_point]
    }

    /// In the helper's process, before it becomes the program.
    fn enter(&self, user_namespace: BorrowedFd<'_>) -> Result<()> {
        namespace::setns(user_namespace, CloneFlags::NEWUSER)
            .context(|| "cannot enter the sandbox's user namespace".to_owned())?;
        namespace::unshare(CloneFlags::NEWNS)?;
        file::set_umask(0);
        self.build().context(|| "cannot lay out the overlay's directories".to_owned())?;
        let kept = capability_set(&CAPABILITIES_KEPT);
        capability::set_capabilities(kept, kept)?;
        Ok(capability::keep_capabilities_across_exec()?)
    }

    fn build(&self) -> Result<()> {
        let source = open_lower(self.lower)?;
        let lower = read_only_clone(source.as_fd())?;
        let scratch = self.scratch.map(clone_directory).transpose()?;
        let below = Below::open(self.overlay)?;
        let below = below.over(self.lower)?.into_iter().map(read_only_clone);
        let below = below.collect::<Result<Vec<_>>>()?;
        let stage = self.memory()?;
        for name in ["lower", "scratch"] {
            file::make_directory_at(stage.as_fd(), named(name), 0o700)?;
        }
        // First: below a mount that is attached nowhere, nothing can be attached before Linux 6.15.
        let place = file::open_without_links(Path::new(STAGE))?;
        mount::attach(stage.as_fd(), place.as_fd())?;
        match scratch {
            Some(scratch) => attach_at(scratch.as_fd(), stage.as_fd(), "scratch")?,
            None => {
                let base = super::directory_below(stage.as_fd(), "scratch")?;
                let name = self.upper.as_str();
                upper::open(base.as_fd(), name, source.as_fd(), self.lower, Keeping::ThrownAway)?;
            }
        }
        for (number, sheet) in below.iter().enumerate() {
            let name = format!("below{number}");
            file::make_directory_at(stage.as_fd(), named(&name), 0o700)?;
            attach_at(sheet.as_fd(), stage.as_fd(), &name)?;
        }
        attach_at(lower.as_fd(), stage.as_fd(), "lower")
    }

    /// Holds the layer itself, if it is to be in memory.
    fn memory(&self) -> Result<OwnedFd> {
        let size = match self.overlay.scratch {
            ScratchPlan::Memory { size } => size.0,
            ScratchPlan::Disk { .. } | ScratchPlan::Kept { .. } => 1 << 16,
        };
        let size = size.to_string();
        let options = [FsOption::Text("size", &size), FsOption::Text("mode", "700")];
        Ok(mount::new_filesystem("tmpfs", &options, NO_PRIVILEGE)?)
    }
}

fn read_only_clone(source: BorrowedFd<'_>) -> Result<OwnedFd> {
    let clone = mount::open_tree_clone(source)?;
    mount::set_attributes(clone.as_fd(), NO_PRIVILEGE.and(MountAttr::RDONLY), Reach::WholeTree)?;
    Ok(clone)
}

fn clone_directory(directory: &HostPath) -> Result<OwnedFd> {
    let source = file::open_without_links(directory.as_path())?;
    Ok(mount::open_tree_clone(source.as_fd())?)
}

fn attach_at(tree: BorrowedFd<'_>, stage: BorrowedFd<'_>, name: &str) -> Result<()> {
    let place = super::directory_below(stage, name)?;
    Ok(mount::attach(tree, place.as_fd())?)
}
