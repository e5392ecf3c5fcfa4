//! Landlock: which version of it the kernel offers (landlock(7)).

use super::call::{Result, checked};

/// The ABI of `landlock_create_ruleset(2)`: ENOSYS where it is not built in, EOPNOTSUPP where it
/// was left out at boot.
pub fn abi() -> Result<u32> {
    const VERSION: u32 = 1; // LANDLOCK_CREATE_RULESET_VERSION
    // SAFETY: with this flag the kernel wants no attributes: a null pointer of size 0.
    let answer = unsafe {
        let none = std::ptr::null::<libc::c_void>();
        libc::syscall(libc::SYS_landlock_create_ruleset, none, 0usize, VERSION)
    };
    checked(answer, || "landlock_create_ruleset(version)".to_owned()).map(|abi| abi as u32)
}
