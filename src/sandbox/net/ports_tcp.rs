//! The forwarder's connections: bytes are spliced from one socket to the other within the kernel,
//! the end of each direction is passed on by itself, and so is a reset.

use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};

use crate::sys::Result;
use crate::sys::epoll::{Epoll, Event, Interest};
use crate::sys::socket::{self, Connected, Transport};

use super::ports::{INSIDE, number_of_stream};

const OUTSIDE_END: usize = 0;
const INSIDE_END: usize = 1;
/// How much one splice may move; also what a pipe is asked to hold.
const CHUNK: usize = 256 << 10;
/// How many pieces one connection may move before the others have their turn.
const TURN: usize = 8;
/// Empty pipes kept for the next connection.
const SPARE_PIPES: usize = 64;

/// Every connection at work.
#[derive(Default)]
pub(super) struct Streams {
    slots: Vec<Option<Stream>>,
    free: Vec<usize>,
    /// Freed in this turn: an event that was told before may still name them.
    freed: Vec<usize>,
    /// Those whose turn ended before their bytes did.
    unfinished: Vec<usize>,
    pipes: Vec<Pipe>,
}

/// A pipe, the only thing that splice(2) moves bytes to and from. Always empty when spare.
struct Pipe {
    out: OwnedFd,
    into: OwnedFd,
}

struct End {
    socket: OwnedFd,
    readable: bool,
    writable: bool,
}

/// One direction: from the end with its own number to the other.
#[derive(Default)]
struct Flow {
    /// Borrowed only while it holds something.
    pipe: Option<Pipe>,
    held: usize,
    /// The source has sent its last byte.
    ended: bool,
    /// The destination has been told so.
    closed: bool,
}

struct Stream {
    ends: [End; 2],
    flows: [Flow; 2],
    /// The address inside that is being tried; `None` once one has answered.
    trying: Option<usize>,
    port: u16,
}

/// What became of one turn.
enum Turn {
    /// It waits for an event.
    Waits,
    /// It could have gone on.
    Unfinished,
    /// Both directions have ended.
    Over,
}

impl Streams {
    pub(super) fn have_more_to_move(&self) -> bool {
        !self.unfinished.is_empty()
    }

    /// A new connection from outside: met inside, or reset when nobody listens there.
    pub(super) fn open(&mut self, epoll: &Epoll, outside: OwnedFd, port: u16) {
        let _ = socket::send_at_once(outside.as_fd());
        let Some((attempt, inside, connected)) = connect(0, port) else {
            let _ = socket::reset_at_close(outside.as_fd());
            return;
        };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        let trying = (connected == Connected::Later).then_some(attempt);
        let end = |socket| End { socket, readable: false, writable: false };
        let stream = Stream {
            ends: [end(outside), end(inside)],
            flows: <[Flow; 2]>::default(),
            trying,
            port,
        };
        let watched = stream.watch(epoll, slot, OUTSIDE_END);
        let watched = watched.and_then(|()| stream.watch(epoll, slot, INSIDE_END));
        self.slots[slot] = Some(stream);
        if watched.is_err() {
            self.abort(slot);
        }
    }

    /// Something changed at one end of one connection.
    pub(super) fn hear(&mut self, epoll: &Epoll, slot: usize, end: usize, event: Event) {
        let Some(stream) = self.slots.get_mut(slot).and_then(Option::as_mut) else { return };
        if end == INSIDE_END && stream.trying.is_some() && !stream.has_connected(epoll, slot) {
            if stream.trying.is_none() {
                self.abort(slot);
            }
            return;
        }
        stream.ends[end].readable |= event.readable;
        stream.ends[end].writable |= event.writable;
        self.pump(slot);
    }

    /// Lets those go on whose turn was over, and makes the freed slots free.
    pub(super) fn go_on(&mut self) {
        self.free.append(&mut self.freed);
        for slot in std::mem::take(&mut self.unfinished) {
            self.pump(slot);
        }
        self.free.append(&mut self.freed);
    }

    fn pump(&mut self, slot: usize) {
        let Some(stream) = self.slots[slot].as_mut().filter(|s| s.trying.is_none()) else { return };
        match stream.pump(&mut self.pipes) {
            Ok(Turn::Waits) => {}
            Ok(Turn::Unfinished) if self.unfinished.contains(&slot) => {}
            Ok(Turn::Unfinished) => self.unfinished.push(slot),
            Ok(Turn::Over) => self.remove(slot),
            Err(_) => self.abort(slot),
        }
    }

