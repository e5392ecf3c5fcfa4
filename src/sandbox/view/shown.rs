//! What of the host stands where in the new root: for whose a place is, and for advice that names
//! the host's own path.

use std::path::{Path, PathBuf};

use crate::base::{BoxPath, HostPath};
use crate::plan::Layer;

pub(super) struct Shown {
    pub(super) at: PathBuf,
    pub(super) source: HostPath,
    pub(super) what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum What {
    /// The whole root.
    Root,
    Tree,
    /// The sandbox's own home, which lasts.
    LastingHome,
}

impl Shown {
    /// What a layer shows of the host, if it does.
    pub(super) fn by(layer: &Layer, at: &BoxPath) -> Option<Self> {
        let (source, what) = match layer {
            Layer::Bind { source, .. } => (source, What::Tree),
            Layer::Home { source } => (source, What::LastingHome),
            _ => return None,
        };
        Some(Self { at: at.as_path().to_path_buf(), source: source.clone(), what })
    }

    pub(super) fn tree(source: &HostPath) -> Self {
        Self { at: Path::new("/").to_path_buf(), source: source.clone(), what: What::Root }
    }
}
