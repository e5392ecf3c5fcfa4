//! Kept layers that lie between an upper and the host: the uppers of other places, read and never
//! written. Each is over one directory, and is shown by the overlay over that very directory.

use std::cell::Cell;
use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use crate::base::{Context, Error, HostPath, Result};
use crate::plan::OverlayPlan;
use crate::sys::file::{self, Links};
use crate::sys::{Errno, entry};

use super::directory_below;

#[derive(Default)]
pub(super) struct Below {
    /// From the top down.
    places: Vec<Place>,
}

struct Place {
    directory: HostPath,
    sheets: Vec<Sheet>,
}

struct Sheet {
    lower: HostPath,
    upper: OwnedFd,
    is_shown: Cell<bool>,
}

impl Below {
    /// By path and not by inherited descriptors: overlayfs takes layers only from mounts of one's own
    /// mount namespace.
    pub(super) fn open(plan: &OverlayPlan) -> Result<Self> {
        let places = plan.below.iter().map(Place::open).collect::<Result<_>>()?;
        Ok(Self { places })
    }

    /// The layers over a directory, from the top down.
    pub(super) fn over(&self, lower: &HostPath) -> Result<Vec<BorrowedFd<'_>>> {
        let mut uppers = Vec::new();
        for place in &self.places {
            match place.sheets.iter().find(|sheet| sheet.lower == *lower) {
                Some(sheet) => {
                    sheet.is_shown.set(true);
                    uppers.push(sheet.upper.as_fd());
                }
                None => place.expect_nothing_at(lower)?,
            }
        }
        Ok(uppers)
    }

    /// Where mounts came and went since a layer was written, it may have no place any more.
    pub(super) fn expect_all_shown_within(&self, lower: &HostPath) -> Result<()> {
        for place in &self.places {
            for sheet in place.sheets.iter().filter(|sheet| sheet.lower.is_within(lower)) {
                if !sheet.is_shown.get() && !file::names_in(sheet.upper.as_fd())?.is_empty() {
                    return Err(mounts_differ(&place.directory, &sheet.lower));
                }
            }
        }
        Ok(())
    }
}

impl Place {
    fn open(directory: &HostPath) -> Result<Self> {
        let clause = || format!("cannot read the layers in `{directory}`");
        let base = file::open_without_links(directory.as_path()).context(clause)?;
        let base = directory_below(base.as_fd(), ".").context(clause)?;
        let mut sheets = Vec::new();
        for name in file::names_in(base.as_fd()).context(clause)? {
            if name.to_str().is_some_and(|name| name.starts_with(|c: char| c.is_ascii_digit())) {
                let layer = entry::open_directory_at(base.as_fd(), &name).context(clause)?;
                sheets.push(Sheet::open(layer.as_fd()).context(clause)?);
            }
        }
        Ok(Self { directory: directory.clone(), sheets })
    }

    /// What a layer over a directory further up has there would be hidden.
    fn expect_nothing_at(&self, lower: &HostPath) -> Result<()> {
        for sheet in &self.sheets {
            let Ok(path) = lower.as_path().strip_prefix(sheet.lower.as_path()) else { continue };
            match file::open_below(sheet.upper.as_fd(), path, Links::Refuse) {
                Ok(_) => return Err(mounts_differ(&self.directory, lower)),
                Err(e) if matches!(e.errno, Errno::ENOENT | Errno::ENOTDIR) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }
}

impl Sheet {
    fn open(layer: BorrowedFd<'_>) -> Result<Self> {
        let noted = entry::open_file_at(layer, "lower".as_ref())?;
        let lower = OsString::from_vec(file::read_all(noted.as_fd(), 1 << 16)?);
        if !Path::new(&lower).is_absolute() {
            return Err(Error::new("it is not noted which directory a layer lies over"));
        }
        let upper = directory_below(layer, "upper")?;
        Ok(Self { lower: HostPath::absolute(lower), upper, is_shown: Cell::new(false) })
    }
}

fn mounts_differ(place: &HostPath, lower: &HostPath) -> Error {
    Error::new(format!(
        "what `{place}` has in `{lower}` was written when other filesystems were mounted there"
    ))
    .hint("mount them as they were, or apply what it is stacked on first")
}
