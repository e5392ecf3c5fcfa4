//! XDG_RUNTIME_DIR: where what lives has its files, or where it goes instead.

use std::path::Path;

use crate::base::Text;
use crate::sys::file::{self, FileKind, FileStatus};

use super::Finding;

const TOPIC: &str = "runtime directory";

const FIX: &str = "a login session makes one (`loginctl enable-linger` keeps it); without it bryo uses a private directory under /tmp";

pub(super) fn find(environment: &[(Text, Text)], uid: u32) -> Finding {
    let set = environment
        .iter()
        .find(|(name, value)| name.as_bytes() == b"XDG_RUNTIME_DIR" && !value.as_bytes().is_empty())
        .map(|(_, value)| value);
    let Some(directory) = set else {
        return Finding::degraded(TOPIC, "XDG_RUNTIME_DIR is not set", FIX);
    };
    match file::status_of_path(Path::new(directory.as_os_str())) {
        Err(failed) => Finding::degraded(TOPIC, format!("`{directory}`: {}", failed.errno), FIX),
        Ok(status) => match fault_of(&status, uid) {
            Some(fault) => Finding::degraded(TOPIC, format!("`{directory}` {fault}"), FIX),
            None => Finding::works(TOPIC, format!("`{directory}` is yours alone")),
        },
    }
}

/// What the XDG base directory specification asks: a directory, the user's own, mode 0700.
fn fault_of(status: &FileStatus, uid: u32) -> Option<&'static str> {
    if status.kind != FileKind::Directory {
        Some("is not a directory")
    } else if status.uid != uid {
        Some("belongs to another user")
    } else if status.mode & 0o077 != 0 {
        Some("is open to other users")
    } else {
        None
    }
}
