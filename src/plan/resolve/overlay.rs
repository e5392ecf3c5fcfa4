//! Which overlay driver, and where its uppers are.

use crate::base::size::Size;
use crate::base::wording::all_of;
use crate::base::{Error, HostPath, Result};
use crate::host::{Host, PathFact};
use crate::plan::view::{OverlayDriverPlan, OverlayPlan, ScratchPlan};
use crate::plan::{Rung, Upper};
use crate::spec::{Origin, OverlayDriver, Spec};

use super::{Remarks, refused, stack};

/// Hands out a number for each upper, in the order the overlays are made.
#[derive(Default)]
pub(super) struct Uppers {
    lowers: Vec<HostPath>,
    /// Those over files of root, which are to be the payload's.
    of_root: Vec<Upper>,
}

impl Uppers {
    pub(super) fn next(&mut self, lower: &HostPath) -> Upper {
        self.lowers.push(lower.clone());
        Upper(self.lowers.len() - 1)
    }

    /// The same for a directory whose files are all root's.
    pub(super) fn next_of_root(&mut self, lower: &HostPath) -> Upper {
        let upper = self.next(lower);
        self.of_root.push(upper);
        upper
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
    check_lowers(spec, host, uppers)?;
    let below = stack::decide(spec, host, &uppers.lowers)?;
    let driver = driver(spec, host, uppers, remarks)?;
    let scratch = scratch(spec, host, remarks)?;
    let submounts = match driver {
        OverlayDriverPlan::Kernel => mounts_below(host, uppers).cloned().collect(),
        OverlayDriverPlan::Fuse { .. } => Vec::new(),
    };
    let of_root = uppers.of_root.clone();
    Ok(Some(OverlayPlan { driver, scratch, submounts, below, of_root }))
}

fn driver(
    spec: &Spec,
    host: &Host,
    uppers: &Uppers,
    remarks: &mut Remarks,
) -> Result<OverlayDriverPlan> {
    let asked = spec.overlay_driver.as_ref();
    let no_kernel = host.overlay.kernel.clone().or_else(|| no_kernel_for_system(host, uppers));
    let fuse = fuse(host);
    let cannot = |why: String| {
        let clause = asked.map_or_else(
            || "cannot make an overlay".to_owned(),
            |asked| format!("cannot use `{}`", asked.origin),
        );
        Error::new(why).within(clause).hint("`bryo doctor` tells what each driver lacks here")
    };
    let stacked = stack::driver(spec, host)?;
    let remembered = remembered(spec, host)?.or(stacked);
    let said_by = if remembered.is_some() { "it wrote the kept layers" } else { "asked for" };
    let (plan, took, why) = match wanted(spec, remembered)? {
        OverlayDriver::Kernel => match no_kernel {
            Some(why) => return Err(cannot(why)),
            None => (OverlayDriverPlan::Kernel, "kernel", said_by.to_owned()),
        },
        OverlayDriver::Fuse => (fuse.map_err(cannot)?, "fuse", said_by.to_owned()),
        OverlayDriver::Auto => match (no_kernel, mounts_below(host, uppers).next(), fuse) {
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

/// The kernel leaves a file of an id that is not mapped as it is, and the directory that holds it
/// too (EOVERFLOW, EPERM); a program can show them as root's.
fn no_kernel_for_system(host: &Host, uppers: &Uppers) -> Option<String> {
    if uppers.of_root.is_empty() || host.is_real_root() {
        return None;
    }
    let of_root = uppers.of_root.iter().filter_map(|upper| uppers.lowers.get(upper.0));
    let of_root: Vec<String> = of_root.map(ToString::to_string).collect();
    Some(format!(
        "the files in {} are root's, and the kernel's overlayfs cannot give them to the command",
        all_of(&of_root)
    ))
}

/// The driver that wrote what is kept: the two do not read each other's notes, and files that were
/// deleted would come back.
fn remembered(spec: &Spec, host: &Host) -> Result<Option<OverlayDriver>> {
    match (&spec.overlay_dir, &host.kept) {
        (Some(dir), Some(kept)) => match kept.driver.as_bytes() {
            b"kernel" => Ok(Some(OverlayDriver::Kernel)),
            b"fuse" => Ok(Some(OverlayDriver::Fuse)),
            _ => Err(refused(dir, format!("`{}` in it is no overlay driver", kept.driver))),
        },
        _ => Ok(None),
    }
}

fn wanted(spec: &Spec, remembered: Option<OverlayDriver>) -> Result<OverlayDriver> {
    let Some(asked) = &spec.overlay_driver else {
        return Ok(remembered.unwrap_or(OverlayDriver::Auto));
    };
    match remembered {
        Some(remembered) if asked.value != OverlayDriver::Auto && asked.value != remembered => {
            let word = match remembered {
                OverlayDriver::Fuse => "fuse",
                OverlayDriver::Kernel | OverlayDriver::Auto => "kernel",
            };
            let other = match spec.overlay_below {
                Some(_) => "",
                None => ", or another `--overlay-dir`",
            };
            Err(refused(asked, format!("the kept layers were written by the {word} driver"))
                .hint(format!("use `--overlay-driver {word}`{other}")))
        }
        Some(remembered) => Ok(remembered),
        None => Ok(asked.value),
    }
}

/// Each kept layer lies over the directory it was made for, and no other.
fn check_lowers(spec: &Spec, host: &Host, uppers: &Uppers) -> Result<()> {
    let (Some(dir), Some(kept)) = (&spec.overlay_dir, &host.kept) else { return Ok(()) };
    for (number, lower) in uppers.lowers.iter().enumerate() {
        match kept.lowers.get(&number) {
            Some(before) if before != lower => {
                let hint = match dir.origin {
                    Origin::Flag("on") => {
                        "go on from the same directory, with the same `--home`, `--system` and `--overlay`"
                    }
                    _ => "keep this one in another directory",
                };
                return Err(refused(
                    dir,
                    format!("its layer {number} was made over `{before}`, not over `{lower}`"),
                )
                .hint(hint));
            }
            _ => {}
        }
    }
    Ok(())
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
fn mounts_below<'a>(host: &'a Host, uppers: &Uppers) -> impl Iterator<Item = &'a HostPath> {
    host.mounts
        .iter()
        .map(|mount| &mount.path)
        .filter(|path| uppers.lowers.iter().any(|lower| path.is_within(lower) && *path != lower))
}

fn scratch(spec: &Spec, host: &Host, remarks: &mut Remarks) -> Result<ScratchPlan> {
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
    if let Some(parent) = host.variable("BRYO_SCRATCH").filter(|dir| !dir.as_bytes().is_empty()) {
        let root = HostPath::absolute("/");
        let parent = HostPath::resolve(parent.as_os_str(), &root, &host.account.home);
        return Ok(ScratchPlan::Disk { parent });
    }
    if host.kernel.tmpfs_has_user_xattrs {
        // Half of the memory, as the kernel's own default for a tmpfs.
        return Ok(ScratchPlan::Memory { size: Size(host.kernel.memory / 2) });
    }
    let Some(why) = &host.data.no_layers else {
        return Ok(ScratchPlan::Disk { parent: host.data.path.join("scratch") });
    };
    let parent = HostPath::absolute(format!("/var/tmp/bryo-{}", host.account.uid));
    remarks.rungs.push(Rung { need: "overlay layers", took: parent.to_string(), why: why.clone() });
    Ok(ScratchPlan::Disk { parent })
}
