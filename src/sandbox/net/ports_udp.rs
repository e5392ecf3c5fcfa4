//! The forwarder's datagrams: each client outside gets a socket of its own inside, so that answers
//! find their way back; it is forgotten when nothing has come either way for a while.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use crate::sys::epoll::{Epoll, Interest};
use crate::sys::socket::{self, Transport};

use super::ports::{INSIDE, Listener, number_of_association};

/// How long a silent client is remembered.
const IDLE: Duration = Duration::from_secs(60);
/// How many clients are remembered at once: one that forges addresses must not take every
/// descriptor there is.
const MOST: usize = 4096;
/// How many datagrams one socket may have passed on before the others have their turn.
const TURN: usize = 64;

/// Every client at work.
#[derive(Default)]
pub(super) struct Datagrams {
    slots: Vec<Option<Association>>,
    free: Vec<usize>,
    clients: HashMap<(usize, SocketAddr), usize>,
    swept: Option<Instant>,
}

struct Association {
    listener: usize,
    client: SocketAddr,
    port: u16,
    inside: OwnedFd,
    /// Which address inside it talks to.
    attempt: usize,
    /// The last datagram, kept until there was an answer: it may have to go to another address.
    unanswered: Option<Vec<u8>>,
    used: Instant,
}

impl Datagrams {
    pub(super) fn any(&self) -> bool {
        !self.clients.is_empty()
    }

    /// Takes what came in at a published port.
    pub(super) fn take(&mut self, epoll: &Epoll, index: usize, listener: &Listener) {
        let mut buffer = [0; 65_536];
        for _ in 0..TURN {
            let received = socket::receive_datagram(listener.socket.as_fd(), &mut buffer);
            match received {
                Ok(Some((length, Some(client)))) => {
                    self.pass_in(epoll, (index, client), listener.port, &buffer[..length]);
                }
                Ok(Some((_, None))) => {}
                Ok(None) => return,
                // A client that is gone tells by an error of the next call (udp(7)).
                Err(_) => {}
            }
        }
    }

    fn pass_in(&mut self, epoll: &Epoll, key: (usize, SocketAddr), port: u16, datagram: &[u8]) {
        let slot = match self.clients.get(&key) {
            Some(slot) => *slot,
            None => match self.associate(epoll, key, port) {
                Some(slot) => slot,
                None => return,
            },
        };
        let Some(association) = self.slots[slot].as_mut() else { return };
        association.used = Instant::now();
        if let Some(unanswered) = &mut association.unanswered {
            unanswered.clear();
            unanswered.extend_from_slice(datagram);
        }
        if socket::send_datagram(association.inside.as_fd(), datagram, None).is_err() {
            association.try_next(epoll, slot);
        }
    }

    fn associate(&mut self, epoll: &Epoll, key: (usize, SocketAddr), port: u16) -> Option<usize> {
        if self.clients.len() >= MOST {
            self.forget_the_idlest();
        }
        let (attempt, inside) = connect(0, port)?;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        if epoll.add(inside.as_fd(), number_of_association(slot), Interest::Reading).is_err() {
            self.free.push(slot);
            return None;
        }
        let (listener, client) = key;
        let unanswered = Some(Vec::new());
        let used = Instant::now();
        self.slots[slot] =
            Some(Association { listener, client, port, inside, attempt, unanswered, used });
        self.clients.insert(key, slot);
        Some(slot)
    }

    /// Takes what came back from inside.
    pub(super) fn answer(&mut self, epoll: &Epoll, slot: usize, listeners: &[Listener]) {
        let Some(association) = self.slots.get_mut(slot).and_then(Option::as_mut) else { return };
        let outside = listeners[association.listener].socket.as_fd();
        let mut buffer = [0; 65_536];
        for _ in 0..TURN {
            match socket::receive_datagram(association.inside.as_fd(), &mut buffer) {
                Ok(Some((length, _))) => {
                    association.used = Instant::now();
                    association.unanswered = None;
                    let client = Some(association.client);
                    // As on any network, a datagram may be lost.
                    let _ = socket::send_datagram(outside, &buffer[..length], client);
                }
                Ok(None) => return,
                // Nobody listens at that address (ECONNREFUSED, udp(7)).
                Err(_) => return association.try_next(epoll, slot),
            }
        }
    }

    /// Drops the clients that have been silent for long; looks every few seconds at most.
    pub(super) fn forget_idle(&mut self) {
        let now = Instant::now();
        let lately = |then: Instant| now.duration_since(then) < Duration::from_secs(5);
        if self.clients.is_empty() || self.swept.is_some_and(lately) {
            return;
        }
        self.swept = Some(now);
        for slot in 0..self.slots.len() {
            let idle = |a: &Association| now.duration_since(a.used) >= IDLE;
            if self.slots[slot].as_ref().is_some_and(idle) {
                self.forget(slot);
            }
        }
    }

    fn forget_the_idlest(&mut self) {
        let used = |slot: &usize| self.slots[*slot].as_ref().map(|a| a.used);
        if let Some(slot) = self.clients.values().copied().min_by_key(used) {
            self.forget(slot);
        }
    }

    fn forget(&mut self, slot: usize) {
        if let Some(gone) = self.slots[slot].take() {
            self.clients.remove(&(gone.listener, gone.client));
            self.free.push(slot);
        }
    }
}

/// A socket that talks to the first address inside, from this attempt on, that there is.
fn connect(first: usize, port: u16) -> Option<(usize, OwnedFd)> {
    INSIDE.iter().enumerate().skip(first).find_map(|(attempt, address)| {
        let address = SocketAddr::new(*address, port);
        let (socket, _) = socket::connect(address, Transport::Datagrams).ok()?;
        Some((attempt, socket))
    })
}

impl Association {
    /// While nothing was ever answered, another address inside may be the right one; it is sent
    /// the last datagram. When all have refused, the first is right again: the service may come.
    fn try_next(&mut self, epoll: &Epoll, slot: usize) {
        let Some(unanswered) = &self.unanswered else { return };
        let next = connect(self.attempt + 1, self.port);
        let resend = next.is_some();
        let Some((attempt, inside)) = next.or_else(|| connect(0, self.port)) else { return };
        if epoll.add(inside.as_fd(), number_of_association(slot), Interest::Reading).is_err() {
            return;
        }
        (self.attempt, self.inside) = (attempt, inside);
        if resend {
            let _ = socket::send_datagram(self.inside.as_fd(), unanswered, None);
        }
    }
}
