//! The fault sweep: launches of each kind, in which every system call of bryo's own processes is
//! made to fail in turn, and every process is killed or stopped at every step. Each run must end
//! within five seconds in one clear error and exit status 125, or in the command's true output
//! under every protection; and nothing may be left of it.
//!
//! ```text
//! kind     the launches, and what they need
//! story    whose call, and what was done to it
//! tracer   runs one of them and does one deed at one call
//! process  the processes of a run
//! fault    which deeds make sense at which call
//! full_disk  the same with a disk that is full
//! facts    what the command says of its sandbox, made comparable
//! traces   what a run has left
//! world    the rest of the machine, before and after all of them
//! verdict  what came of a run: clean, or why not
//! sweep    all faults of a kind, side by side, counted
//! calls    system calls by name
//! ```
//!
//! `scripts/test` sweeps a sample that is the same each time; with BRYO_FAULTS=complete everything,
//! which takes a quarter of an hour. BRYO_FAULTS="init mount_setattr 3" does only the faults whose
//! name contains that.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[macro_use]
#[allow(unused_macros)]
#[path = "../support/mod.rs"]
mod support;

mod calls;
mod facts;
mod fault;
mod full_disk;
mod kind;
mod process;
mod story;
mod sweep;
mod tracer;
mod traces;
mod verdict;
mod world;

use fault::Extent;
use kind::Kind;

/// The part to run between two edits.
#[test]
fn a_few_faults_of_a_plain_launch() {
    sweep::sweep_by(&Kind::plain("a few of plain", &[]), Extent::Few);
}

#[test]
fn slow_a_plain_launch() {
    sweep::sweep(&Kind::plain("plain", &[]));
}

#[test]
fn slow_a_launch_on_a_rootfs_by_the_kernel() {
    sweep::sweep(&Kind::on_rootfs("rootfs, kernel", &["--overlay-driver=kernel"]));
}

#[test]
fn slow_a_launch_on_a_rootfs_by_fuse() {
    sweep::sweep(&Kind::on_rootfs("rootfs, fuse", &["--overlay-driver=fuse"]));
}

#[test]
fn slow_a_launch_with_an_overlay_on_disk() {
    sweep::sweep(&Kind::on_disk("overlay on disk", &["--overlay=/opt", "--overlay-driver=kernel"]));
}

#[test]
fn slow_a_try_by_the_kernel() {
    sweep::sweep(&Kind::attempt("try, kernel", &["--discard", "--overlay-driver=kernel"]));
}

#[test]
fn slow_a_try_by_fuse() {
    sweep::sweep(&Kind::attempt("try, fuse", &["--discard", "--overlay-driver=fuse"]));
}

#[test]
fn slow_a_launch_with_slirp4netns() {
    sweep::sweep(&Kind::plain("slirp4netns", &["--net=slirp4netns"]).needs("slirp4netns"));
}

#[test]
fn slow_a_launch_with_pasta() {
    sweep::sweep(&Kind::plain("pasta", &["--net=pasta"]).needs("pasta"));
}

#[test]
fn slow_a_launch_on_a_terminal() {
    sweep::sweep(&Kind::on_terminal("terminal", &[]));
}

#[test]
fn slow_a_launch_as_root_of_subordinate_ids() {
    sweep::sweep(&Kind::plain("root", &["--root", "--ids=subids"]).needs("newuidmap"));
}

#[test]
fn slow_a_launch_with_limits() {
    sweep::sweep(&Kind::plain("limits", &["--memory=512M", "--pids=64", "--rlimit=nofile=256"]));
}
