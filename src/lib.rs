//! The map of the house. A room imports only rooms below it.
//!
//! ```text
//! main.rs      argv in, exit code out
//! cli/         one file a verb: its flags become a Spec, its answer goes to print.rs
//! changes/     what a sandbox changed: list, diff, apply, discard
//! store/       what is kept on disk between runs
//! probe/       what is tried on a sandbox, to see whether it holds
//! sandbox/     the story: caller, init, payload, and their parts
//! plan/        Plan, resolve, explain
//! spec/ host/  what was asked, what this machine can do
//! base/        errors, paths, sizes, durations, id ranges, ports, wording
//! sys/         system calls: the only unsafe
//! ```

pub mod base;
pub mod changes;
pub mod cli;
pub mod host;
pub mod plan;
pub mod probe;
pub mod sandbox;
pub mod spec;
pub mod store;
pub mod sys;
