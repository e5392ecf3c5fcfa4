//! What is changed of a machine, for the golden plans.

use bryo::base::{HostPath, Text};
use bryo::host::{Below, Cgroups, Host, Inhabitants, Kept, PathFact};

use crate::support::host::{git_facts, own_cgroup};

pub(super) fn path(path: &str) -> HostPath {
    HostPath::absolute(path)
}

pub(super) fn no_subids(host: &mut Host) {
    host.subids = Err("no range for `ada` in /etc/subuid".to_owned());
}

pub(super) fn no_filters(host: &mut Host) {
    host.kernel.seccomp = Err("the kernel was built without filters of system calls");
}

pub(super) fn no_controllers(host: &mut Host) {
    let own = Err("cgroup v2 has no controllers here, v1 holds them".to_owned());
    host.cgroups = Cgroups { own, manager: None };
}

pub(super) fn alone_with(host: &mut Host, controllers: &[&str]) {
    let own = Ok(vec![own_cgroup(Inhabitants::ThisProcess, controllers)]);
    host.cgroups = Cgroups { own, manager: None };
}

pub(super) fn no_network(host: &mut Host) {
    (host.programs.slirp4netns, host.programs.pasta) = (None, None);
}

pub(super) fn no_overlay(host: &mut Host) {
    host.overlay.kernel = Some("the kernel refuses overlayfs in a user namespace".to_owned());
}

pub(super) fn old_tmpfs(host: &mut Host) {
    host.kernel.tmpfs_has_user_xattrs = false;
}

pub(super) fn below_by_fuse(host: &mut Host) {
    let below = |name: &str, driver: &str| Below {
        directory: HostPath::absolute(format!("/home/ada/{name}")),
        driver: Text::from(driver),
        lowers: vec![HostPath::absolute("/opt")],
    };
    host.below = vec![below("below", "fuse"), below("further", "fuse")];
}

pub(super) fn below_by_both(host: &mut Host) {
    below_by_fuse(host);
    host.below[1].driver = Text::from("kernel");
}

pub(super) fn kept_by_fuse(host: &mut Host) {
    let lowers = [(0, HostPath::absolute("/opt"))].into();
    host.kept = Some(Kept { driver: Text::from("fuse"), lowers });
}

pub(super) fn scratch_on_disk(host: &mut Host) {
    host.environment.push((Text::from("BRYO_SCRATCH"), Text::from("/var/tmp/ada")));
}

/// Only the kernel, and of that the least.
/// A home with a few secrets in it, one of them behind a link.
pub(super) fn secrets(host: &mut Host) {
    let mut add = |below: &str, fact: fn(HostPath) -> PathFact, real: &str| {
        host.paths.insert(path(&format!("/home/ada{below}")), fact(path(real)));
    };
    add("", |real| PathFact::Directory { real }, "/home/ada");
    add("/.ssh", |real| PathFact::Directory { real }, "/home/ada/.ssh");
    add("/.netrc", |real| PathFact::File { real }, "/home/ada/.netrc");
    add("/.npmrc", |real| PathFact::File { real }, "/home/ada/dotfiles/npmrc");
}

/// The same, called elsewhere.
pub(super) fn away(host: &mut Host) {
    secrets(host);
    host.cwd = Some(path("/srv/data"));
}

pub(super) fn in_secret(host: &mut Host) {
    secrets(host);
    host.cwd = Some(path("/home/ada/.ssh/keys"));
}

pub(super) fn system(host: &mut Host) {
    for name in ["/etc", "/etc/hosts"] {
        host.paths.insert(path(name), PathFact::Directory { real: path(name) });
    }
}

pub(super) fn bare(host: &mut Host) {
    no_subids(host);
    no_overlay(host);
    host.programs = bryo::host::Programs::default();
    host.overlay.fuse_device = Some("`/dev/fuse` does not exist".to_owned());
}

pub(super) fn in_home(host: &mut Host) {
    host.cwd = Some(host.account.home.clone());
    let real = host.account.home.clone();
    host.paths.insert(real.clone(), PathFact::Directory { real });
}

pub(super) fn root_is_there(host: &mut Host) {
    host.paths.insert(path("/"), PathFact::Directory { real: path("/") });
}

pub(super) fn large_uid(host: &mut Host) {
    (host.account.uid, host.account.gid) = (3_000_000_000, 3_000_000_001);
}

pub(super) fn real_root(host: &mut Host) {
    (host.account.uid, host.account.gid, host.kernel.effective_uid) = (0, 0, 0);
    host.account.name = "root".to_owned();
    host.account.group_name = "root".to_owned();
    host.account.home = path("/root");
}

/// A submodule, and more of them than are guarded.
pub(super) fn submodules(host: &mut Host) {
    host.git = git_facts(
        &[".git", ".git/modules", ".git/modules/lib", "lib"],
        &[".git/config", ".git/modules/lib/config", ".git/modules/lib/hooks", "lib/.git"],
    );
    host.git.more = true;
}
