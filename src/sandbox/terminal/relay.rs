//! One direction of the relay: what was read is written before more is read, so nothing is lost,
//! nothing piles up, and a slow reader slows the writer.

use std::os::fd::BorrowedFd;

use crate::sys::{Errno, file};

const CHUNK: usize = 16 << 10;

#[derive(Debug, Default)]
pub(super) struct Flow {
    /// Read and not yet written.
    pending: Vec<u8>,
}

/// What came of reading or writing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Carried {
    Some(usize),
    /// Not now.
    Nothing,
    /// The descriptor is of no more use.
    Gone,
}

impl Flow {
    pub(super) fn wants_to_read(&self) -> bool {
        self.pending.is_empty()
    }

    pub(super) fn wants_to_write(&self) -> bool {
        !self.pending.is_empty()
    }

    pub(super) fn read(&mut self, from: BorrowedFd<'_>) -> Carried {
        self.pending.resize(CHUNK, 0);
        let carried = carried(file::read(from, &mut self.pending));
        self.pending.truncate(match carried {
            Carried::Some(count) => count,
            Carried::Nothing | Carried::Gone => 0,
        });
        carried
    }

    pub(super) fn write(&mut self, to: BorrowedFd<'_>) -> Carried {
        let carried = carried(file::write(to, &self.pending));
        match carried {
            Carried::Some(count) => drop(self.pending.drain(..count)),
            Carried::Nothing => {}
            Carried::Gone => self.discard(),
        }
        carried
    }

    pub(super) fn discard(&mut self) {
        self.pending.clear();
    }
}

/// A terminal that has hung up answers EIO, or nothing at all.
fn carried(answer: crate::sys::Result<usize>) -> Carried {
    match answer {
        Ok(0) => Carried::Gone,
        Ok(count) => Carried::Some(count),
        Err(e) if e.errno == Errno::EAGAIN => Carried::Nothing,
        Err(_) => Carried::Gone,
    }
}
