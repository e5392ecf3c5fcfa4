//! Apply: what a layer holds is carried over to the directory it lies over.
//!
//! First a plan: every change is looked at, and nothing is touched if one of them was overtaken by
//! a change outside. The plan is written down and synced, then carried out in steps, each of which
//! is one rename: a name has its old content or its new one, never a part. What was replaced or
//! removed goes into the place of the changes, for [`undo`]. A run that was killed is gone on with
//! from the same paper: each step tells by the inodes it finds whether it was done.

mod baseline;
mod carry;
mod conflict;
mod journal;
mod line;
mod place;
mod planning;
mod step;
mod three_way;
mod transfer;
mod undo;
mod way;

pub use baseline::{note, refresh};
pub use carry::{Run, carry_out};
pub use conflict::{Conflict, OnConflict};
pub use planning::{Planned, Wish, plan};
pub use undo::{settle, undo, undo_is_possible};
