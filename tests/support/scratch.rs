//! A temporary directory of a test, removed with whatever is in it: unreadable directories and
//! files of subordinate ids too.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        // The end must not be the beginning of another: leftovers are known by this path.
        let name = format!("bryo-test-{}-{count}.d", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap_or_else(|error| panic!("mkdir {}: {error}", path.display()));
        Self(path.canonicalize().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn join(&self, below: impl AsRef<Path>) -> PathBuf {
        self.0.join(below)
    }

    /// Writes a file, with the directories above it.
    pub(crate) fn write(&self, below: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.make_room_for(below.as_ref());
        fs::write(&path, content).unwrap();
        path
    }

    /// Writes a file that can be executed.
    pub(crate) fn script(&self, below: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.write(below, content);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    pub(crate) fn dir(&self, below: impl AsRef<Path>) -> PathBuf {
        let path = self.join(below);
        fs::create_dir_all(&path).unwrap();
        path
    }

    #[track_caller]
    pub(crate) fn read(&self, below: impl AsRef<Path>) -> String {
        let path = self.join(below);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn make_room_for(&self, below: &Path) -> PathBuf {
        let path = self.join(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if fs::remove_dir_all(&self.0).is_ok() {
            return;
        }
        open_directories(&self.0);
        if fs::remove_dir_all(&self.0).is_err() {
            remove_as_mapped_root(&self.0);
        }
    }
}

/// Makes every directory that is ours enterable and writable again.
fn open_directories(directory: &Path) {
    let _ = fs::set_permissions(directory, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_directories(&entry.path());
        }
    }
}

/// Files of subordinate ids are removed by the root of a user namespace that maps them.
fn remove_as_mapped_root(directory: &Path) {
    let _ = Command::new("unshare")
        .args(["--user", "--map-root-user", "--map-auto", "--", "rm", "-rf", "--"])
        .arg(directory)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status();
}
