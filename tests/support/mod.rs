//! What the topics of the suite stand on. Never touches the real home, and never waits without a
//! limit.
//!
//! ```text
//! Bryo        one run of bryo: what is asked, and what must come of it
//! Running     a run that has started, for tests that act meanwhile
//! Terminal    a run on a pseudo-terminal, typed at by the test
//! Home        a private HOME and XDG directories, shared by the runs of one test
//! Scratch     a temporary directory, removed whatever is in it
//! Leftovers   what a run has left behind: processes, mounts, files
//! host        machines made of facts, for plans without a machine
//! debian      a root file system to install packages in
//! World       a machine within the machine, with accounts and ranges of its own
//! skip!       a test that this machine cannot run, with its reason
//! patient     a time limit, longer on a slow machine
//! Deadline    the same, put off while the machine stands still
//! Stopwatch   how long something took, without the time that the machine stood still
//! rust        the Rust that made the tests, for a home of a test
//! port        a port that nobody has
//! readme      the commands of the README
//! stat        what the kernel says of a process
//! Tree        a directory tree, to be compared
//! place       where the binary under test and the tree are
//! source      the files of the tree, for the house rules
//! ```

// A topic may come and go without taking the ground it stood on with it.
#![allow(dead_code, unused_imports)]

#[macro_use]
mod skip;

mod bryo;
mod deadline;
pub(crate) mod debian;
mod home;
pub(crate) mod host;
mod leftovers;
mod patience;
pub(crate) mod place;
pub(crate) mod port;
mod pulse;
pub(crate) mod readme;
mod running;
pub(crate) mod rust;
mod scratch;
pub(crate) mod source;
pub(crate) mod stat;
mod terminal;
mod transcript;
mod tree;
mod world;

pub(crate) use bryo::Bryo;
pub(crate) use deadline::{Deadline, Stopwatch};
pub(crate) use home::Home;
pub(crate) use leftovers::{Grace, Leftovers};
pub(crate) use patience::{patient, slowness};
pub(crate) use running::{Outcome, Running};
pub(crate) use scratch::Scratch;
pub(crate) use skip::{lacks_fuse, landlock, program, report_skip};
pub(crate) use terminal::Terminal;
pub(crate) use tree::Tree;
pub(crate) use world::World;
