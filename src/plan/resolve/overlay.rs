//! Which overlay driver, and where its uppers are.

use crate::base::size::Size;
use crate::base::{Error, HostPath, Result};
use crate::host::{Host, PathFact};
use crate::plan::view::{OverlayDriverPlan, OverlayPlan, ScratchPlan};
use crate::plan::{Rung, Upper};
use crate::spec::{OverlayDriver, Spec};

use super::{Remarks, refused};

/// Hands out a number for each upper, in the order the overlays are made.
#[derive(Default)]
pub(super) struct Uppers {
    lowers: Vec<HostPath>,
}

impl Uppers {
    pub(super) fn next(&mut self, lower: &HostPath) -> Upper {
        self.lowers.push(lower.clone());
        Upper(self.lowers.len() - 1)
    }
}

pub(super) fn decide(
    spec: &Spec,
    host: &Host,
    uppers: &Uppers,
    remarks: &mut Remarks,
) -> Result<Option<OverlayPlan>> {
    if uppers.lowers.is_empty() {
        return match &spec.overlay_dir {
            Some(dir) => Err(refused(dir, "nothing in this sandbox is an overlay")
                .hint("add `--overlay PATH`, or `--rootfs DIR`")),
            None => Ok(None),
        };
    }
    let driver = driver(spec, host, uppers, remarks)?;
    let scratch = scratch(spec, host)?;
    Ok(Some(OverlayPlan { driver, scratch }))
}

fn driver(
    spec: &Spec,
    host: &Host,
    uppers: &Uppers,
    remarks: &mut Remarks,
) -> Result<OverlayDriverPlan> {
    let asked = spec.overlay_driver.as_ref();
    let no_kernel = host.overlay.kernel.clone();
    let fuse = fuse(host);
    let cannot = |why: String| {
        let clause = asked.map_or_else(
            || "cannot make an overlay".to_owned(),
            |asked| format!("cannot use `{}`", asked.origin),
        );
        Error::new(why).within(clause).hint("`bryo doctor` tells what each driver lacks here")
    };
    let (plan, took, why) = match asked.map_or(OverlayDriver::Auto, |d| d.value) {
        OverlayDriver::Kernel => match no_kernel {
            Some(why) => return Err(cannot(why)),
            None => (OverlayDriverPlan::Kernel, "kernel", "asked for".to_owned()),
        },
        OverlayDriver::Fuse => (fuse.map_err(cannot)?, "fuse", "asked for".to_owned()),
        OverlayDriver::Auto => match (no_kernel, mounts_below(host, uppers), fuse) {
            (None, None, _) => (OverlayDriverPlan::Kernel, "kernel", "it works here".to_owned()),
            (None, Some(_), Err(_)) => {
                (OverlayDriverPlan::Kernel, "kernel", "fuse-overlayfs cannot be used".to_owned())
            }
            (None, Some(mount), Ok(fuse)) => {
                (fuse, "fuse", format!("`{mount}` is a mount of its own below an overlaid tree"))
            }
            (Some(why), _, Ok(fuse)) => (fuse, "fuse", why),
            (Some(kernel), _, Err(fuse)) => return Err(cannot(format!("{kernel}, and {fuse}"))),
        },
    };
    remarks.rungs.push(Rung { need: "overlay", took: took.to_owned(), why });
    Ok(plan)
}

fn fuse(host: &Host) -> std::result::Result<OverlayDriverPlan, String> {
    match (&host.programs.fuse_overlayfs, &host.overlay.fuse_device) {
        (None, _) => Err("fuse-overlayfs is not installed".to_owned()),
        (Some(_), Some(why)) => Err(why.clone()),
        (Some(program), None) => Ok(OverlayDriverPlan::Fuse { program: program.path.clone() }),
    }
}

/// A mount below an overlaid tree: the kernel does not take such a tree as a lower layer in a
/// user namespace, where mounts are locked to what covers them (mount_namespaces(7)).
fn mounts_below<'a>(host: &'a Host, uppers: &Uppers) -> Option<&'a HostPath> {
    host.mounts
        .iter()
        .map(|mount| &mount.path)
        .find(|path| uppers.lowers.iter().any(|lower| path.is_within(lower) && *path != lower))
}

fn scratch(spec: &Spec, host: &Host) -> Result<ScratchPlan> {
    if let Some(dir) = &spec.overlay_dir {
        let root = HostPath::absolute("/");
        let base = host.cwd.as_ref().unwrap_or(&root);
        let path = HostPath::resolve(dir.value.as_os_str(), base, &host.account.home);
        return match host.paths.of(&path) {
            PathFact::Directory { real } => Ok(ScratchPlan::Kept { directory: real.clone() }),
            PathFact::Missing => Ok(ScratchPlan::Kept { directory: path }),
            _ => Err(refused(dir, format!("`{path}` is not a directory"))),
        };
    }
    if host.kernel.tmpfs_has_user_xattrs {
        // Half of the memory, as the kernel's own default for a tmpfs.
        return Ok(ScratchPlan::Memory { size: Size(host.kernel.memory / 2) });
    }
    Ok(ScratchPlan::Disk { parent: host.account.home.join(".local/share/bryo/scratch") })
}
