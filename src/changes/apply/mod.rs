//! Apply: what a layer holds is carried over to the directory it lies over.
//!
//! First a plan: every change is looked at, and nothing is touched if one of them was overtaken by
//! a change outside. The plan is written down and synced, then carried out in steps, each of which
//! is one rename: a name has its old content or its new one, never a part. What was replaced or
//! removed goes into the place of the changes, for [`undo`]. A run that was killed is gone on with
//! from the same paper: each step tells by the inodes it finds whether it was done.

mod baseline;
mod bases;
mod carry;
mod choice;
mod choosing;
mod composing;
mod conflict;
mod journal;
pub(super) mod line;
mod merging;
mod noting;
mod overtaken;
mod place;
mod planning;
mod rights;
mod stacked;
mod step;
mod three_way;
pub(super) mod transfer;
mod undo;
mod undoable;
mod vanished;
pub(super) mod way;

pub use carry::{Run, carry_out};
pub use choice::Choices;
pub use choosing::{About, Answer, Asked, choose};
pub use composing::Composer;
pub use conflict::{Conflict, Few, OnConflict, Overtaken};
pub use noting::{advance, note, refresh};
pub use planning::{Planned, Whereabouts, Wish, plan};
pub use rights::{Forbidden, Full};
pub use stacked::refresh_above;
pub use undo::{Touched, settle, undo};
pub use undoable::{Extent, undo_is_possible};
