//! What is kept on disk between runs: the changes of a try, and which of the policies found in a
//! project are allowed; and the files of the user that are read: policies.
//!
//! This room decides nothing about a sandbox.

mod changes;
mod directory;
mod names;
pub mod outsider;
mod policy_file;
mod project;
mod record;
mod removal;
mod shape;
mod spare;
mod stack;
mod trust;
mod turn;

pub use crate::sandbox::Lock;
pub use changes::{ChangeStore, Kept};
pub use directory::Directories;
pub use policy_file::{PolicyFile, policy_names};
pub use project::{Found, ProjectFile, consult};
pub use record::{End, Record, Time};
pub use trust::{Forgotten, Standing, Trust, TrustEntry};
pub use turn::{Stage, Turn};
