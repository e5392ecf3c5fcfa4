//! Published ports, and the forwarder that serves them. Who am I here (the forwarder): a fork of
//! the caller in the sandbox's user and network namespaces, outside of its pid and mount
//! namespaces, so invisible from inside. I hold the listening sockets, which are the host's, and
//! connect to the sandbox's loopback, which is mine now. I have no capability, no other descriptor,
//! and run no program. The caller watches me; when it dies, I am killed.
//!
//! What comes from either side is moved, never looked at.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use crate::base::port::{Protocol, Publish};
use crate::base::{Context, Error, Result};
use crate::sys::capability::{self, CapabilitySet};
use crate::sys::clone::CloneFlags;
use crate::sys::epoll::{Epoll, Event, Interest};
use crate::sys::socket::{self, Transport};
use crate::sys::{CallError, Errno, file, namespace, process};

use super::super::helper::Helper;
use super::ports_tcp::Streams;
use super::ports_udp::Datagrams;
use super::{Ready, Started, holder};

/// Where a service inside may listen, in the order in which they are tried: its loopback, then
/// the address that both drivers give the tap.
pub(super) const INSIDE: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
    IpAddr::V4(Ipv4Addr::new(10, 0, 2, 100)),
];

/// One socket of the host, and the port inside that it leads to.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) socket: OwnedFd,
    pub(super) transport: Transport,
    pub(super) port: u16,
}

/// The sockets of the host that lead into the sandbox.
#[derive(Debug)]
pub(super) struct Listeners(Vec<Listener>);

impl Listeners {
    /// Binds every published port; `None` when there is none.
    pub(super) fn bind(published: &[Publish]) -> Result<Option<Self>> {
        let mut listeners = Vec::new();
        for publish in published {
            for address in publish.addresses() {
                let only_if_there = publish.address.is_none() && address.is_ipv6();
                match bind(publish, address) {
                    Ok(listener) => listeners.push(listener),
                    // The host has no IPv6; nobody asked for it by name.
                    Err(e) if only_if_there && lacks_address(&e) => {}
                    Err(e) => return Err(cannot_publish(publish, address, &e)),
                }
            }
        }
        Ok(if listeners.is_empty() { None } else { Some(Self(listeners)) })
    }

    /// Starts the forwarder for the sandbox that this init belongs to.
    pub(super) fn start_forwarder(self, init: i32) -> Result<Started> {
        let user = namespace::open_namespace(init, "user")?;
        let net = namespace::open_namespace(init, "net")?;
        let (ready, tells) = socket::pipe()?;
        let name = "the port forwarder".to_owned();
        let helper = Helper::fork(name, |voice| {
            let entered = enter(&self.0, &user, &net, tells.as_fd(), voice)
                .context(|| "cannot join the sandbox's network".to_owned());
            match entered.and_then(|()| serve(&self.0, tells.as_fd())) {
                Err(error) => error,
                Ok(never) => match never {},
            }
        })?;
        Ok(Started { helper, ready: Ready::Descriptor(ready) })
    }
}

fn transport(protocol: Protocol) -> Transport {
    match protocol {
        Protocol::Tcp => Transport::Stream,
        Protocol::Udp => Transport::Datagrams,
    }
}

fn bind(publish: &Publish, address: IpAddr) -> std::result::Result<Listener, CallError> {
    let transport = transport(publish.protocol);
    let socket = socket::bind(SocketAddr::new(address, publish.host), transport)?;
    Ok(Listener { socket, transport, port: publish.sandbox })
}

fn lacks_address(error: &CallError) -> bool {
    matches!(error.errno, Errno::EADDRNOTAVAIL | Errno::EAFNOSUPPORT)
}

fn cannot_publish(publish: &Publish, address: IpAddr, error: &CallError) -> Error {
    let at = SocketAddr::new(address, publish.host);
    let within = format!("cannot publish `{publish}`");
    match error.errno {
        Errno::EADDRINUSE => {
            let held = holder::of(at, transport(publish.protocol));
            Error::new(format!("{at} is taken: {held}")).within(within)
        }
        Errno::EACCES => {
            let first = first_unprivileged_port();
            Error::new(format!(
                "port {} is privileged: `net.ipv4.ip_unprivileged_port_start` is {first}",
                publish.host
            ))
            .within(within)
            .hint(format!(
                "use a port from {first} on; or an administrator can open it with `sysctl net.ipv4.ip_unprivileged_port_start={}`",
                publish.host
            ))
        }
        _ if lacks_address(error) => {
            Error::new(format!("`{address}` is no address of this machine")).within(within)
        }
        _ => Error::from(error.clone()).within(within),
    }
}

