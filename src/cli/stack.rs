//! The neighbours of changes that are applied or taken back: what they lie on, and what lies on them.
//!
//! What others lie on may be applied: a name of its layer goes to the host, where those above see it
//! through the layer that has lost it, so what they show is the same before and after, and the
//! same again when it is taken back. They may not be applied before it: what they were made over
//! would not be there.

use crate::base::wording::count;
use crate::base::{Context, Error, HostPath, Result};
use crate::changes::{Layer, applicable, apply, layers_in};
use crate::store::{ChangeStore, Kept, Lock, Stage, Turn};
use crate::sys::file;

use super::policy::Place;

/// Locked as long as this lives.
pub(super) struct Neighbours {
    /// From the top down.
    below: Vec<(Kept, Lock)>,
    /// Each before those that lie on it.
    above: Vec<(Kept, Lock)>,
}

impl Neighbours {
    pub(super) fn hold(place: &Place, kept: &Kept) -> Result<Self> {
        let store = ChangeStore::of(&place.directories.data);
        let below = store.all_below(kept)?.into_iter();
        let below = below.map(|it| it.lock_with_others().map(|lock| (it, lock)));
        let above = store.all_above(kept)?.into_iter();
        let above = above.map(|it| it.lock().map(|lock| (it, lock)));
        Ok(Self { below: below.collect::<Result<_>>()?, above: above.collect::<Result<_>>()? })
    }

    /// The lowest that is not is named.
    pub(super) fn expect_all_below_applied(&self, kept: &Kept) -> Result<()> {
        for (below, _) in self.below.iter().rev() {
            let left = applicable(&layers_in(&below.layers())?)?;
            if left > 0 {
                let left = count(usize::try_from(left).unwrap_or(usize::MAX), "change");
                return Err(Error::new(format!(
                    "they lie on `{}`, which still has {left}",
                    below.name
                ))
                .within(format!("cannot apply `{}`", kept.name))
                .hint(format!("nothing was touched; `bryo apply {}` goes first", below.name)));
            }
        }
        Ok(())
    }

    /// What was applied on top of an apply is taken back first.
    pub(super) fn expect_none_above_applied(&self, kept: &Kept) -> Result<()> {
        for (above, _) in self.above.iter().rev() {
            if let Some((_, Stage::Begun | Stage::Applied | Stage::TakenBackInPart)) =
                Turn::newest(above)?
            {
                return Err(Error::new(format!(
                    "`{}`, which lies on them, was applied after it",
                    above.name
                ))
                .within(format!("cannot take the apply of `{}` back", kept.name))
                .hint(format!("`bryo undo {}` goes first", above.name)));
            }
        }
        Ok(())
    }

    /// What lies below those above. Damage to one of them is found by this before anything is
    /// touched.
    pub(super) fn note_above(&self) -> Result<()> {
        for (above, _) in &self.above {
            note_late(above, &layers_in(&above.layers())?)?;
        }
        Ok(())
    }

    /// After the steps of the paper were taken, or taken back.
    pub(super) fn refresh_above(&self, layers: &[Layer], paper: &HostPath) -> Result<()> {
        for (above, _) in &self.above {
            let over = layers_in(&above.layers())?;
            apply::refresh_above(layers, paper, &over, &above.baseline()).context(|| {
                format!("cannot note for `{}` what was carried over below it", above.name)
            })?;
        }
        Ok(())
    }
}

/// What lies below the layers, noted where the try was killed before it could.
pub(super) fn note_late(kept: &Kept, layers: &[Layer]) -> Result<()> {
    if file::status_of_path(kept.baseline().as_path()).is_ok() {
        return Ok(());
    }
    let began = kept.record()?.began.into();
    apply::note(layers, began, &kept.baseline(), &kept.bases())
}
