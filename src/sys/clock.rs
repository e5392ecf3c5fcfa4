//! The wall clock.

/// The wall clock: seconds and nanoseconds since 1970.
#[must_use]
pub fn now() -> (i64, u32) {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    (now.tv_sec, u32::try_from(now.tv_nsec).unwrap_or(0))
}
