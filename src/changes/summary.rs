//! How many changes there are, of each kind.

use std::fmt;

use serde::Serialize;

use crate::base::{HostPath, Result};
use crate::sys::facts::Type;

use super::change::What;
use super::layer::{Layer, layers_in};
use super::walk::walk;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Summary {
    pub added: u64,
    pub modified: u64,
    pub deleted: u64,
    /// Bytes of the files that were added or modified.
    pub bytes: u64,
}

impl Summary {
    /// Of all layers of a place.
    pub fn of(layers: &HostPath) -> Result<Self> {
        let mut summary = Self::default();
        for layer in layers_in(layers)? {
            walk(&layer, &mut |change, _| {
                match change.what {
                    What::Added => summary.added += 1,
                    What::Modified(_) | What::Replaced => summary.modified += 1,
                    What::Deleted => summary.deleted += 1,
                }
                summary.bytes += change.after.map_or(0, |it| it.allocated);
                Ok(())
            })?;
        }
        Ok(summary)
    }

    #[must_use]
    pub fn total(self) -> u64 {
        self.added + self.modified + self.deleted
    }
}

/// How many changes could be applied: devices, FIFOs and sockets stay where they are.
pub fn applicable(layers: &[Layer]) -> Result<u64> {
    let mut number = 0;
    for layer in layers {
        walk(layer, &mut |change, _| {
            number += u64::from(change.after.is_none_or(|it| {
                matches!(it.kind, Type::Regular | Type::Directory | Type::Symlink)
            }));
            Ok(())
        })?;
    }
    Ok(number)
}

/// `3 added, 8 modified, 1 deleted`, without what there is none of.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [(self.added, "added"), (self.modified, "modified"), (self.deleted, "deleted")];
        let mut first = true;
        for (count, kind) in kinds.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "{}{count} {kind}", if first { "" } else { ", " })?;
            first = false;
        }
        if first { f.write_str("nothing") } else { Ok(()) }
    }
}
