//! The suite: bryo as a person meets it, one module a topic, in one binary.
//!
//! Every test judges stdout, stderr and exit status through [`support::Bryo`], runs in a private
//! home, and must fail when the thing it tests is broken. `scripts/test` runs it as an ordinary
//! user.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[macro_use]
mod support;

mod archive;
mod bad_input;
mod changes;
mod changes_apply;
mod confinement;
mod diff;
mod doctor;
mod documents;
mod environment;
mod escapes;
mod explain;
mod harness;
mod house;
mod identity;
mod integrity;
mod limits;
mod net;
mod overlay;
mod plans;
mod policy;
mod ports;
mod process;
mod report;
mod rootfs;
mod seccomp;
mod self_test;
mod streams;
mod terminal;
mod tools;
mod r#try;
mod view;
mod view_flags;
mod view_mounts;
mod workloads;
