//! Sockets: pairs that carry whole messages and descriptors between bryo's processes, and the
//! TCP and UDP sockets of published ports.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, Shutdown, SocketFlags, SocketType, recvmsg, sendmsg,
    socketpair, sockopt,
};

use super::call::{Named, Result};

/// The longest message: an error with a few paths of PATH_MAX in it.
const MESSAGE_LIMIT: usize = 32 << 10;

/// Two ends of a connection that keeps message boundaries (`SOCK_SEQPACKET`, unix(7)).
pub fn message_pair() -> Result<(OwnedFd, OwnedFd)> {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .named(|| "socketpair".to_owned())
}

/// Sends one message, with at most one descriptor. A reader that is gone is EPIPE, not a signal.
pub fn send_message(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    fd: Option<BorrowedFd<'_>>,
) -> Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds = fd.map(|fd| [fd]);
    if let Some(fds) = &fds {
        control.push(SendAncillaryMessage::ScmRights(fds));
    }
    rustix::io::retry_on_intr(|| {
        sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)
    })
    .map(drop)
    .named(|| "sendmsg".to_owned())
}

/// Receives one message and the descriptor that came with it. Empty bytes: the other end is gone.
pub fn receive_message(socket: BorrowedFd<'_>) -> Result<(Vec<u8>, Option<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut bytes = vec![0; MESSAGE_LIMIT];
    let received = loop {
        let into = &mut [IoSliceMut::new(&mut bytes)];
        match recvmsg(socket, into, &mut control, RecvFlags::CMSG_CLOEXEC) {
            // The other end closed with messages of ours unread. That is told once, and before
            // its own last messages, which are still there (unix(7); `sock_error` clears it).
            Err(rustix::io::Errno::INTR | rustix::io::Errno::CONNRESET) => {}
            result => break result.named(|| "recvmsg".to_owned())?,
        }
    };
    bytes.truncate(received.bytes);
    let fd = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    Ok((bytes, fd))
}

/// A pipe: read end, write end; both closed at exec.
pub fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).named(|| "pipe2".to_owned())
}

/// What a socket of the internet carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    Stream,
    Datagrams,
}

/// A socket that never blocks, for the family of an address, in this process's network namespace.
fn internet_socket(address: SocketAddr, transport: Transport) -> Result<OwnedFd> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let kind = match transport {
        Transport::Stream => SocketType::STREAM,
        Transport::Datagrams => SocketType::DGRAM,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    rustix::net::socket_with(family, kind, flags, None).named(|| format!("socket({address})"))
}

/// A socket bound to an address, listening if it is a stream. An IPv6 one takes no IPv4.
pub fn bind(address: SocketAddr, transport: Transport) -> Result<OwnedFd> {
    let socket = internet_socket(address, transport)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true).named(|| "setsockopt(IPV6_V6ONLY)".to_owned())?;
    }
    if transport == Transport::Stream {
        // A listener of a moment ago may have left connections in TIME_WAIT (socket(7)).
        sockopt::set_socket_reuseaddr(&socket, true)
            .named(|| "setsockopt(SO_REUSEADDR)".to_owned())?;
    }
    rustix::net::bind(&socket, &address).named(|| format!("bind({address})"))?;
    if transport == Transport::Stream {
        rustix::net::listen(&socket, 4096).named(|| format!("listen({address})"))?;
    }
    Ok(socket)
}

/// How far a connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Connected {
    Now,
    /// It will be writable when it is decided; [`pending_error`] tells how.
    Later,
}

/// Connects a new socket without waiting.
pub fn connect(address: SocketAddr, transport: Transport) -> Result<(OwnedFd, Connected)> {
    let socket = internet_socket(address, transport)?;
    match rustix::net::connect(&socket, &address) {
        Ok(()) => Ok((socket, Connected::Now)),
        Err(rustix::io::Errno::INPROGRESS) => Ok((socket, Connected::Later)),
        Err(e) => Err(e).named(|| format!("connect({address})")),
    }
}

/// The next connection that waits at a listener; `None` when none does.
pub fn accept(listener: BorrowedFd<'_>) -> Result<Option<OwnedFd>> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    match rustix::net::accept_with(listener, flags) {
        Ok(socket) => Ok(Some(socket)),
        // One that was given up while it waited is none (accept(2), "Error handling").
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::CONNABORTED) => Ok(None),
        Err(e) => Err(e).named(|| format!("accept4({})", listener.as_raw_fd())),
    }
}

