//! A private home: HOME, the XDG directories and a working directory below one scratch root.
//! Runs that share a home meet each other's files; a run without one gets a fresh home.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Scratch;

#[derive(Clone, Debug)]
pub(crate) struct Home(Arc<Scratch>);

impl Home {
    pub(crate) fn new() -> Self {
        let scratch = Scratch::new();
        for name in ["home", "run", "data", "config", "work"] {
            scratch.dir(name);
        }
        // The XDG specification wants the runtime directory closed to others.
        fs::set_permissions(scratch.join("run"), fs::Permissions::from_mode(0o700)).unwrap();
        Self(Arc::new(scratch))
    }

    /// The scratch directory that holds all others.
    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn scratch(&self) -> &Scratch {
        &self.0
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.0.join("home")
    }

    pub(crate) fn runtime(&self) -> PathBuf {
        self.0.join("run")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.0.join("config")
    }

    /// Where runs start unless told otherwise: a directory beside the home, not in it.
    pub(crate) fn work(&self) -> PathBuf {
        self.0.join("work")
    }

    /// The whole environment of a run: nothing else is passed on.
    pub(crate) fn environment(&self) -> Vec<(String, PathBuf)> {
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
        vec![
            ("PATH".to_owned(), path.into()),
            ("HOME".to_owned(), self.home()),
            ("XDG_RUNTIME_DIR".to_owned(), self.runtime()),
            ("XDG_DATA_HOME".to_owned(), self.data()),
            ("XDG_CONFIG_HOME".to_owned(), self.config()),
        ]
    }
}
