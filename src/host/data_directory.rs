//! Where bryo keeps what lasts, and whether the layers of an overlay can be written there: not on a
//! home that is read-only, nor on a server's. Makes nothing.

use std::path::Path;

use crate::base::{HostPath, Text};
use crate::sys::file;

use super::findings;

/// Those for policies and for what lasts (`store::Directories`), by the names that they are given.
pub(super) fn own_directories(environment: &[(Text, Text)], home: &HostPath) -> [HostPath; 2] {
    let one = |own: &str, xdg: &str, below_home: &str| {
        let absolute = |name: &str| {
            let value = super::variable(environment, name)?;
            value.as_bytes().starts_with(b"/").then(|| HostPath::absolute(value.as_os_str()))
        };
        let base = || absolute(xdg).unwrap_or_else(|| home.join(below_home));
        absolute(own).unwrap_or_else(|| base().join("bryo"))
    };
    [
        one("BRYO_CONFIG_DIR", "XDG_CONFIG_HOME", ".config"),
        one("BRYO_DATA_DIR", "XDG_DATA_HOME", ".local/share"),
    ]
}

#[derive(Clone, PartialEq, Debug)]
pub struct DataDirectory {
    pub path: HostPath,
    /// Why no layer of an overlay can be written below it. Looked at only when asked for.
    pub no_layers: Option<String>,
}

impl DataDirectory {
    /// As the environment says, else below `home`.
    #[must_use]
    pub fn named(environment: &[(Text, Text)], home: &HostPath) -> Self {
        let [_, path] = own_directories(environment, home);
        Self { path, no_layers: None }
    }

    /// Looks at it, or at what it would be made in.
    pub(super) fn looked_at(self) -> Self {
        let exists = |path: &&Path| file::status_of_path(path).is_ok();
        let there = self.path.as_path().ancestors().find(exists).unwrap_or(Path::new("/"));
        let no_layers = if !file::is_writable(there) {
            Some(format!("`{}` cannot be written", HostPath::absolute(there)))
        } else {
            let magic = file::filesystem_magic_of_path(there).ok();
            let network = magic.and_then(findings::network_filesystem);
            network.map(|name| format!("`{}` is on {name}", HostPath::absolute(there)))
        };
        Self { no_layers, ..self }
    }
}
