//! The families: a table of probes each, with the proofs that only they need. A family is a C
//! program of the same name, and one test.

mod descriptors;
mod files;
mod kernel;
mod proc;
mod terminal;

use super::probe::Family;

pub(crate) const ALL: [&Family; 5] =
    [&terminal::FAMILY, &descriptors::FAMILY, &files::FAMILY, &proc::FAMILY, &kernel::FAMILY];
