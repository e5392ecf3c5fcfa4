//! The programs that make a network in user mode: each tried on a network namespace that ends with
//! the trial. That one is installed says little: a security module may keep it from every
//! namespace, as Debian 12's AppArmor profile keeps pasta from those it is to look up itself.

use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};

use crate::base::Text;
use crate::host::Program;
use crate::sys::clone::{CloneFlags, Fork, clone3};
use crate::sys::{CallError, capability, file, namespace, process, socket};

use super::attempt::{Attempt, attempt, map_self};

/// The user namespace is the program's standard input, the network namespace its standard output;
/// on standard error it writes a number when it is ready, and else what is wrong.
pub(super) const SLIRP4NETNS: [&str; 6] = [
    "--disable-host-loopback",
    "--ready-fd=2",
    "--userns-path=/proc/self/fd/0",
    "--netns-type=path",
    "/proc/self/fd/1",
    "tap0",
];
/// The same of pasta(1), which is to forward no port and to map nothing of the host. Where a sandbox
/// names addresses besides, a trial takes those of the host.
pub const PASTA: [&str; 14] = [
    "--foreground",
    "--quiet",
    "--config-net",
    "--no-map-gw",
    "--tcp-ports=none",
    "--udp-ports=none",
    "--tcp-ns=none",
    "--udp-ns=none",
    "--userns",
    "/proc/self/fd/0",
    "--netns",
    "/proc/self/fd/1",
    "--pid",
    "/proc/self/fd/2",
];

/// Why it makes no network here; `None` if it does.
pub(super) fn complaint_of(program: &Program, arguments: &[&str]) -> Option<String> {
    match attempt(CloneFlags::NONE, || tried(program, arguments)) {
        Attempt::Answered(answer) => answer,
        Attempt::NotStarted(failed) => Some(failed.to_string()),
        Attempt::Silent => Some("it did not answer".to_owned()),
    }
}

fn tried(program: &Program, arguments: &[&str]) -> Option<String> {
    let said = match start(program, arguments) {
        Ok(said) => said,
        Err(why) => return Some(why),
    };
    let mut heard = Vec::new();
    let mut chunk = [0; 4096];
    // What neither speaks nor ends is ended with this trial.
    while let Ok(length @ 1..) = file::read(said.as_fd(), &mut chunk) {
        heard.extend_from_slice(&chunk[..length]);
        if String::from_utf8_lossy(&heard).lines().any(is_number) {
            return None;
        }
    }
    let heard = String::from_utf8_lossy(&heard).into_owned();
    let last = heard.lines().rev().find(|line| !line.trim().is_empty());
    Some(Text::from(last.unwrap_or("it gave no reason").trim()).to_string())
}

fn is_number(line: &str) -> bool {
    !line.is_empty() && line.bytes().all(|b| b.is_ascii_digit())
}

/// What the program will say.
fn start(program: &Program, arguments: &[&str]) -> Result<OwnedFd, String> {
    let in_words = |failed: CallError| failed.to_string();
    let (user, net) = namespaces().map_err(in_words)?;
    let (said, voice) = socket::pipe().map_err(in_words)?;
    Command::new(program.path.as_path())
        .args(arguments)
        .env_clear()
        .stdin(Stdio::from(user))
        .stdout(Stdio::from(net))
        .stderr(Stdio::from(voice))
        .spawn()
        .map_err(|error| format!("cannot run `{}`: {error}", program.path))?;
    Ok(said)
}

/// A user and a network namespace of it, which live as long as somebody holds them.
fn namespaces() -> Result<(OwnedFd, OwnedFd), CallError> {
    let (uid, gid) = (process::uid(), process::gid());
    let (mapped, tells) = socket::pipe()?;
    // Never written to: the child lives until this end is closed.
    let (leash, held) = socket::pipe()?;
    let child = match clone3(CloneFlags::NEWUSER.and(CloneFlags::NEWNET))? {
        Fork::Child => {
            drop((mapped, held));
            let _ = capability::die_with_parent();
            let is_mapped = map_self(uid, gid).is_ok();
            let _ = file::write_all(tells.as_fd(), &[u8::from(is_mapped)]);
            let _ = file::read_all(leash.as_fd(), 1);
            process::exit_now(0)
        }
        Fork::Parent(child) => child,
    };
    let _ = file::read(mapped.as_fd(), &mut [0])?;
    let of_child = |name| namespace::open_namespace(child.pid, name);
    let both = (of_child("user")?, of_child("net")?);
    drop(held);
    Ok(both)
}
