//! The kernel's key retention service (keyrings(7)), as far as it is to be left.

use super::call::{Result, checked};

const GET_KEYRING_ID: libc::c_long = 0; // KEYCTL_GET_KEYRING_ID
const JOIN_SESSION_KEYRING: libc::c_long = 1; // KEYCTL_JOIN_SESSION_KEYRING
const SESSION: libc::c_long = -3; // KEY_SPEC_SESSION_KEYRING

/// Leaves the session keyring for a new and empty one that has no name for others to join it by.
/// ENOSYS where the kernel has no keys at all; EDQUOT where the user has too many.
pub fn join_new_session() -> Result<()> {
    // SAFETY: a null pointer for the name means: none.
    let answer = unsafe {
        libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, std::ptr::null::<libc::c_char>())
    };
    checked(answer, || "keyctl(KEYCTL_JOIN_SESSION_KEYRING)".to_owned()).map(drop)
}

/// The number of this process's session keyring; that of the user where it has none.
pub fn session_id() -> Result<i64> {
    // SAFETY: three numbers; nothing is created.
    let answer = unsafe { libc::syscall(libc::SYS_keyctl, GET_KEYRING_ID, SESSION, 0) };
    checked(answer, || "keyctl(KEYCTL_GET_KEYRING_ID)".to_owned())
}
