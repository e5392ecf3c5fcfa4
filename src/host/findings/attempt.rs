//! A trial in a process of its own: what it does to itself ends with it, what it says is dropped,
//! and it is not waited for longer than it takes to know.

use std::os::fd::AsFd;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::host::answer;
use crate::sys::clone::{Child, CloneFlags, Fork, clone3};
use crate::sys::process::Whom;
use crate::sys::{CallError, capability, file, process, signal, socket};

/// What came of a trial.
pub(super) enum Attempt<T> {
    Answered(T),
    /// There was no process to try it in.
    NotStarted(CallError),
    /// It ended without an answer, or not in time.
    Silent,
}

/// Carries out `act` in a child in new namespaces, and brings back what it returns.
pub(super) fn attempt<T: Serialize + DeserializeOwned>(
    namespaces: CloneFlags,
    act: impl FnOnce() -> T,
) -> Attempt<T> {
    let (answer, voice) = match socket::pipe() {
        Ok(pair) => pair,
        Err(error) => return Attempt::NotStarted(error),
    };
    match clone3(namespaces) {
        Err(error) => Attempt::NotStarted(error),
        Ok(Fork::Child) => {
            drop(answer);
            withdraw();
            // An answer that cannot be written is no answer.
            let said = serde_json::to_vec(&act()).unwrap_or_default();
            let _ = file::write_all(voice.as_fd(), &said);
            process::exit_now(0)
        }
        Ok(Fork::Parent(child)) => {
            drop(voice);
            let said = answer::until_end(&answer);
            end(&child);
            let read = said.and_then(|said| serde_json::from_slice(&said).ok());
            read.map_or(Attempt::Silent, Attempt::Answered)
        }
    }
}

/// In the child: a group of its own, nothing to say to the terminal, no longer life than ours.
fn withdraw() {
    let _ = capability::die_with_parent();
    let _ = process::set_session();
    if let Ok(null) = file::open_device(Path::new("/dev/null")) {
        for descriptor in 0..=2 {
            let _ = process::duplicate_to(null.as_fd(), descriptor);
        }
    }
}

/// Ends the child with all that it started. Not waited for: a process that looks at a dead network
/// home cannot be killed, and what is left of the others ends with us.
fn end(child: &Child) {
    // Already gone is what is wanted.
    let _ = process::kill(-child.pid, signal::SIGKILL);
    child.kill();
    let _ = process::collect_change(Whom::Pid(child.pid));
}

/// In a child that is alone in a new user namespace: becomes its own user there.
pub(super) fn map_self(uid: u32, gid: u32) -> Result<(), CallError> {
    let write = |path: &str, text: &str| file::write_path_once(Path::new(path), text.as_bytes());
    write("/proc/self/uid_map", &format!("{uid} {uid} 1\n"))?;
    write("/proc/self/setgroups", "deny")?;
    write("/proc/self/gid_map", &format!("{gid} {gid} 1\n"))
}
