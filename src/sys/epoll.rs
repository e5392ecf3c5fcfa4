//! Waiting on thousands of descriptors (epoll(7)).

use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{Timespec, epoll};

use super::call::{Named, Result};

/// Descriptors that are waited on, each under a number of the caller's choice.
#[derive(Debug)]
pub struct Epoll(OwnedFd);

/// When a descriptor is told of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interest {
    /// As long as there is something to read.
    Reading,
    /// Each time that there is something new to read, or new room to write.
    Changes,
}

/// What happened to one descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    pub number: u64,
    pub readable: bool,
    pub writable: bool,
}

impl Epoll {
    pub fn new() -> Result<Self> {
        epoll::create(epoll::CreateFlags::CLOEXEC).map(Self).named(|| "epoll_create1".to_owned())
    }

    pub fn add(&self, fd: BorrowedFd<'_>, number: u64, interest: Interest) -> Result<()> {
        let flags = match interest {
            Interest::Reading => epoll::EventFlags::IN,
            Interest::Changes => {
                epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::ET
            }
        };
        epoll::add(&self.0, fd, epoll::EventData::new_u64(number), flags)
            .named(|| format!("epoll_ctl(ADD, {number})"))
    }

    pub fn remove(&self, fd: BorrowedFd<'_>) -> Result<()> {
        epoll::delete(&self.0, fd).named(|| "epoll_ctl(DEL)".to_owned())
    }

    /// The events that are there, waiting for the first if there is none.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<Vec<Event>> {
        let timeout = timeout.map(|timeout| Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        });
        let mut events = Vec::with_capacity(256);
        let room = rustix::buffer::spare_capacity(&mut events);
        match epoll::wait(&self.0, room, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e).named(|| "epoll_wait".to_owned()),
        }
        Ok(events.iter().map(event).collect())
    }
}

fn event(event: &epoll::Event) -> Event {
    let flags = event.flags;
    let gone = flags.intersects(epoll::EventFlags::HUP | epoll::EventFlags::ERR);
    Event {
        number: event.data.u64(),
        readable: gone || flags.contains(epoll::EventFlags::IN),
        writable: gone || flags.contains(epoll::EventFlags::OUT),
    }
}
