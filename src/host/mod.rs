//! What this machine can do: read or probed once, never compared by version where a probe can
//! tell. Reading is all this room does; what follows from it is decided in `plan`.

mod account;
mod answer;
mod cgroup;
mod contents;
mod data_directory;
mod disk;
pub mod findings;
mod git_config;
mod kept;
mod kernel;
mod memory;
mod mounts;
mod needs;
mod overlay;
mod paths;
mod programs;
pub mod remedy;
mod repository;
mod resolver;
pub mod stack;
mod subids;

pub use crate::sys::rlimit::Bounds;
pub use account::{Account, account_in, knows_group};
pub use cgroup::{Cgroup, Cgroups, Inhabitants, Through, UserManager, Way};
pub use contents::Contents;
pub use data_directory::DataDirectory;
pub use disk::Disks;
pub use kept::{Below, Kept};
pub use kernel::Kernel;
pub use mounts::MountPoint;
pub use needs::Needs;
pub use overlay::{OverlayAbility, try_fuse_device, try_kernel_overlay};
pub use paths::{PathFact, PathFacts};
pub use programs::{Program, Programs};
pub use repository::GitFacts;
pub use resolver::ResolverConfig;
pub use subids::{SubIds, parse_subid_file};

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::base::{Context, HostPath, Result, Text};
use crate::sys::{CallError, Errno, rlimit};

/// The facts about this machine and its user that decide what a run will be.
#[derive(Clone, PartialEq, Debug)]
pub struct Host {
    pub account: Account,
    /// `None`: the working directory was removed under us.
    pub cwd: Option<HostPath>,
    pub environment: Vec<(Text, Text)>,
    pub kernel: Kernel,
    pub paths: PathFacts,
    /// Of the working directory, where it may be shown.
    pub git: GitFacts,
    pub programs: Programs,
    /// `Err` holds the reason why there are none. Read only when asked for.
    pub subids: std::result::Result<SubIds, String>,
    pub overlay: OverlayAbility,
    pub data: DataDirectory,
    /// What the directory for kept overlays holds.
    pub kept: Option<Kept>,
    /// What those hold that the overlays are stacked on, from the top down.
    pub below: Vec<Below>,
    pub mounts: Vec<MountPoint>,
    pub resolver: ResolverConfig,
    pub contents: Contents,
    /// Read only when asked for.
    pub cgroups: Cgroups,
    /// The disks that hold the paths that were named.
    pub disks: Disks,
    /// The resource limits of this process, by their names.
    pub rlimits: Vec<(&'static str, Bounds)>,
    /// Why a fresh /proc cannot be mounted. Tried only when asked for.
    pub no_fresh_proc: Option<String>,
    /// The passwd file of the rootfs that was named.
    pub rootfs_passwd: Option<Vec<u8>>,
    pub rootfs_group: Option<Vec<u8>>,
}

impl Host {
    /// Reads what the needs name, and no more: a run that makes no overlay does not pay for the
    /// probe of one.
    pub fn read(needs: &Needs) -> Result<Self> {
        let environment = environment();
        let account = Account::of_this_user(&environment);
        let cwd = current_directory()?;
        let programs = Programs::find(needs);
        let of_rootfs = |file: &str| {
            let base = cwd.clone().unwrap_or_else(|| HostPath::absolute("/"));
            let typed = needs.rootfs.as_ref()?.as_os_str();
            contents::of_rootfs(&HostPath::resolve(typed, &base, &account.home), Path::new(file))
        };
        let kernel = Kernel::read();
        let data = DataDirectory::named(&environment, &account.home);
        let takes_layers = needs.overlay && !kernel.tmpfs_has_user_xattrs;
        Ok(Self {
            data: if takes_layers { data.looked_at() } else { data },
            cgroups: if needs.cgroups {
                Cgroups::read(&account, variable(&environment, "XDG_RUNTIME_DIR"))
            } else {
                Cgroups::unread()
            },
            disks: disk::read(&needs.disks, &account.home, cwd.as_ref()),
            rlimits: rlimit::all(),
            paths: PathFacts::read(
                needs,
                &account,
                cwd.as_ref(),
                data_directory::own_directories(&environment, &account.home),
            )?,
            git: match &cwd {
                Some(cwd) if needs.git => GitFacts::read(cwd)?,
                _ => GitFacts::default(),
            },
            subids: if needs.subids {
                SubIds::read(&account, &programs)
            } else {
                Err("not looked for".to_owned())
            },
            overlay: if needs.overlay {
                OverlayAbility::probe_or_remember(needs.memory.as_ref())
            } else {
                OverlayAbility::default()
            },
            kept: needs.kept.as_ref().and_then(|typed| {
                let base = cwd.clone().unwrap_or_else(|| HostPath::absolute("/"));
                kept::read(&HostPath::resolve(typed.as_os_str(), &base, &account.home))
            }),
            below: match &needs.below {
                Some(typed) => {
                    let base = cwd.clone().unwrap_or_else(|| HostPath::absolute("/"));
                    kept::stack(&HostPath::resolve(typed.as_os_str(), &base, &account.home))?
                }
                None => Vec::new(),
            },
            mounts: if needs.overlay { mounts::read() } else { Vec::new() },
            resolver: if needs.resolver {
                ResolverConfig::read()
            } else {
                ResolverConfig::default()
            },
            no_fresh_proc: needs
                .fresh_proc
                .then(findings::why_no_fresh_proc)
                .flatten()
                .map(|remedy| remedy.said),
            contents: contents::read(&needs.contents, &account.home, cwd.as_ref()),
            rootfs_passwd: of_rootfs("etc/passwd"),
            rootfs_group: of_rootfs("etc/group"),
            kernel,
            account,
            cwd,
            environment,
            programs,
        })
    }

    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&Text> {
        variable(&self.environment, name)
    }

    /// The directories of bryo itself, as they are named and where links lead to.
    #[must_use]
    pub fn own_directories(&self) -> Vec<HostPath> {
        let named = data_directory::own_directories(&self.environment, &self.account.home);
        let behind = |own: &HostPath| self.paths.of(own).real().cloned();
        let names = named.into_iter().flat_map(|own| {
            let behind = behind(&own).filter(|real| *real != own);
            [Some(own), behind]
        });
        names.flatten().collect()
    }

    #[must_use]
    pub fn is_real_root(&self) -> bool {
        self.account.uid == 0 && self.kernel.effective_uid == 0 && self.kernel.maps_every_id
    }
}

fn variable<'a>(environment: &'a [(Text, Text)], name: &str) -> Option<&'a Text> {
    environment.iter().find(|(key, _)| key.as_bytes() == name.as_bytes()).map(|(_, value)| value)
}

/// That of this user, as everything here knows it. The account files are read only without a HOME.
#[must_use]
pub fn home() -> HostPath {
    let named = std::env::var_os("HOME").filter(|home| Path::new(home).is_absolute());
    named.map_or_else(|| Account::of_this_user(&[]).home, HostPath::absolute)
}

/// `None`: it was removed under us.
pub fn current_directory() -> Result<Option<HostPath>> {
    match std::env::current_dir().map_err(|e| CallError::of(e, "getcwd".to_owned())) {
        Ok(directory) => Ok(Some(HostPath::absolute(directory))),
        Err(e) if e.errno == Errno::ENOENT => Ok(None),
        Err(e) => Err(e).context(|| "cannot find the working directory".to_owned()),
    }
}

fn environment() -> Vec<(Text, Text)> {
    std::env::vars_os()
        .filter(|(key, _)| !key.as_bytes().is_empty())
        .map(|(key, value)| (key.into(), value.into()))
        .collect()
}
