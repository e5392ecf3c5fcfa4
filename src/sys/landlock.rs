//! Landlock: which version of it the kernel offers, and a process confined by it (landlock(7)).

use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError,
};

use super::call::{CallError, Errno, Result, checked};

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

/// From now on this process and all it starts can open nothing of the file system but what lies
/// below `readable` (to read and execute) and `writable`; paths that do not exist are left out.
/// Sets no_new_privs. As strict as this kernel can be; where it has no Landlock, nothing changes.
pub fn confine(readable: &[&str], writable: &[&str]) -> Result<()> {
    let abi = ABI::V5;
    let rules = |paths: &[&str], access| {
        let existing = paths.iter().filter(|path| Path::new(path).exists());
        let descriptors: Vec<PathFd> = existing.filter_map(|path| PathFd::new(path).ok()).collect();
        descriptors.into_iter().map(move |fd| Ok::<_, RulesetError>(PathBeneath::new(fd, access)))
    };
    Ruleset::default()
        .handle_access(AccessFs::from_all(abi))
        .and_then(Ruleset::create)
        .and_then(|set| set.add_rules(rules(readable, AccessFs::from_read(abi))))
        .and_then(|set| set.add_rules(rules(writable, AccessFs::from_all(abi))))
        .and_then(landlock::RulesetCreated::restrict_self)
        .map(drop)
        .map_err(|_| CallError { call: "landlock_restrict_self".to_owned(), errno: Errno::last() })
}
