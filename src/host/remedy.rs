//! What a machine lacks and the very command that gives it: one text for doctor, for a plan that
//! is refused and for a launch that fails. Reads the machine's switches; changes none.

use std::path::Path;

use crate::base::{Error, Text};
use crate::sys::{CallError, Errno, file};

/// A cause in words, and what lifts it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remedy {
    pub said: String,
    pub fix: String,
}

fn remedy(said: impl Into<String>, fix: impl Into<String>) -> Remedy {
    Remedy { said: said.into(), fix: fix.into() }
}

/// The switches by which a machine closes user namespaces to its users.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Switches {
    /// `kernel.unprivileged_userns_clone`, of Debian's kernels, is 0.
    clone_is_off: bool,
    /// The `user.max_*_namespaces` that are 0.
    limits_of_zero: Vec<&'static str>,
    /// `kernel.apparmor_restrict_unprivileged_userns`, of Ubuntu 23.10 and later, is 1.
    apparmor_restricts: bool,
    /// The AppArmor profile that is enforced on this process.
    profile: Option<String>,
    /// A seccomp filter is on this process.
    is_filtered: bool,
    /// The kernel was built with user namespaces.
    knows_user_namespaces: bool,
}

const LIMITS: [&str; 7] = [
    "user.max_user_namespaces",
    "user.max_mnt_namespaces",
    "user.max_pid_namespaces",
    "user.max_uts_namespaces",
    "user.max_ipc_namespaces",
    "user.max_net_namespaces",
    "user.max_cgroup_namespaces",
];

impl Switches {
    fn read() -> Self {
        Self {
            clone_is_off: sysctl("kernel.unprivileged_userns_clone").as_deref() == Some("0"),
            limits_of_zero: LIMITS
                .into_iter()
                .filter(|name| sysctl(name).as_deref() == Some("0"))
                .collect(),
            apparmor_restricts: sysctl("kernel.apparmor_restrict_unprivileged_userns")
                .is_some_and(|value| value != "0"),
            profile: enforced_profile(),
            is_filtered: line_of_status("Seccomp").as_deref() == Some("2"),
            knows_user_namespaces: file::status_of_path(Path::new("/proc/self/ns/user")).is_ok(),
        }
    }
}

/// `bryo (enforce)`, as AppArmor tells a process of itself.
fn enforced_profile() -> Option<String> {
    let content = file::read_path(Path::new("/proc/self/attr/apparmor/current"), 4096).ok()?;
    let text = String::from_utf8_lossy(&content).into_owned();
    Some(text.trim().strip_suffix(" (enforce)")?.to_owned())
}

fn sysctl(name: &str) -> Option<String> {
    let path = format!("/proc/sys/{}", name.replace('.', "/"));
    let content = file::read_path(Path::new(&path), 4096).ok()?;
    Some(String::from_utf8_lossy(&content).trim().to_owned())
}

