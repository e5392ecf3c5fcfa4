//! The families: a table of probes each, with the proofs that only they need. A family is a C
//! program of the same name, and one test.

mod descriptors;
mod files;
mod ipc;
mod kernel;
mod limits;
mod mounts;
mod network;
mod proc;
mod processes;
mod secrets;
mod terminal;

use super::probe::Family;

pub(crate) const ALL: [&Family; 11] = [
    &terminal::FAMILY,
    &descriptors::FAMILY,
    &files::FAMILY,
    &mounts::FAMILY,
    &proc::FAMILY,
    &kernel::FAMILY,
    &processes::FAMILY,
    &ipc::FAMILY,
    &network::FAMILY,
    &secrets::FAMILY,
    &limits::FAMILY,
];
