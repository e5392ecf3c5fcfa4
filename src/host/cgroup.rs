//! Cgroup v2: where this process is, and who could bound a whole sandbox: a cgroup of the user's
//! own, or the user's systemd. Reads, and makes nothing.

use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::base::wording::all_of;
use crate::base::{HostPath, Text};
use crate::sys::{file, process};

use super::{Account, mounts};

/// What this process could have a sandbox bounded by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cgroups {
    /// The cgroup of this process and those above it, as far up as the user may write; in words
    /// why there is none.
    pub own: Result<Vec<Cgroup>, String>,
    pub manager: Option<UserManager>,
}

/// One cgroup that the user may write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cgroup {
    pub directory: HostPath,
    /// Those that it could hand to its children, and those that it does.
    pub controllers: Vec<String>,
    pub enabled: Vec<String>,
    pub inhabitants: Inhabitants,
}

/// The processes directly in a cgroup. One that has any can hand no controller to its children
/// (cgroups(7), "the no internal processes rule").
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Inhabitants {
    None,
    ThisProcess,
    Others,
}

/// The user's own systemd, which answers on its private socket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserManager {
    pub socket: HostPath,
    /// Where cgroup v2 is mounted.
    pub mount: HostPath,
    /// Those that it may hand on.
    pub controllers: Vec<String>,
}

/// Who is to bound a sandbox, and by which controllers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Way {
    pub through: Through,
    pub controllers: Vec<String>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Through {
    /// A new cgroup in this one, which first hands down the controllers.
    Own { parent: HostPath, inhabitants: Inhabitants },
    /// A scope of the user's systemd.
    Scope { socket: HostPath, mount: HostPath },
}

/// Those that bound anything of what is asked for here.
const CONTROLLERS: [&str; 4] = ["cpu", "io", "memory", "pids"];

const V1: &str = "cgroup v2 has no controllers here, v1 holds them";
const UNMOUNTED: &str = "cgroup v2 is not mounted";
const UNIFY: &str = "an administrator can boot with `systemd.unified_cgroup_hierarchy=1`";

impl Cgroups {
    pub(super) fn read(account: &Account, runtime_directory: Option<&Text>) -> Self {
        let mounts = mounts::read();
        // The last one mounted is the one that is seen.
        let mount = mounts.iter().rev().find(|mount| mount.filesystem == "cgroup2");
        let Some(mount) = mount.map(|mount| mount.path.clone()) else {
            return Self { own: Err(UNMOUNTED.to_owned()), manager: None };
        };
        Self {
            own: lineage(&mount),
            manager: UserManager::find(&mount, account.uid, runtime_directory),
        }
    }

    /// Nobody looked.
    #[must_use]
    pub fn unread() -> Self {
        Self { own: Err("not looked for".to_owned()), manager: None }
    }

    /// Who can bound a sandbox with the controllers wanted, and with as many of the welcome ones as
    /// there are; why nobody can.
    ///
    /// A cgroup with nobody else in it comes first: it takes no call to anybody. What belongs to a
    /// systemd that can be asked is not touched behind its back.
    pub fn way(&self, wanted: &[&str], welcome: &[&str]) -> Result<Way, String> {
        let lineage = self.own.as_deref().unwrap_or_default();
        let own = lineage.first().into_iter();
        let above = lineage.iter().skip(1).filter(|_| self.manager.is_none());
        let able = own.chain(above).find(|group| {
            let is_free = group.inhabitants != Inhabitants::Others;
            holds_all(&group.controllers, wanted) && (is_free || holds_all(&group.enabled, wanted))
        });
        let with = |through, have: &[String]| {
            let names = wanted.iter().chain(welcome).filter(|name| holds_all(have, &[**name]));
            let mut controllers: Vec<String> = names.map(|name| (*name).to_owned()).collect();
            controllers.sort_unstable();
            controllers.dedup();
            Way { through, controllers }
        };
        if let Some(Cgroup { directory, controllers, enabled, inhabitants }) = able {
            let through = Through::Own { parent: directory.clone(), inhabitants: *inhabitants };
            let is_free = *inhabitants != Inhabitants::Others;
            return Ok(with(through, if is_free { controllers } else { enabled }));
        }
        match &self.manager {
            Some(UserManager { socket, mount, controllers }) if holds_all(controllers, wanted) => {
                let (socket, mount) = (socket.clone(), mount.clone());
                Ok(with(Through::Scope { socket, mount }, controllers))
            }
            _ => Err(self.why_not(wanted)),
        }
    }

    fn why_not(&self, wanted: &[&str]) -> String {
        let lacking = |have: &[String]| -> Vec<&str> {
            wanted.iter().copied().filter(|name| !holds_all(have, &[*name])).collect()
        };
        match (&self.own, &self.manager) {
            (Err(why), None) => why.clone(),
            (Err(why), Some(_)) if why == V1 => why.clone(),
            (_, Some(manager)) => {
                format!("your systemd was not given {}", named(&lacking(&manager.controllers)))
            }
            (Ok(lineage), None) => {
                match lineage.iter().find(|it| lacking(&it.controllers).is_empty()) {
                    Some(full) => {
                        format!("`{}` is yours, but other processes are in it", full.directory)
                    }
                    None => {
                        let have = lineage.first().map_or(&[][..], |it| &it.controllers);
                        format!("your cgroup was not given {}", named(&lacking(have)))
                    }
                }
            }
        }
    }