/// The error that a connection met since it was last asked.
pub fn pending_error(socket: BorrowedFd<'_>) -> Result<()> {
    sockopt::socket_error(socket)
        .and_then(|error| error)
        .named(|| format!("socket {}", socket.as_raw_fd()))
}

/// Small writes leave at once: what is passed on has been waited for on its way already.
pub fn send_at_once(stream: BorrowedFd<'_>) -> Result<()> {
    sockopt::set_tcp_nodelay(stream, true).named(|| "setsockopt(TCP_NODELAY)".to_owned())
}

/// Nothing more will be sent.
pub fn end_sending(stream: BorrowedFd<'_>) -> Result<()> {
    rustix::net::shutdown(stream, Shutdown::Write)
        .named(|| format!("shutdown({})", stream.as_raw_fd()))
}

/// Makes the coming close a reset, not an end (SO_LINGER with no time, socket(7)).
pub fn reset_at_close(stream: BorrowedFd<'_>) -> Result<()> {
    sockopt::set_socket_linger(stream, Some(Duration::ZERO))
        .named(|| "setsockopt(SO_LINGER)".to_owned())
}

/// The next datagram and who sent it; `None` when there is none.
pub fn receive_datagram(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
) -> Result<Option<(usize, Option<SocketAddr>)>> {
    match rustix::io::retry_on_intr(|| {
        rustix::net::recvfrom(socket, &mut *buffer, RecvFlags::empty())
    }) {
        Ok((_, length, from)) => {
            Ok(Some((length, from.and_then(|from| SocketAddr::try_from(from).ok()))))
        }
        Err(rustix::io::Errno::AGAIN) => Ok(None),
        Err(e) => Err(e).named(|| format!("recvfrom({})", socket.as_raw_fd())),
    }
}

/// Sends a datagram, to where the socket is connected if no address is given.
pub fn send_datagram(socket: BorrowedFd<'_>, bytes: &[u8], to: Option<SocketAddr>) -> Result<()> {
    rustix::io::retry_on_intr(|| match to {
        Some(to) => rustix::net::sendto(socket, bytes, SendFlags::NOSIGNAL, &to),
        None => rustix::net::send(socket, bytes, SendFlags::NOSIGNAL),
    })
    .map(drop)
    .named(|| format!("sendto({})", socket.as_raw_fd()))
}

/// A pipe that never blocks, made as large as is allowed up to `size`.
pub fn wide_pipe(size: usize) -> Result<(OwnedFd, OwnedFd)> {
    let flags = rustix::pipe::PipeFlags::CLOEXEC | rustix::pipe::PipeFlags::NONBLOCK;
    let (out, into) = rustix::pipe::pipe_with(flags).named(|| "pipe2".to_owned())?;
    // Refused when the user has many already (pipe(7), "pipe-user-pages-soft"): then a small one.
    let _ = rustix::pipe::fcntl_setpipe_size(&into, size);
    Ok((out, into))
}

/// Moves bytes between a pipe and a socket within the kernel. `None`: it would have to wait.
pub fn splice(from: BorrowedFd<'_>, to: BorrowedFd<'_>, length: usize) -> Result<Option<usize>> {
    let flags = rustix::pipe::SpliceFlags::NONBLOCK | rustix::pipe::SpliceFlags::MOVE;
    match rustix::io::retry_on_intr(|| rustix::pipe::splice(from, None, to, None, length, flags)) {
        Ok(length) => Ok(Some(length)),
        Err(rustix::io::Errno::AGAIN) => Ok(None),
        Err(e) => Err(e).named(|| format!("splice({}, {})", from.as_raw_fd(), to.as_raw_fd())),
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn the_last_message_of_an_end_that_closed_over_unread_ones_is_heard() {
        let (one, other) = message_pair().unwrap();
        send_message(one.as_fd(), b"never read", None).unwrap();
        send_message(other.as_fd(), b"last word", None).unwrap();
        drop(other);
        assert_eq!(receive_message(one.as_fd()).unwrap().0, b"last word");
        assert_eq!(receive_message(one.as_fd()).unwrap().0, b"");
    }
}