fn line_of_status(key: &str) -> Option<String> {
    let content = file::read_path(Path::new("/proc/self/status"), 1 << 16).ok()?;
    let text = String::from_utf8_lossy(&content).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

/// The cause behind a launch that failed, if it is of a kind that is known here.
#[must_use]
pub fn for_error(error: &Error) -> Option<Remedy> {
    if let Some(remedy) = error.call().and_then(for_call) {
        return Some(remedy);
    }
    // What a helper has said on its way out names the device, and no call of ours.
    let text = error.to_string();
    [FUSE, TUN].into_iter().find(|device| text.contains(device.path)).and_then(Device::lacks)
}

/// The cause behind one failed call.
#[must_use]
pub fn for_call(failed: &CallError) -> Option<Remedy> {
    let concerns_devices = [FUSE, TUN].into_iter().find(|it| failed.call.contains(it.path));
    match concerns_devices {
        Some(device) => Some(device.remedy_for(failed.errno)),
        None => diagnose(failed, &Switches::read()),
    }
}

fn diagnose(failed: &CallError, switches: &Switches) -> Option<Remedy> {
    let is_one_of = |names: &[&str]| names.iter().any(|name| failed.call.starts_with(name));
    let is_refusal = matches!(failed.errno, Errno::EPERM | Errno::EACCES);
    if is_one_of(&["clone3(", "unshare("]) {
        return namespaces_refused(failed.errno, switches);
    }
    // The first call of a start that another bryo's filter closes.
    if failed.errno == Errno::ENOSYS && switches.is_filtered && is_one_of(&["openat2("]) {
        return Some(filtered("this call"));
    }
    if !is_refusal {
        return None;
    }
    // The namespace was made and is worth nothing: AppArmor has taken its capabilities, and the
    // first act that needs one fails.
    let is_first_act = is_one_of(&["write(\"/proc/self/", "fsopen(", "fsmount(", "move_mount"]);
    if is_first_act && switches.apparmor_restricts {
        return Some(apparmor());
    }
    if let Some(profile) = switches.profile.as_ref().filter(|_| is_first_act) {
        return Some(confined(profile));
    }
    // mount_too_revealing() in fs/namespace.c: a new /proc may not show what the old one covers.
    is_one_of(&["fsmount(proc)", "fsconfig(proc"]).then(proc_is_masked)
}

fn namespaces_refused(errno: Errno, switches: &Switches) -> Option<Remedy> {
    match errno {
        Errno::ENOSPC | Errno::EUSERS => Some(too_many(switches)),
        Errno::EINVAL if !switches.knows_user_namespaces => Some(remedy(
            "the kernel was built without user namespaces",
            "boot a kernel that was built with CONFIG_USER_NS=y",
        )),
        Errno::EPERM | Errno::EACCES | Errno::ENOSYS => refused_by(errno, switches),
        _ => None,
    }
}

fn refused_by(errno: Errno, switches: &Switches) -> Option<Remedy> {
    if switches.clone_is_off {
        return Some(remedy(
            "the sysctl `kernel.unprivileged_userns_clone` is 0",
            "an administrator can allow them with `sysctl -w kernel.unprivileged_userns_clone=1`",
        ));
    }
    // docker's filter answers clone3 with ENOSYS, whatever its flags.
    if switches.is_filtered {
        return Some(filtered("them"));
    }
    if switches.apparmor_restricts {
        return Some(apparmor());
    }
    if let Some(profile) = &switches.profile {
        return Some(confined(profile));
    }
    // That this is a chroot cannot be seen from inside: only that nothing else explains it.
    (errno == Errno::EPERM).then(|| {
        remedy(
            "no sysctl and no filter forbids them, so this is a chroot, in which the kernel makes none, or a security module does",
            "start bryo outside of the chroot: `--rootfs DIR` runs a command in its tree",
        )
    })
}

fn filtered(what: &str) -> Remedy {
    remedy(
        format!(
            "a seccomp filter on this process forbids {what}: that of an outer container, sandbox or service"
        ),
        "start the outer one with `--allow nested-userns` (bryo) or `--security-opt seccomp=unconfined` (docker, podman), or bryo outside of it",
    )
}

fn too_many(switches: &Switches) -> Remedy {
    match switches.limits_of_zero.first() {
        Some(name) => remedy(
            format!("the sysctl `{name}` is 0"),
            format!("an administrator can allow them with `sysctl -w {name}=15000`"),
        ),
        None => remedy(
            "this user, or a container around it, has as many namespaces as it may",
            "end some sandboxes; `sysctl -a --pattern '^user.max_.*_namespaces'` shows the limits",
        ),
    }
}

/// The command that loads bryo's AppArmor profile.
const LOAD_PROFILE: &str = "bryo doctor --apparmor-profile | sudo tee /etc/apparmor.d/bryo >/dev/null && sudo apparmor_parser -r /etc/apparmor.d/bryo";

fn apparmor() -> Remedy {
    remedy(
        "AppArmor takes every capability from user namespaces of programs without a profile (`kernel.apparmor_restrict_unprivileged_userns` is 1)",
        format!("an administrator can load bryo's profile with `{LOAD_PROFILE}`"),
    )
}

/// By a profile of its own: whoever wrote it did not think of namespaces.
fn confined(profile: &str) -> Remedy {
    let profile = Text::from(profile);
    remedy(
        format!("the AppArmor profile `{profile}` on this process leaves it no right in them"),
        format!(
            "an administrator can find it with `grep -r '{profile}' /etc/apparmor.d` and take it off with `apparmor_parser -R FILE`"
        ),
    )
}

fn proc_is_masked() -> Remedy {
    remedy(
        "an outer container covers parts of its /proc, so the kernel gives out no fresh one",
        "start the outer container with `--security-opt systempaths=unconfined` (docker) or `--security-opt unmask=ALL` (podman)",
    )
}

/// A device that an external program opens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Device {
    pub path: &'static str,
    module: &'static str,
}

pub const FUSE: Device = Device { path: "/dev/fuse", module: "fuse" };
pub const TUN: Device = Device { path: "/dev/net/tun", module: "tun" };

impl Device {
    /// Found out by opening it; `None`: it opens.
    #[must_use]
    pub fn lacks(self) -> Option<Remedy> {
        let refused = file::open_device(Path::new(self.path)).err()?;
        Some(self.remedy_for(refused.errno))
    }

