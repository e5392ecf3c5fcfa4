//! Access control lists (acl(5)) as they are outside of the namespace that `rights` enters. In there
//! nobody but the user has a name: what a list says of others is read as of nobody, and a list that
//! speaks of anybody else is refused (posix_acl_from_xattr, EINVAL). So a process stays outside,
//! which reads and gives lists for this one by its descriptors, and does nothing else.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use crate::sys::clone::{Child, Fork, fork};
use crate::sys::{CallError, Errno, entry, facts, process, signal, socket};

type Result<T> = std::result::Result<T, CallError>;

const LISTS: [&str; 2] = ["system.posix_acl_access", "system.posix_acl_default"];

/// That process, and how it is asked. It ends by itself where this one is killed.
static OUTSIDE: OnceLock<(Child, OwnedFd)> = OnceLock::new();

/// Leaves it behind.
pub(super) fn stay_outside() -> Result<()> {
    let (socket, its_end) = socket::message_pair()?;
    match fork()? {
        Fork::Parent(child) => {
            drop(its_end);
            // Until then it holds the locks of this one.
            socket::receive_message(socket.as_fd())?;
            let _ = OUTSIDE.set((child, socket));
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
    if let Some((child, _)) = OUTSIDE.get() {
        child.end();
    }
}

/// No signal from the terminal ends it in the midst of an apply, and nobody waits for its streams.
fn hide(socket: BorrowedFd<'_>) -> Result<()> {
    process::set_session()?;
    signal::block_all()?;
    process::close_all_but(&[socket])
}

fn serve(socket: BorrowedFd<'_>) -> Result<()> {
    socket::send_message(socket, b"ready", None)?;
    while let (asked, Some(fd)) = socket::receive_message(socket)? {
        let answer = match asked.split_first() {
            Some((list, [])) => facts::attribute(fd.as_fd(), name(*list)),
            Some((list, value)) => {
                entry::set_attribute(fd.as_fd(), name(*list), value).map(|()| None)
            }
            None => return Ok(()),
        };
        let answer = match answer {
            Ok(value) => [&[0; 4], value.unwrap_or_default().as_slice()].concat(),
            Err(error) => [&error.errno.0.to_le_bytes(), error.call.as_bytes()].concat(),
        };
        socket::send_message(socket, &answer, None)?;
    }
    Ok(())
}

fn name(list: u8) -> &'static str {
    LISTS[usize::from(list) % LISTS.len()]
}

/// As of any extended attribute.
pub(super) fn attribute(fd: BorrowedFd<'_>, name: &str) -> Result<Option<Vec<u8>>> {
    match asked_outside(fd, name, &[]) {
        Some(answer) => answer.map(|value| (!value.is_empty()).then_some(value)),
        None => facts::attribute(fd, name),
    }
}

pub(super) fn set_attribute(fd: BorrowedFd<'_>, name: &str, value: &[u8]) -> Result<()> {
    match asked_outside(fd, name, value) {
        Some(answer) => answer.map(drop),
        None => entry::set_attribute(fd, name, value),
    }
}

/// `None`: it is no list, or this process is outside itself.
fn asked_outside(fd: BorrowedFd<'_>, name: &str, value: &[u8]) -> Option<Result<Vec<u8>>> {
    let list = LISTS.iter().position(|list| *list == name)? as u8;
    let (_, socket) = OUTSIDE.get()?;
    let question = [&[list], value].concat();
    let answer = socket::send_message(socket.as_fd(), &question, Some(fd))
        .and_then(|()| socket::receive_message(socket.as_fd()));
    Some(answer.and_then(|(answer, _)| {
        let error = |errno, call: &[u8]| {
            Err(CallError { call: String::from_utf8_lossy(call).into_owned(), errno })
        };
        match answer.split_first_chunk() {
            Some(([0, 0, 0, 0], value)) => Ok(value.to_vec()),
            Some((errno, call)) => error(Errno(i32::from_le_bytes(*errno)), call),
            None => error(Errno::EPIPE, b"recvmsg"),
        }
    }))
}
