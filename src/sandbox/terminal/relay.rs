//! One direction of the relay: what was read is written before more is read, so nothing is lost,
//! nothing piles up, and a slow reader slows the writer.

use std::os::fd::BorrowedFd;

use crate::sys::{CallError, Errno, Result, file};

const CHUNK: usize = 16 << 10;

#[derive(Debug, Default)]
pub(super) struct Flow {
    /// Read and not yet written.
    pending: Vec<u8>,
    /// The first call that failed for another reason than a terminal that is gone: what was to go
    /// this way is lost.
    pub(super) failure: Option<CallError>,
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
        let answer = file::read(from, &mut self.pending);
        let carried = self.carried(answer);
        self.pending.truncate(match carried {
            Carried::Some(count) => count,
            Carried::Nothing | Carried::Gone => 0,
        });
        carried
    }

    pub(super) fn write(&mut self, to: BorrowedFd<'_>) -> Carried {
        let answer = file::write(to, &self.pending);
        let carried = self.carried(answer);
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

    /// A terminal that has hung up answers EIO, or nothing at all.
    fn carried(&mut self, answer: Result<usize>) -> Carried {
        match answer {
            Ok(0) => Carried::Gone,
            Ok(count) => Carried::Some(count),
            Err(e) if matches!(e.errno, Errno::EAGAIN | Errno::EINTR) => Carried::Nothing,
            Err(e) => {
                if !matches!(e.errno, Errno::EIO | Errno::ENXIO | Errno::EPIPE) {
                    self.failure.get_or_insert(e);
                }
                Carried::Gone
            }
        }
    }
}