fn first_unprivileged_port() -> String {
    let path = Path::new("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    let content = file::read_path(path, 64).unwrap_or_default();
    let text = String::from_utf8_lossy(&content).trim().to_owned();
    if text.is_empty() { "1024".to_owned() } else { text }
}

/// Becomes the forwarder: in the sandbox's namespaces, with nothing that it does not need.
fn enter(
    listeners: &[Listener],
    user: &OwnedFd,
    net: &OwnedFd,
    tells: BorrowedFd<'_>,
    voice: BorrowedFd<'_>,
) -> Result<()> {
    capability::die_with_parent()?;
    process::wipe_arguments_and_environment(c"bryo-ports");
    process::set_session()?;
    file::change_directory(Path::new("/"))?;
    let null = file::open_device(Path::new("/dev/null"))?;
    for standard in 0..3 {
        process::duplicate_to(null.as_fd(), standard)?;
    }
    let mut keep: Vec<i32> = listeners.iter().map(|l| l.socket.as_raw_fd()).collect();
    keep.extend([user.as_raw_fd(), net.as_raw_fd(), tells.as_raw_fd(), voice.as_raw_fd()]);
    keep.push(null.as_raw_fd());
    close_all_but(keep)?;
    process::raise_to_hard_limit(process::Resource::OpenFiles)?;
    namespace::setns(user.as_fd(), CloneFlags::NEWUSER)?;
    namespace::setns(net.as_fd(), CloneFlags::NEWNET)?;
    give_up_privileges()?;
    // Last: a change of credentials clears it.
    Ok(capability::die_with_parent()?)
}

fn close_all_but(mut keep: Vec<i32>) -> Result<()> {
    keep.sort_unstable();
    let mut first = 3;
    for kept in keep {
        process::close_descriptors(first, kept - 1)?;
        first = kept + 1;
    }
    Ok(process::close_descriptors(first, i32::MAX)?)
}

fn give_up_privileges() -> Result<()> {
    capability::limit_bounding_set(CapabilitySet::EMPTY)?;
    capability::clear_ambient_set()?;
    capability::lock_securebits()?;
    capability::set_capabilities(CapabilitySet::EMPTY, CapabilitySet::EMPTY)?;
    capability::set_no_new_privs()?;
    Ok(capability::set_undumpable()?)
}

/// What a number given to epoll stands for.
enum Number {
    Listener(usize),
    /// A stream and which of its two ends.
    Stream(usize, usize),
    Association(usize),
}

const STREAMS: u64 = 1 << 62;
const ASSOCIATIONS: u64 = 1 << 61;

pub(super) fn number_of_stream(slot: usize, end: usize) -> u64 {
    STREAMS | (slot as u64) << 1 | end as u64
}

pub(super) fn number_of_association(slot: usize) -> u64 {
    ASSOCIATIONS | slot as u64
}

fn meaning(number: u64) -> Number {
    if number & STREAMS != 0 {
        let rest = number & !STREAMS;
        Number::Stream((rest >> 1) as usize, (rest & 1) as usize)
    } else if number & ASSOCIATIONS != 0 {
        Number::Association((number & !ASSOCIATIONS) as usize)
    } else {
        Number::Listener(number as usize)
    }
}

/// Forwards until it is killed; returns only the reason why it cannot go on.
fn serve(listeners: &[Listener], tells: BorrowedFd<'_>) -> Result<std::convert::Infallible> {
    let mut forwarder = Forwarder {
        listeners,
        epoll: Epoll::new()?,
        streams: Streams::default(),
        datagrams: Datagrams::default(),
        resting: Vec::new(),
    };
    for (index, listener) in listeners.iter().enumerate() {
        forwarder.epoll.add(listener.socket.as_fd(), index as u64, Interest::Reading)?;
    }
    // Nobody reads when the caller is gone already, and then this fails.
    file::write_all(tells, b"ready\n")?;
    loop {
        forwarder.turn()?;
    }
}

struct Forwarder<'a> {
    listeners: &'a [Listener],
    epoll: Epoll,
    streams: Streams,
    datagrams: Datagrams,
    /// Listeners that are left alone for a moment, because no descriptor was left.
    resting: Vec<usize>,
}

impl Forwarder<'_> {
    fn turn(&mut self) -> Result<()> {
        for event in self.epoll.wait(self.patience())? {
            self.handle(event)?;
        }
        for index in std::mem::take(&mut self.resting) {
            let socket = self.listeners[index].socket.as_fd();
            self.epoll.add(socket, index as u64, Interest::Reading)?;
        }
        self.streams.go_on();
        self.datagrams.forget_idle();
        Ok(())
    }

    fn patience(&self) -> Option<Duration> {
        if self.streams.have_more_to_move() {
            Some(Duration::ZERO)
        } else if !self.resting.is_empty() {
            Some(Duration::from_millis(50))
        } else if self.datagrams.any() {
            Some(Duration::from_secs(5))
        } else {
            None
        }
    }

    fn handle(&mut self, event: Event) -> Result<()> {
        match meaning(event.number) {
            Number::Stream(slot, end) => self.streams.hear(&self.epoll, slot, end, event),
            Number::Association(slot) => self.datagrams.answer(&self.epoll, slot, self.listeners),
            Number::Listener(index) => {
                let listener = &self.listeners[index];
                match listener.transport {
                    Transport::Datagrams => self.datagrams.take(&self.epoll, index, listener),
                    Transport::Stream => return self.accept(index),
                }
            }
        }
        Ok(())
    }

    fn accept(&mut self, index: usize) -> Result<()> {
        let listener = &self.listeners[index];
        for _ in 0..256 {
            match socket::accept(listener.socket.as_fd()) {
                Ok(Some(outside)) => self.streams.open(&self.epoll, outside, listener.port),
                Ok(None) => break,
                Err(e) if out_of_room(e.errno) => {
                    self.epoll.remove(listener.socket.as_fd())?;
                    self.resting.push(index);
                    break;
                }
                // accept(2): errors of the network belong to the one connection that met them.
                Err(_) => {}
            }
        }
        Ok(())
    }
}

fn out_of_room(errno: Errno) -> bool {
    matches!(errno, Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM | Errno::ENOBUFS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_meaning() {
        assert!(matches!(meaning(3), Number::Listener(3)));
        assert!(matches!(meaning(number_of_stream(7, 1)), Number::Stream(7, 1)));
        assert!(matches!(meaning(number_of_association(9)), Number::Association(9)));
    }
}