    /// What would let these controllers bound a sandbox.
    #[must_use]
    pub fn remedy(&self, account: &str) -> String {
        match (&self.manager, &self.own) {
            (_, Err(why)) if why == V1 || why == UNMOUNTED => UNIFY.to_owned(),
            (Some(_), _) => {
                let drop_in = "/etc/systemd/system/user@.service.d";
                format!(
                    "an administrator can hand them on, from your next session on, with `mkdir -p {drop_in} && printf '[Service]\\nDelegate=cpu io memory pids\\n' > {drop_in}/delegate.conf && systemctl daemon-reload`"
                )
            }
            (None, Ok(lineage)) if lineage.iter().any(|it| !it.controllers.is_empty()) => {
                "start bryo alone in a cgroup of yours: in a systemd session with `systemd-run --user --scope -p Delegate=yes bryo run …`".to_owned()
            }
            (None, _) => format!(
                "an administrator can give you a systemd session with `loginctl enable-linger {account}`; in it, `systemd-run --user --scope -p Delegate=yes bryo run …` starts bryo in a cgroup of your own"
            ),
        }
    }
}

/// "the controller `io`"
fn named(controllers: &[&str]) -> String {
    let noun = if controllers.len() == 1 { "controller" } else { "controllers" };
    format!("the {noun} {}", all_of(controllers))
}

fn holds_all(have: &[String], wanted: &[&str]) -> bool {
    wanted.iter().all(|name| have.iter().any(|it| it == name))
}

/// The own cgroup and those above it that the user may write.
fn lineage(mount: &HostPath) -> Result<Vec<Cgroup>, String> {
    let own = own_cgroup().ok_or("this process is in no cgroup of v2")?;
    let inside = own.trim_start_matches('/');
    let directory = if inside.is_empty() { mount.clone() } else { mount.join(inside) };
    // In a cgroup namespace, or where only a part of the tree is mounted, the path may lead
    // nowhere or to another one.
    if own.split('/').any(|part| part == "..") || !is_own(&directory) {
        return Err("this process's cgroup is not mounted here".to_owned());
    }
    let here = words_of(&mount.join("cgroup.controllers"));
    if !CONTROLLERS.into_iter().any(|name| holds_all(&here, &[name])) && !is_yours(&directory) {
        return Err(V1.to_owned());
    }
    let mut lineage = Vec::new();
    let mut next = Some(directory.as_path());
    while let Some(path) = next.filter(|path| path.starts_with(mount.as_path())) {
        let directory = HostPath::absolute(path);
        if !is_yours(&directory) {
            break;
        }
        lineage.push(Cgroup::read(directory));
        next = path.parent();
    }
    if lineage.is_empty() {
        return Err(format!("`{directory}` is not yours to write"));
    }
    Ok(lineage)
}

impl Cgroup {
    fn read(directory: HostPath) -> Self {
        let own = process::own_pid().to_string();
        let processes = words_of(&directory.join("cgroup.procs"));
        let inhabitants = match processes.as_slice() {
            [] => Inhabitants::None,
            [only] if *only == own => Inhabitants::ThisProcess,
            _ => Inhabitants::Others,
        };
        Self {
            controllers: words_of(&directory.join("cgroup.controllers")),
            enabled: words_of(&directory.join("cgroup.subtree_control")),
            inhabitants,
            directory,
        }
    }
}

/// Whether the user may make cgroups in it, move processes within it and hand down its controllers:
/// what cgroups(7) names for a delegated one.
fn is_yours(directory: &HostPath) -> bool {
    let files = ["", "cgroup.procs", "cgroup.subtree_control"];
    files.into_iter().all(|name| file::is_writable(directory.join(name).as_path()))
}

fn is_own(directory: &HostPath) -> bool {
    let own = process::own_pid().to_string();
    words_of(&directory.join("cgroup.procs")).contains(&own)
}

/// The line `0::/path` of /proc/self/cgroup (cgroups(7)).
fn own_cgroup() -> Option<String> {
    let content = file::read_path(Path::new("/proc/self/cgroup"), 1 << 16).ok()?;
    let line = content.split(|b| *b == b'\n').find_map(|line| line.strip_prefix(b"0::"))?;
    Some(OsStr::from_bytes(line).to_str()?.to_owned())
}

fn words_of(path: &HostPath) -> Vec<String> {
    let content = file::read_path(path.as_path(), 1 << 20).unwrap_or_default();
    String::from_utf8_lossy(&content).split_ascii_whitespace().map(str::to_owned).collect()
}

impl UserManager {
    /// `su` and cron leave XDG_RUNTIME_DIR unset, or set to another's: the usual place is looked
    /// at too.
    fn find(mount: &HostPath, uid: u32, runtime_directory: Option<&Text>) -> Option<Self> {
        let usual = HostPath::absolute(format!("/run/user/{uid}"));
        let named = runtime_directory.map(|path| HostPath::absolute(path.as_os_str()));
        let socket = named
            .into_iter()
            .chain([usual])
            .map(|directory| directory.join("systemd/private"))
            .find(|socket| is_own_socket(socket, uid))?;
        let unit = format!("user.slice/user-{uid}.slice/user@{uid}.service");
        let controllers = words_of(&mount.join(&unit).join("cgroup.controllers"));
        Some(Self { socket, mount: mount.clone(), controllers })
    }
}

/// Nobody else's: what it is told, it does as the user who listens.
fn is_own_socket(socket: &HostPath, uid: u32) -> bool {
    file::open_without_links(socket.as_path())
        .and_then(|fd| file::status(fd.as_fd()))
        .is_ok_and(|status| status.uid == uid && status.kind == file::FileKind::Other)
}
