//! The wall clock, and the one that stamps files.

use rustix::time::{ClockId, clock_gettime};

/// Of either clock: since 1970.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Moment {
    pub seconds: i64,
    pub nanoseconds: u32,
}

/// By the wall clock.
#[must_use]
pub fn now() -> Moment {
    read(ClockId::Realtime)
}

/// By the clock that inodes are stamped with (current_time() of the kernel's fs/inode.c): what is
/// changed after this was asked bears this time or a later one.
#[must_use]
pub fn now_for_files() -> Moment {
    read(ClockId::RealtimeCoarse)
}

fn read(clock: ClockId) -> Moment {
    let now = clock_gettime(clock);
    Moment { seconds: now.tv_sec, nanoseconds: u32::try_from(now.tv_nsec).unwrap_or(0) }
}
