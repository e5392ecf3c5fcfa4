//! The families: a table of probes each, with the proofs that only they need. A family is a C
//! program of the same name, and one test.

mod descriptors;
mod files;

use super::probe::Family;

pub(crate) const ALL: [&Family; 2] = [&files::FAMILY, &descriptors::FAMILY];
