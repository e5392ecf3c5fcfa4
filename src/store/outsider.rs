//! The outsider. Who am I here: a child of bryo that stayed outside of the user namespace that it
//! entered to be root over the user's own files (`changes::rights`). In there nobody but the user has
//! a name, so I do what takes others: access control lists (acl(5)) that speak of them, which would
//! be read as of nobody, and refused (posix_acl_from_xattr, EINVAL); and removing files of
//! subordinate ids, whose maps newuidmap(1) writes for nobody in there. I work by the descriptors
//! that I am sent, and do nothing else; where bryo is killed, I end.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::OnceLock;
use std::time::Duration;

use crate::base::{Error, Result};
use crate::sys::clone::{Child, Fork, fork};
use crate::sys::poll::is_readable_within;
use crate::sys::{CallError, Errno, entry, facts, process, signal, socket};

use super::removal;

/// What is asked of it, by the first byte of a message; the name of a list is its number among these.
const LISTS: [&str; 2] = ["system.posix_acl_access", "system.posix_acl_default"];
const REMOVE: u8 = 2;

/// It takes a millisecond; without it, modes count as ever.
const PATIENCE: Duration = Duration::from_secs(2);

/// That process, and how it is asked.
static OUTSIDER: OnceLock<(Child, OwnedFd)> = OnceLock::new();

/// Leaves it behind.
pub fn stay_outside() -> Result<()> {
    let (socket, its_end) = socket::message_pair()?;
    match fork()? {
        Fork::Parent(child) => {
            drop(its_end);
            // Until it answers, it holds the locks of this one.
            if !is_readable_within(socket.as_fd(), PATIENCE)? {
                child.end();
                return Err(Error::new("the process that is to stay outside does not answer"));
            }
            socket::receive_message(socket.as_fd())?;
            let _ = OUTSIDER.set((child, socket));
            Ok(())
        }
        Fork::Child => {
            let _ = hide(its_end.as_fd()).and_then(|()| serve(its_end.as_fd()));
            process::exit_now(0)
        }
    }
}

/// Nobody is asked any more.
pub fn end() {
    if let Some((child, _)) = OUTSIDER.get() {
        child.end();
    }
}

/// No signal from the terminal ends it in the midst of an apply, and nobody waits for its streams.
fn hide(socket: BorrowedFd<'_>) -> Result<()> {
    process::set_session()?;
    signal::block_all()?;
    Ok(process::close_all_but(&[socket])?)
}

fn serve(socket: BorrowedFd<'_>) -> Result<()> {
    socket::send_message(socket, b"ready", None)?;
    while let (asked, Some(fd)) = socket::receive_message(socket)? {
        let answer = match asked.split_first() {
            Some((&REMOVE, name)) => told(
                removal::remove_of_every_id(fd.as_fd(), OsStr::from_bytes(name)).map(|()| None),
            ),
            Some((list, [])) => told(facts::attribute(fd.as_fd(), name(*list))),
            Some((list, value)) => {
                told(entry::set_attribute(fd.as_fd(), name(*list), value).map(|()| None))
            }
            None => return Ok(()),
        };
        socket::send_message(socket, &answer, None)?;
    }
    Ok(())
}

fn name(list: u8) -> &'static str {
    LISTS[usize::from(list) % LISTS.len()]
}

/// An empty line before what was asked for, or the error.
fn told<E: Into<Error>>(answer: std::result::Result<Option<Vec<u8>>, E>) -> Vec<u8> {
    match answer {
        Ok(value) => [b"\n", value.unwrap_or_default().as_slice()].concat(),
        Err(error) => serde_json::to_vec(&error.into()).unwrap_or_default(),
    }
}

/// An extended attribute of any name.
pub fn attribute(fd: BorrowedFd<'_>, name: &str) -> Result<Option<Vec<u8>>> {
    match number_of(name).and_then(|list| ask(&[list], fd)) {
        Some(answer) => answer.map(|value| (!value.is_empty()).then_some(value)),
        None => Ok(facts::attribute(fd, name)?),
    }
}

pub fn set_attribute(fd: BorrowedFd<'_>, name: &str, value: &[u8]) -> Result<()> {
    match number_of(name).and_then(|list| ask(&[&[list], value].concat(), fd)) {
        Some(answer) => answer.map(drop),
        None => Ok(entry::set_attribute(fd, name, value)?),
    }
}

/// `None`: this process is outside itself.
pub(super) fn remove(parent: BorrowedFd<'_>, name: &OsStr) -> Option<Result<()>> {
    ask(&[&[REMOVE], name.as_bytes()].concat(), parent).map(|answer| answer.map(drop))
}

fn number_of(name: &str) -> Option<u8> {
    LISTS.iter().position(|list| *list == name).map(|place| place as u8)
}

fn ask(question: &[u8], fd: BorrowedFd<'_>) -> Option<Result<Vec<u8>>> {
    let (_, socket) = OUTSIDER.get()?;
    let answer = socket::send_message(socket.as_fd(), question, Some(fd))
        .and_then(|()| socket::receive_message(socket.as_fd()));
    Some(answer.map_err(Error::from).and_then(|(answer, _)| match answer.split_first() {
        Some((b'\n', value)) => Ok(value.to_vec()),
        _ => Err(serde_json::from_slice(&answer).unwrap_or_else(|_| {
            CallError { call: "recvmsg".to_owned(), errno: Errno::EPIPE }.into()
        })),
    }))
}