    /// One end failed: the other hears of it as a reset, not as an end.
    fn abort(&mut self, slot: usize) {
        if let Some(stream) = &self.slots[slot] {
            for end in &stream.ends {
                let _ = socket::reset_at_close(end.socket.as_fd());
            }
        }
        self.remove(slot);
    }

    fn remove(&mut self, slot: usize) {
        self.slots[slot] = None;
        self.unfinished.retain(|unfinished| *unfinished != slot);
        self.freed.push(slot);
    }
}

/// Connects to the first address inside, from this attempt on, that does not refuse at once.
fn connect(first: usize, port: u16) -> Option<(usize, OwnedFd, Connected)> {
    INSIDE.iter().enumerate().skip(first).find_map(|(attempt, address)| {
        let address = SocketAddr::new(*address, port);
        let (socket, connected) = socket::connect(address, Transport::Stream).ok()?;
        let _ = socket::send_at_once(socket.as_fd());
        Some((attempt, socket, connected))
    })
}

impl Stream {
    fn watch(&self, epoll: &Epoll, slot: usize, end: usize) -> Result<()> {
        let number = number_of_stream(slot, end);
        epoll.add(self.ends[end].socket.as_fd(), number, Interest::Changes)
    }

    /// The pending attempt is decided: connected, or on to the next address. With none left,
    /// nothing is being tried any more.
    fn has_connected(&mut self, epoll: &Epoll, slot: usize) -> bool {
        let Some(attempt) = self.trying.take() else { return true };
        if socket::pending_error(self.ends[INSIDE_END].socket.as_fd()).is_ok() {
            return true;
        }
        if let Some((attempt, socket, _)) = connect(attempt + 1, self.port) {
            self.ends[INSIDE_END].socket = socket;
            // Even if it is connected already: the event that says so comes.
            self.trying = self.watch(epoll, slot, INSIDE_END).is_ok().then_some(attempt);
        }
        false
    }

    fn pump(&mut self, pipes: &mut Vec<Pipe>) -> Result<Turn> {
        let [outside, inside] = &mut self.ends;
        let [inwards, outwards] = &mut self.flows;
        let more = inwards.move_bytes(outside, inside, pipes)?;
        let more = outwards.move_bytes(inside, outside, pipes)? || more;
        Ok(match more {
            _ if inwards.closed && outwards.closed => Turn::Over,
            true => Turn::Unfinished,
            false => Turn::Waits,
        })
    }
}

impl Flow {
    /// Moves until one of the sockets has to be waited for, or the turn is over: then true.
    fn move_bytes(&mut self, from: &mut End, to: &mut End, pipes: &mut Vec<Pipe>) -> Result<bool> {
        for _ in 0..TURN {
            if self.closed || !self.fill(from, pipes)? || !self.drain(to, pipes)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether there is now something to pass on: bytes, or the end.
    fn fill(&mut self, from: &mut End, pipes: &mut Vec<Pipe>) -> Result<bool> {
        if self.held > 0 || self.ended {
            return Ok(true);
        }
        if !from.readable {
            return Ok(false);
        }
        let pipe = match self.pipe.take().or_else(|| pipes.pop()) {
            Some(pipe) => pipe,
            None => {
                let (out, into) = socket::wide_pipe(CHUNK)?;
                Pipe { out, into }
            }
        };
        let moved = socket::splice(from.socket.as_fd(), pipe.into.as_fd(), CHUNK)?;
        match moved {
            Some(0) => self.ended = true,
            Some(length) => self.held = length,
            None => from.readable = false,
        }
        if self.held > 0 {
            self.pipe = Some(pipe);
        } else {
            give_back(pipe, pipes);
        }
        Ok(moved.is_some())
    }

    /// Whether all of it was passed on.
    fn drain(&mut self, to: &mut End, pipes: &mut Vec<Pipe>) -> Result<bool> {
        while self.held > 0 {
            let Some(pipe) = self.pipe.as_ref().filter(|_| to.writable) else { return Ok(false) };
            match socket::splice(pipe.out.as_fd(), to.socket.as_fd(), self.held)? {
                Some(length) => self.held -= length,
                None => {
                    to.writable = false;
                    return Ok(false);
                }
            }
        }
        if let Some(pipe) = self.pipe.take() {
            give_back(pipe, pipes);
        }
        if self.ended {
            self.closed = true;
            socket::end_sending(to.socket.as_fd())?;
        }
        Ok(true)
    }
}

fn give_back(pipe: Pipe, pipes: &mut Vec<Pipe>) {
    if pipes.len() < SPARE_PIPES {
        pipes.push(pipe);
    }
}
