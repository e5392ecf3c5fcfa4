//! A failed system call: what was called, with what, and what the kernel answered.

use std::fmt;

use serde::{Deserialize, Serialize};

pub type Result<T> = std::result::Result<T, CallError>;

/// An errno value; compared by its number, printed in the kernel's words.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Errno(pub i32);

impl Errno {
    pub const EPERM: Self = Self(libc::EPERM);
    pub const EBADFD: Self = Self(libc::EBADFD);
    pub const EDQUOT: Self = Self(libc::EDQUOT);
    pub const ENOENT: Self = Self(libc::ENOENT);
    pub const ENODEV: Self = Self(libc::ENODEV);
    pub const EUSERS: Self = Self(libc::EUSERS);
    pub const ENXIO: Self = Self(libc::ENXIO);
    pub const EIO: Self = Self(libc::EIO);
    pub const ENOEXEC: Self = Self(libc::ENOEXEC);
    pub const EAGAIN: Self = Self(libc::EAGAIN);
    pub const EACCES: Self = Self(libc::EACCES);
    pub const EBUSY: Self = Self(libc::EBUSY);
    pub const EEXIST: Self = Self(libc::EEXIST);
    pub const EXDEV: Self = Self(libc::EXDEV);
    pub const ENOTDIR: Self = Self(libc::ENOTDIR);
    pub const EOVERFLOW: Self = Self(libc::EOVERFLOW);
    pub const EISDIR: Self = Self(libc::EISDIR);
    pub const ENOTEMPTY: Self = Self(libc::ENOTEMPTY);
    pub const EINVAL: Self = Self(libc::EINVAL);
    pub const EMFILE: Self = Self(libc::EMFILE);
    pub const ERANGE: Self = Self(libc::ERANGE);
    pub const ENOSPC: Self = Self(libc::ENOSPC);
    pub const EROFS: Self = Self(libc::EROFS);
    pub const EPIPE: Self = Self(libc::EPIPE);
    pub const ENOSYS: Self = Self(libc::ENOSYS);
    pub const ELOOP: Self = Self(libc::ELOOP);
    pub const ESRCH: Self = Self(libc::ESRCH);
    pub const EINTR: Self = Self(libc::EINTR);
    pub const ENFILE: Self = Self(libc::ENFILE);
    pub const ENOMEM: Self = Self(libc::ENOMEM);
    pub const ENOBUFS: Self = Self(libc::ENOBUFS);
    pub const EAFNOSUPPORT: Self = Self(libc::EAFNOSUPPORT);
    pub const ENOTCONN: Self = Self(libc::ENOTCONN);
    pub const ECONNABORTED: Self = Self(libc::ECONNABORTED);
    pub const EADDRINUSE: Self = Self(libc::EADDRINUSE);
    pub const EADDRNOTAVAIL: Self = Self(libc::EADDRNOTAVAIL);
    pub const EOPNOTSUPP: Self = Self(libc::EOPNOTSUPP);
    pub const ECONNRESET: Self = Self(libc::ECONNRESET);
    pub const ENAMETOOLONG: Self = Self(libc::ENAMETOOLONG);
    pub const ECHILD: Self = Self(libc::ECHILD);

    /// Whether it says something of this process, or of a filter on it, and nothing of what it
    /// asked about.
    #[must_use]
    pub fn is_of_the_process(self) -> bool {
        matches!(
            self,
            Self::ENOMEM
                | Self::EPERM
                | Self::ENOSYS
                | Self::ENOSPC
                | Self::EINTR
                | Self::EMFILE
                | Self::ENFILE
        )
    }

    #[must_use]
    pub fn last() -> Self {
        Self(std::io::Error::last_os_error().raw_os_error().unwrap_or(0))
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = nix::errno::Errno::from_raw(self.0).desc();
        let mut letters = text.chars();
        // "No such file" reads as "no such file" behind a colon, but "I/O error" stays.
        match (letters.next(), letters.clone().next()) {
            (Some(first), Some(second)) if second.is_lowercase() => {
                write!(f, "{}{}", first.to_lowercase(), letters.as_str())
            }
            _ => f.write_str(text),
        }
    }
}

/// One failed call, as a person may grep for it: `mount_setattr("/usr"): operation not permitted`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CallError {
    pub call: String,
    pub errno: Errno,
}

impl CallError {
    /// What std says of a call that it made.
    #[must_use]
    pub fn of(error: std::io::Error, call: String) -> Self {
        Self { call, errno: Errno(error.raw_os_error().unwrap_or(libc::EIO)) }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.call, self.errno)
    }
}

impl std::error::Error for CallError {}

/// Gives a raw result its name: the closure runs only on failure, so success allocates nothing.
pub(super) trait Named<T> {
    fn named(self, call: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Named<T> for std::result::Result<T, rustix::io::Errno> {
    fn named(self, call: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|e| CallError { call: call(), errno: Errno(e.raw_os_error()) })
    }
}

impl<T> Named<T> for std::result::Result<T, nix::errno::Errno> {
    fn named(self, call: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|e| CallError { call: call(), errno: Errno(e as i32) })
    }
}

impl<T> Named<T> for std::io::Result<T> {
    fn named(self, call: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|e| CallError::of(e, call()))
    }
}

/// For calls made through libc: a negative answer means errno holds the reason.
pub(super) fn checked(answer: libc::c_long, call: impl FnOnce() -> String) -> Result<libc::c_long> {
    if answer < 0 { Err(CallError { call: call(), errno: Errno::last() }) } else { Ok(answer) }
}
