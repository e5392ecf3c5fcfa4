//! Resource limits of a process (`getrlimit(2)`), by their names in small letters; `None` is
//! `RLIM_INFINITY`.

use super::call::{Result, checked};

/// The names of getrlimit(2), and the kernel's numbers for them.
#[allow(clippy::unnecessary_cast)]
const RESOURCES: [(&str, u32); 16] = [
    ("as", libc::RLIMIT_AS as u32),
    ("core", libc::RLIMIT_CORE as u32),
    ("cpu", libc::RLIMIT_CPU as u32),
    ("data", libc::RLIMIT_DATA as u32),
    ("fsize", libc::RLIMIT_FSIZE as u32),
    ("locks", libc::RLIMIT_LOCKS as u32),
    ("memlock", libc::RLIMIT_MEMLOCK as u32),
    ("msgqueue", libc::RLIMIT_MSGQUEUE as u32),
    ("nice", libc::RLIMIT_NICE as u32),
    ("nofile", libc::RLIMIT_NOFILE as u32),
    ("nproc", libc::RLIMIT_NPROC as u32),
    ("rss", libc::RLIMIT_RSS as u32),
    ("rtprio", libc::RLIMIT_RTPRIO as u32),
    ("rttime", libc::RLIMIT_RTTIME as u32),
    ("sigpending", libc::RLIMIT_SIGPENDING as u32),
    ("stack", libc::RLIMIT_STACK as u32),
];

/// A soft and a hard limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    pub soft: Option<u64>,
    pub hard: Option<u64>,
}

/// Every name, and what this process has of it.
#[must_use]
pub fn all() -> Vec<(&'static str, Bounds)> {
    RESOURCES.into_iter().map(|(name, number)| (name, of_this_process(number))).collect()
}

fn of_this_process(number: u32) -> Bounds {
    let unlimited = libc::RLIM64_INFINITY;
    let mut limit = libc::rlimit64 { rlim_cur: unlimited, rlim_max: unlimited };
    // SAFETY: the kernel writes one structure, which is alive; pid 0 is this process, and no new
    // limit is given. It fails for no number of the table above; if it did, it would read as
    // unlimited, and is lowered then.
    unsafe { libc::prlimit64(0, number as _, std::ptr::null(), &raw mut limit) };
    let bound = |value| (value != libc::RLIM64_INFINITY).then_some(value);
    Bounds { soft: bound(limit.rlim_cur), hard: bound(limit.rlim_max) }
}

/// Sets both for this process. A name that is none is left alone.
pub fn set(name: &str, bounds: Bounds) -> Result<()> {
    let Some((_, number)) = RESOURCES.into_iter().find(|(known, _)| *known == name) else {
        return Ok(());
    };
    let value = |bound: Option<u64>| bound.unwrap_or(libc::RLIM64_INFINITY);
    let limit = libc::rlimit64 { rlim_cur: value(bounds.soft), rlim_max: value(bounds.hard) };
    // SAFETY: the kernel reads one live structure and writes none.
    let answer = unsafe { libc::prlimit64(0, number as _, &raw const limit, std::ptr::null_mut()) };
    checked(answer.into(), || format!("setrlimit({name})")).map(drop)
}
