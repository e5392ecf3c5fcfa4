//! The external programs: found by absolute path in the system's directories only, so that
//! nothing in a working directory or a home can take their place.

use crate::base::HostPath;
use crate::sys::file;

use super::Needs;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Program {
    pub path: HostPath,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Programs {
    pub newuidmap: Option<Program>,
    pub newgidmap: Option<Program>,
    pub getsubids: Option<Program>,
    pub fuse_overlayfs: Option<Program>,
    pub slirp4netns: Option<Program>,
    pub pasta: Option<Program>,
}

/// Where a system keeps programs. Not PATH: it may hold directories that a sandbox can write.
const DIRECTORIES: [&str; 6] = [
    "/usr/bin",
    "/usr/sbin",
    "/bin",
    "/sbin",
    "/usr/local/bin",
    "/run/wrappers/bin", // NixOS keeps its setuid programs here
];

impl Programs {
    pub(super) fn find(needs: &Needs) -> Self {
        let when = |needed: bool, name| if needed { find_program(name) } else { None };
        Self {
            newuidmap: when(needs.subids, "newuidmap"),
            newgidmap: when(needs.subids, "newgidmap"),
            getsubids: when(needs.subids, "getsubids"),
            fuse_overlayfs: when(needs.overlay, "fuse-overlayfs"),
            slirp4netns: when(needs.user_network, "slirp4netns"),
            pasta: when(needs.user_network, "pasta"),
        }
    }
}

pub(super) fn find_program(name: &str) -> Option<Program> {
    DIRECTORIES
        .iter()
        .map(|directory| HostPath::absolute(format!("{directory}/{name}")))
        .find(|path| file::is_executable(path.as_path()))
        .map(|path| Program { path })
}
