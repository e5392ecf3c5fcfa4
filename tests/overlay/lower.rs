//! A tree to lay overlays over, and what of it they must not change.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use crate::support::Scratch;

/// A root file system with `tree` in it.
pub(super) struct Lower(Scratch);

impl Lower {
    pub(super) fn new() -> Self {
        let scratch = Scratch::new();
        scratch.write("tree/a", "hello\n");
        scratch.write("tree/d/x", "ex\n");
        scratch.write("tree/d/y/z", "zed\n");
        scratch.write("tree/h1", "hard\n");
        fs::hard_link(scratch.join("tree/h1"), scratch.join("tree/h2")).unwrap();
        symlink("a", scratch.join("tree/link")).unwrap();
        fs::set_permissions(scratch.join("tree/a"), fs::Permissions::from_mode(0o640)).unwrap();
        let time = std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        fs::File::open(scratch.join("tree/h1")).unwrap().set_modified(time).unwrap();
        Self(scratch)
    }

    pub(super) fn with_busybox() -> Option<Self> {
        let busybox = crate::support::program("busybox")?;
        let lower = Self::new();
        let bin = lower.0.dir("bin");
        fs::copy(busybox, bin.join("busybox")).unwrap();
        for name in ["sh", "true"] {
            symlink("busybox", bin.join(name)).unwrap();
        }
        Some(lower)
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Everything in it that an overlay must not change.
    pub(super) fn fingerprint(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        collect(self.path(), &mut all);
        all
    }
}

fn collect(path: &Path, all: &mut BTreeMap<String, String>) {
    let status = fs::symlink_metadata(path).unwrap();
    let (mode, time) = (status.mode(), status.mtime_nsec() + status.mtime() * 1_000_000_000);
    let content = if status.is_symlink() {
        fs::read_link(path).unwrap().into_os_string().into_encoded_bytes()
    } else if status.is_file() {
        fs::read(path).unwrap()
    } else {
        Vec::new()
    };
    let what = format!("{mode:o} {time} {} {} {content:?}", status.uid(), status.nlink());
    all.insert(path.display().to_string(), what);
    if status.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            collect(&entry.unwrap().path(), all);
        }
    }
}
