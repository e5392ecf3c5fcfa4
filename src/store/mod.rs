//! What is kept on disk between runs, and the files of the user that are read: policies, and
//! which of the policies found in a project are allowed.
//!
//! This room decides nothing about a sandbox.

mod directory;
mod policy_file;
mod project;
mod trust;

pub use directory::Directories;
pub use policy_file::{PolicyFile, policy_names};
pub use project::{Found, ProjectFile, consult};
pub use trust::{Forgotten, Standing, Trust, TrustEntry};
