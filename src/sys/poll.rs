//! Waiting on several descriptors at once.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};

use super::call::{Named, Result};

/// What to wait for on one descriptor, and what came of it.
#[derive(Debug)]
pub struct Watch<'fd> {
    fd: Option<BorrowedFd<'fd>>,
    reading: bool,
    writing: bool,
    /// There is something to read, or the other end is gone: a read will tell.
    pub readable: bool,
    /// A write will not block, or the other end is gone: a write will tell.
    pub writable: bool,
}

impl<'fd> Watch<'fd> {
    #[must_use]
    pub fn reading(fd: BorrowedFd<'fd>) -> Self {
        Self { fd: Some(fd), reading: true, writing: false, readable: false, writable: false }
    }

    /// Waits for either; a descriptor that is `None` is left out.
    #[must_use]
    pub fn when(fd: Option<BorrowedFd<'fd>>, reading: bool, writing: bool) -> Self {
        Self { fd, reading, writing, readable: false, writable: false }
    }

    /// Whether anything of what was waited for has come.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.readable || self.writable
    }

    fn asks_for_something(&self) -> bool {
        self.reading || self.writing
    }
}

/// Waits until one of the watches has come true, or the time is over, or a signal came.
pub fn wait_for(watches: &mut [Watch<'_>], timeout: Option<Duration>) -> Result<()> {
    let mut polled: Vec<(usize, PollFd<'_>)> = Vec::with_capacity(watches.len());
    for (index, watch) in watches.iter().enumerate() {
        if let Some(fd) = watch.fd.filter(|_| watch.asks_for_something()) {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, watch.reading);
            flags.set(PollFlags::OUT, watch.writing);
            polled.push((index, PollFd::from_borrowed_fd(fd, flags)));
        }
    }
    let mut fds: Vec<PollFd<'_>> = polled.iter().map(|(_, fd)| fd.clone()).collect();
    let timeout = timeout.map(|t| Timespec {
        tv_sec: i64::try_from(t.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: t.subsec_nanos().into(),
    });
    match rustix::event::poll(&mut fds, timeout.as_ref()) {
        Ok(_) => {}
        Err(rustix::io::Errno::INTR) => return Ok(()),
        Err(e) => return Err(e).named(|| "ppoll".to_owned()),
    }
    for ((index, _), fd) in polled.iter().zip(&fds) {
        let seen = fd.revents();
        let gone = seen.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
        let watch = &mut watches[*index];
        watch.readable = watch.reading && (gone || seen.contains(PollFlags::IN));
        watch.writable = watch.writing && (gone || seen.contains(PollFlags::OUT));
    }
    Ok(())
}

/// Whether there is something to read in this time, whatever signals come meanwhile.
pub fn is_readable_within(fd: BorrowedFd<'_>, patience: Duration) -> Result<bool> {
    let deadline = Instant::now() + patience;
    let mut watches = [Watch::reading(fd)];
    while !watches[0].readable && Instant::now() < deadline {
        wait_for(&mut watches, Some(deadline.saturating_duration_since(Instant::now())))?;
    }
    Ok(watches[0].readable)
}
