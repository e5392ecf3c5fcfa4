//! Where bryo keeps what lasts, and whether the layers of an overlay can be written there: not on a
//! home that is read-only, nor on a server's. Makes nothing.

use std::path::Path;

use crate::base::{HostPath, Text};
use crate::sys::file;

use super::findings;

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
        let absolute = |name: &str| {
            let (_, value) =
                environment.iter().find(|(key, _)| key.as_bytes() == name.as_bytes())?;
            value.as_bytes().starts_with(b"/").then(|| HostPath::absolute(value.as_os_str()))
        };
        let path = match (absolute("BRYO_DATA_DIR"), absolute("XDG_DATA_HOME")) {
            (Some(own), _) => own,
            (None, Some(data)) => data.join("bryo"),
            (None, None) => home.join(".local/share/bryo"),
        };
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
