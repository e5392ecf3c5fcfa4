//! What is the caller's own on the host and never shown unasked: the home, the places that programs
//! share, bryo's own policies.

use crate::base::{Error, HostPath, Result};
use crate::host::Host;

use super::defaults::{SHARED_DIRECTORIES, SYSTEM};

/// The caller's homes, by every name they have: where HOME says and where the account says, which
/// may differ, and where links lead from there.
pub(super) fn homes(host: &Host) -> Vec<HostPath> {
    let named = [Some(&host.account.home), host.account.account_home.as_ref()];
    let named = named.into_iter().flatten().filter(|home| !home.same_inside().is_root());
    named.flat_map(|home| [Some(home), host.paths.of(home).real()]).flatten().cloned().collect()
}

/// Whether a directory may be shown for no better reason than that bryo was called in it.
pub(super) fn check_may_show(host: &Host, cwd: &HostPath) -> Result<()> {
    let homes = homes(host);
    let is = |path: &str| *cwd == HostPath::absolute(path);
    let is_in = |path: &str| cwd.is_within(&HostPath::absolute(path));
    let is_home = homes.contains(cwd);
    let why = if is_home {
        "it is your home, with every key and token in it"
    } else if homes.iter().any(|home| home.is_within(cwd)) || is("/") {
        "your home is in it"
    } else if SHARED_DIRECTORIES.iter().any(|path| is(path)) || is_runtime_directory(host, cwd) {
        "other programs keep their files and sockets in it"
    } else if is_in("/proc") || is_in("/sys") {
        "it is a view of the kernel, not of files"
    } else if host.own_directories().iter().any(|own| own.is_within(cwd) || cwd.is_within(own)) {
        "your policies, and which of them you trust, are in it"
    } else {
        return Ok(());
    };
    Err(Error::new(why)
        .within(format!("cannot show the working directory `{cwd}` to the sandbox"))
        .hint(match is_home {
            true => {
                "`cd` to the project first, or show it without those and keep each change off it with \
                 `--home overlay`"
            }
            false => "`cd` to the project first, or start in an empty place with `--workdir /tmp`",
        }))
}

/// Where the sockets of the caller's session are, keys and agents behind them.
fn is_runtime_directory(host: &Host, cwd: &HostPath) -> bool {
    let named = host.variable("XDG_RUNTIME_DIR").map(|path| HostPath::absolute(path.as_os_str()));
    let of_a_user = cwd.as_path().parent().is_some_and(|parent| parent.ends_with("run/user"));
    of_a_user || named.is_some_and(|named| named.is_within(cwd))
}

/// Whether an empty home there would cover what programs need.
pub(super) fn would_cover_the_system(home: &HostPath) -> bool {
    const NEEDED: [&str; 8] =
        ["/etc", "/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp", "/dev/shm"];
    const TREES: [&str; 8] =
        ["/proc", "/sys", "/dev", "/usr/bin", "/usr/sbin", "/usr/lib", "/bin", "/sbin"];
    let is_in = |tree: &str| home.is_within(&HostPath::absolute(tree));
    let holds = |path: &str| HostPath::absolute(path).is_within(home);
    SYSTEM.into_iter().chain(NEEDED).any(holds) || TREES.into_iter().any(is_in)
}
