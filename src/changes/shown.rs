//! What is shown of the changes, and how: the same for every form.

use std::io;
use std::path::{Path, PathBuf};

use crate::base::{Error, HostPath, Result};

use super::change::Change;
use super::layer::Layer;
use super::walk::{Spot, walk};

pub struct Shown<'a> {
    pub selects: &'a dyn Fn(&HostPath) -> bool,
    /// Paths below it are named relative to it.
    pub from: &'a HostPath,
    /// For a person, paths below it begin with `~`.
    pub home: &'a HostPath,
    pub style: Style,
}

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    pub colour: Colour,
    pub bytes: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    Plain,
    Coloured,
}

/// What becomes of control characters in the lines of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bytes {
    /// For programs.
    Kept,
    /// For a terminal, which must not obey them.
    Escaped,
}

impl Shown<'_> {
    /// Every change that is meant, with its path.
    pub(super) fn each(
        &self,
        layers: &[Layer],
        see: &mut dyn FnMut(&Change, &Spot<'_>, &HostPath) -> Result<()>,
    ) -> Result<()> {
        layers.iter().try_for_each(|layer| {
            walk(layer, &mut |change, spot| {
                let path = layer.lower.join(spot.path);
                if (self.selects)(&path) { see(change, spot, &path) } else { Ok(()) }
            })
        })
    }

    pub(super) fn relative<'p>(&self, path: &'p HostPath) -> &'p Path {
        match path.as_path().strip_prefix(self.from.as_path()) {
            Ok(below) if below.as_os_str().is_empty() => Path::new("."),
            Ok(below) => below,
            Err(_) => path.as_path(),
        }
    }

    /// As a person writes it: seen from there, from the home, or from the root.
    pub(super) fn named(&self, path: &HostPath) -> PathBuf {
        let has_home = self.home.as_path().parent().is_some();
        match self.relative(path) {
            absolute if absolute.has_root() => match absolute.strip_prefix(self.home.as_path()) {
                Ok(below) if has_home => Path::new("~").join(below),
                _ => absolute.to_owned(),
            },
            // That is a name, and no home.
            below if below.starts_with("~") => Path::new(".").join(below),
            below => below.to_owned(),
        }
    }
}

/// Whoever reads has read enough.
pub(super) fn gone(error: io::Error) -> Error {
    Error::new(error.to_string()).within("cannot write the changes")
}
