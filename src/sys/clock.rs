//! The wall clock, the one that stamps files, and the start of the machine.

use std::path::Path;
use std::sync::OnceLock;

use rustix::time::{ClockId, clock_gettime};

use super::call::Result;
use super::file;

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

/// What tells this start of the machine from all others, as a line (random(4)). Read once: no process
/// outlives it.
pub fn boot() -> Result<&'static [u8]> {
    static BOOT: OnceLock<Vec<u8>> = OnceLock::new();
    if let Some(boot) = BOOT.get() {
        return Ok(boot);
    }
    let boot = file::read_path(Path::new("/proc/sys/kernel/random/boot_id"), 64)?;
    Ok(BOOT.get_or_init(|| boot))
}
