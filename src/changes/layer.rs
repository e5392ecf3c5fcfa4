//! The layers of one place in the store: which directory each lies over, and who wrote it.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;

use crate::base::{Context, Error, HostPath, Result};
use crate::host::stack;
use crate::sys::{entry, facts, file};

use super::dialect::Dialect;
use super::rights::take_over_own_files;

/// What was written over one directory of the host.
#[derive(Debug)]
pub struct Layer {
    /// The directory that it lies over.
    pub lower: HostPath,
    pub dialect: Dialect,
    pub owners: Owners,
    /// The layer itself, open.
    pub upper: OwnedFd,
    /// What lies between it and the directory: the layers that it is stacked on, from the top down.
    pub below: Vec<Sheet>,
}

/// A layer that another one is stacked on.
#[derive(Debug)]
pub struct Sheet {
    pub dialect: Dialect,
    pub upper: OwnedFd,
}

impl Layer {
    /// Whether nothing was written, nor deleted.
    fn is_empty(&self) -> bool {
        file::is_empty_directory(self.upper.as_fd()).unwrap_or(false)
    }
}

/// What the owners of files in a layer tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owners {
    Theirs,
    /// Nothing: the driver showed every file as root's, and wrote it as the user's.
    AllRoot,
}

/// Every layer of a place, in the order of the directories below them, each over those that the
/// place is stacked on. From now on this process may read all that its user owns.
pub fn layers_in(place: &HostPath) -> Result<Vec<Layer>> {
    // Most tries write nothing: they need no right to read it.
    match open_stack(place) {
        Ok(layers) if layers.iter().all(Layer::is_empty) => return Ok(layers),
        _ => take_over_own_files(),
    }
    open_stack(place)
}

/// The same, each over the host alone, as they are once all that the place is stacked on was
/// applied.
pub fn layers_over_host(place: &HostPath) -> Result<Vec<Layer>> {
    take_over_own_files();
    open_layers(place)
}

fn open_stack(place: &HostPath) -> Result<Vec<Layer>> {
    let mut layers = open_layers(place)?;
    let below = stack::below(place).context(|| format!("cannot read the changes in `{place}`"))?;
    for neighbour in &below {
        for sheet in open_layers(neighbour)? {
            if let Some(layer) = layers.iter_mut().find(|it| it.lower == sheet.lower) {
                layer.below.push(Sheet { dialect: sheet.dialect, upper: sheet.upper });
            }
        }
    }
    Ok(layers)
}

fn open_layers(place: &HostPath) -> Result<Vec<Layer>> {
    let clause = || format!("cannot read the changes in `{place}`");
    let base = file::open_path_for_reading(place.as_path()).context(clause)?;
    let dialect = dialect(base.as_fd()).context(clause)?;
    let mut layers = Vec::new();
    for name in file::names_in(base.as_fd()).context(clause)? {
        if is_layer(&name) {
            layers.push(layer(base.as_fd(), &name, dialect).context(clause)?);
        }
    }
    layers.sort_by(|a, b| a.lower.cmp(&b.lower));
    Ok(layers)
}

/// `0`, `1`, and `0.1` for what was mounted below the first.
fn is_layer(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with(|c: char| c.is_ascii_digit()))
}

fn dialect(base: BorrowedFd<'_>) -> Result<Dialect> {
    match noted(base, "driver", 64)?.trim_ascii() {
        b"kernel" => Ok(Dialect::Kernel),
        b"fuse" => Ok(Dialect::Fuse),
        _ => Err(Error::new("its file `driver` names no overlay driver")),
    }
}

fn layer(base: BorrowedFd<'_>, name: &OsStr, dialect: Dialect) -> Result<Layer> {
    let directory = entry::open_directory_at(base, name)?;
    let lower = noted(directory.as_fd(), "lower", 1 << 16)?;
    if !lower.starts_with(b"/") {
        return Err(Error::new("its file `lower` does not say which directory it lies over")
            .within(format!("cannot use the layer {name:?}")));
    }
    Ok(Layer {
        lower: HostPath::absolute(OsString::from_vec(lower)),
        dialect,
        owners: owners(directory.as_fd())?,
        upper: entry::open_directory_at(directory.as_fd(), "upper".as_ref())?,
        below: Vec::new(),
    })
}

fn noted(directory: BorrowedFd<'_>, name: &str, limit: usize) -> Result<Vec<u8>> {
    let clause = || format!("cannot read its file `{name}`");
    let fd = entry::open_file_at(directory, name.as_ref()).context(clause)?;
    file::read_all(fd.as_fd(), limit).context(clause)
}

fn owners(layer: BorrowedFd<'_>) -> Result<Owners> {
    match facts::facts_at(layer, "all-root".as_ref())? {
        Some(_) => Ok(Owners::AllRoot),
        None => Ok(Owners::Theirs),
    }
}
