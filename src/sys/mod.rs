//! System calls: the only unsafe code, and the only place that names nix, rustix and libc.
//!
//! Each function is one kernel call (or the few that make one act), keeps the kernel's words, and
//! fails with a [`CallError`] that remembers the call, its arguments and errno. Nothing here
//! decides anything.

#![allow(unsafe_code)]

mod call;

pub mod capability;
pub mod clock;
pub mod clone;
pub mod entry;
pub mod epoll;
pub mod extent;
pub mod facts;
pub mod file;
pub mod inode;
pub mod keyring;
pub mod landlock;
pub mod memory;
pub mod mount;
pub mod namespace;
pub mod netlink;
pub mod poll;
pub mod process;
pub mod random;
pub mod rlimit;
pub mod seccomp;
pub mod signal;
pub mod small_file;
pub mod socket;
pub mod stream;
pub mod surface;
pub mod terminal;
pub mod traffic;
pub mod usage;

pub use call::{CallError, Errno, Result};
