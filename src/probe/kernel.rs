//! Probes of the kernel: what it offers beyond what a program needs.

use crate::sys::clone::CloneFlags;
use crate::sys::{namespace, surface};

use super::{Clues, Said, first_line};

const AF_VSOCK: i32 = 40;

pub(super) fn user_namespace(_: &Clues) -> Said {
    Said::of(namespace::unshare(CloneFlags::NEWUSER).map(|()| "made"))
}

pub(super) fn io_uring(_: &Clues) -> Said {
    Said::of(surface::io_uring().map(|()| "set up"))
}

pub(super) fn keyring(_: &Clues) -> Said {
    Said::of(surface::session_keyring())
}

pub(super) fn vsock(_: &Clues) -> Said {
    Said::of(surface::socket_of_family(AF_VSOCK).map(|()| "opened"))
}

pub(super) fn compat32(_: &Clues) -> Said {
    Said::of(surface::pid_by_32_bits())
}

pub(super) fn terminal_input(_: &Clues) -> Said {
    Said::of(surface::push_terminal_input().map(|()| "the driver answered"))
}

/// What the kernel says of this very process.
pub(super) fn unfiltered(_: &Clues) -> Said {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    match status.lines().find(|line| line.starts_with("Seccomp:")) {
        Some(line) if line.ends_with('2') => Said::Refused("filtered".to_owned()),
        Some(line) => Said::Reached(line.replace('\t', " ")),
        None => Said::of(first_line(std::path::Path::new("/proc/self/status"))),
    }
}