    fn remedy_for(self, errno: Errno) -> Remedy {
        let Self { path, module } = self;
        match errno {
            Errno::ENOENT => remedy(
                format!("`{path}` does not exist"),
                format!(
                    "an administrator can make it with `modprobe {module}`; a container is given it with `--device {path}`"
                ),
            ),
            Errno::ENODEV | Errno::ENXIO => remedy(
                format!("the kernel has no driver for `{path}`"),
                format!("an administrator can load it with `modprobe {module}`"),
            ),
            Errno::EPERM => remedy(
                format!("an outer container forbids `{path}`"),
                format!("start the outer container with `--device {path}`"),
            ),
            Errno::EACCES => remedy(
                format!("you may not open `{path}`"),
                format!("an administrator can open it to all with `chmod 666 {path}`"),
            ),
            other => remedy(
                format!("`{path}` does not open: {other}"),
                format!("an administrator can look with `ls -l {path}`"),
            ),
        }
    }
}

/// How to install a program: Debian's package, and Fedora's where the name differs.
#[must_use]
pub fn install(debian: &str, fedora: &str) -> String {
    if debian == fedora {
        format!("an administrator can install it with `apt install {debian}`")
    } else {
        format!(
            "an administrator can install it with `apt install {debian}` (`dnf install {fedora}`)"
        )
    }
}

/// How a user comes to subordinate ids.
#[must_use]
pub fn add_subordinate_ids(user: &str) -> String {
    format!(
        "an administrator can add one with `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}`"
    )
}

/// What keeps newuidmap from its privilege was set by whoever started bryo.
pub const LEAVE_NO_NEW_PRIVS: &str = "start bryo outside of the sandbox or service that set it";

/// newuidmap and newgidmap are there and gain no privilege.
#[must_use]
pub fn make_setuid(program: &str) -> String {
    format!(
        "an administrator can make it privileged again with `chmod u+s {program}`, or by reinstalling it"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(call: &str, errno: Errno, switches: Switches) -> Option<String> {
        let switches = Switches { knows_user_namespaces: true, ..switches };
        diagnose(&CallError { call: call.to_owned(), errno }, &switches).map(|it| it.said)
    }

    fn has(text: Option<String>, part: &str) -> bool {
        text.is_some_and(|text| text.contains(part))
    }

    #[test]
    fn the_switch_that_is_off_is_named() {
        let off = || Switches { clone_is_off: true, ..Switches::default() };
        assert!(has(said("clone3(0x10000000)", Errno::EPERM, off()), "unprivileged_userns_clone"));
        let zero =
            || Switches { limits_of_zero: vec!["user.max_net_namespaces"], ..Switches::default() };
        assert!(has(said("clone3(0x7e020000)", Errno::ENOSPC, zero()), "max_net_namespaces"));
        let filtered = || Switches { is_filtered: true, ..Switches::default() };
        assert!(has(said("unshare(0x10000000)", Errno::EPERM, filtered()), "seccomp"));
        assert!(has(said("clone3(0x10000000)", Errno::ENOSYS, filtered()), "seccomp"));
        assert!(has(said("openat2(\"/usr\")", Errno::ENOSYS, filtered()), "seccomp"));
        let none = Switches::default;
        assert!(has(said("clone3(0x10000000)", Errno::EPERM, none()), "chroot"));
    }

    #[test]
    fn apparmor_refuses_late() {
        let apparmor = || Switches { apparmor_restricts: true, ..Switches::default() };
        for call in ["write(\"/proc/self/uid_map\")", "fsmount(tmpfs)", "clone3(0x10000000)"] {
            assert!(has(said(call, Errno::EPERM, apparmor()), "AppArmor"), "{call}");
            let silent = said(call, Errno::EPERM, Switches::default());
            assert!(!has(silent, "AppArmor"), "{call}");
        }
    }

    #[test]
    fn a_profile_on_bryo_itself_is_named() {
        let own = || Switches { profile: Some("mine".to_owned()), ..Switches::default() };
        for call in ["write(\"/proc/self/uid_map\")", "fsmount(proc)", "clone3(0x10000000)"] {
            assert!(has(said(call, Errno::EPERM, own()), "profile `mine`"), "{call}");
        }
        assert_eq!(said("openat2(\"/x\")", Errno::EPERM, own()), None);
    }

    #[test]
    fn a_masked_proc_is_known_by_its_mount() {
        let none = Switches::default;
        assert!(has(said("fsmount(proc)", Errno::EPERM, none()), "/proc"));
        assert_eq!(said("fsmount(proc)", Errno::EINVAL, none()), None);
        assert_eq!(said("openat2(\"/x\")", Errno::EPERM, none()), None);
    }
}
