//! What the sandbox changed and somebody removed outside meanwhile. Nothing lies below it any more,
//! as below a file that is new; but the driver has noted that it was copied up from there.
//!
//! Renamed in the sandbox it bears the same note. fuse-overlayfs writes the old path into it; the
//! kernel an empty one, for only root may be given a file handle (ovl_can_decode_fh). There, what was
//! deleted in the sandbox may explain it, and as long as anything does, nothing is claimed.

use std::collections::{HashMap, HashSet};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

use crate::base::Result;
use crate::changes::change::{Change, What};
use crate::changes::dialect::{Dialect, Origin};
use crate::changes::layer::Layer;
use crate::changes::walk::{Spot, walk};
use crate::sys::clock::Moment;
use crate::sys::entry;
use crate::sys::facts::{self, Facts, Type};

/// Asked of the changes of one layer.
pub(super) struct Vanished<'a> {
    layer: &'a Layer,
    /// When the sandbox began.
    began: Moment,
    /// When it was asked the last time: an answer stays as it was.
    asked: Option<Moment>,
    /// Of the kernel's, those that were not renamed; found when the first is met.
    not_renamed: Option<HashSet<Vec<u8>>>,
}

impl<'a> Vanished<'a> {
    pub(super) fn of(layer: &'a Layer, began: Moment, asked: Option<Moment>) -> Self {
        Self { layer, began, asked, not_renamed: None }
    }

    /// Whether this was made from something that was removed outside.
    pub(super) fn has(&mut self, change: &Change, spot: &Spot<'_>) -> Result<bool> {
        match (self.origin(change, spot)?, change.after) {
            (None, _) | (_, None) => Ok(false),
            (Some(Origin::Here), _) => Ok(true),
            // The kernel renames no directory of which anything is below (EXDEV).
            (Some(Origin::Somewhere), Some(after)) if after.is_directory() => Ok(true),
            (Some(Origin::Somewhere), Some(_)) => {
                if self.not_renamed.is_none() {
                    self.not_renamed = Some(self.find_not_renamed()?);
                }
                let path = spot.path.as_os_str().as_bytes();
                Ok(self.not_renamed.as_ref().is_some_and(|paths| paths.contains(path)))
            }
        }
    }

    fn origin(&self, change: &Change, spot: &Spot<'_>) -> Result<Option<Origin>> {
        let (None, Some(after)) = (&change.before, &change.after) else { return Ok(None) };
        if !self.may_be(after, spot)? {
            return Ok(None);
        }
        let fd = match after.kind {
            Type::Directory => entry::open_directory_at(spot.upper, spot.name),
            _ => entry::open_file_at(spot.upper, spot.name),
        };
        // What this user may not open has no note that he could read.
        let Ok(fd) = fd else { return Ok(None) };
        self.layer.dialect.origin(fd.as_fd(), spot.path)
    }

    /// Cheaply, for most that is new is in directories that are new, too, or where nobody else has
    /// removed a name.
    fn may_be(&self, after: &Facts, spot: &Spot<'_>) -> Result<bool> {
        let is_noted = match after.kind {
            Type::Regular => after.links == 1,
            kind => kind == Type::Directory,
        };
        let may_lack = match (spot.lower, self.layer.dialect) {
            _ if !is_noted => false,
            (Some(lower), _) => facts::facts(lower)?.modified > self.began,
            // The directory that is gone says it of itself.
            (None, Dialect::Kernel) => false,
            // It does not, but one that was made in the sandbox says so.
            (None, Dialect::Fuse) => !self.layer.dialect.is_opaque(spot.upper)?,
        };
        if !may_lack {
            return Ok(false);
        }
        let Some(asked) = self.asked else { return Ok(true) };
        Ok(facts::born_at(spot.upper, spot.name)?.is_some_and(|born| born > asked))
    }

    /// A file that was deleted in the sandbox explains one that is equal to it; any other one could
    /// have been renamed and then written to. So could one that was replaced, but hardly ever is.
    fn find_not_renamed(&self) -> Result<HashSet<Vec<u8>>> {
        let equal =
            |facts: &Facts| (facts.size, facts.modified.seconds, facts.modified.nanoseconds);
        let mut found: HashMap<_, Vec<Vec<u8>>> = HashMap::new();
        walk(self.layer, &mut |change, spot| {
            if let (Some(Origin::Somewhere), Some(after)) =
                (self.origin(change, spot)?, change.after)
            {
                let path = spot.path.as_os_str().as_bytes().to_vec();
                found.entry(equal(&after)).or_default().push(path);
            }
            Ok(())
        })?;
        let mut is_told = true;
        walk(self.layer, &mut |change, _| {
            let Some(before) = change.before else { return Ok(()) };
            let explained = found.get_mut(&equal(&before)).and_then(Vec::pop);
            let is_gone = matches!(change.what, What::Deleted | What::Replaced);
            // A copy of one that has more names bears no note (ovl_copy_up_one).
            let bears_note = before.is_directory() || before.links == 1;
            is_told &= explained.is_some() || !is_gone || !bears_note;
            Ok(())
        })?;
        Ok(if is_told { found.into_values().flatten().collect() } else { HashSet::new() })
    }
}
