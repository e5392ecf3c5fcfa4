//! Landlock: which version of it the kernel offers, and a process confined by it (landlock(7)).
//!
//! Rulesets of a sandbox are made by the raw calls: a start pays for each, and the crate reads the
//! kernel's version and the kind of every file again.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
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

/// `LANDLOCK_ACCESS_FS_*`.
pub mod access {
    pub const EXECUTE: u64 = 1 << 0;
    pub const WRITE_FILE: u64 = 1 << 1;
    pub const READ_FILE: u64 = 1 << 2;
    pub const READ_DIR: u64 = 1 << 3;
    pub const REFER: u64 = 1 << 13;
    pub const TRUNCATE: u64 = 1 << 14;
    pub const IOCTL_DEV: u64 = 1 << 15;
    /// Those that a rule for what is no directory may give.
    pub const OF_FILES: u64 = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV;

    /// Every right that this ABI knows.
    #[must_use]
    pub fn of_abi(abi: u32) -> u64 {
        const FIRST: u64 = (1 << 13) - 1;
        match abi {
            0 => 0,
            1 => FIRST,
            2 => FIRST | REFER,
            3 | 4 => FIRST | REFER | TRUNCATE,
            _ => FIRST | REFER | TRUNCATE | IOCTL_DEV,
        }
    }
}

/// `LANDLOCK_ACCESS_NET_BIND_TCP` and `_CONNECT_TCP`, since ABI 4.
pub const TCP: u64 = 0b11;
/// `LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET` and `_SIGNAL`, since ABI 6.
pub const SCOPES: u64 = 0b11;

/// `struct landlock_ruleset_attr`.
#[repr(C)]
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Handled {
    pub files: u64,
    pub network: u64,
    pub scopes: u64,
}

/// A ruleset in the making: what it handles is refused unless a rule allows it.
#[derive(Debug)]
pub struct OwnRuleset {
    fd: OwnedFd,
    files: u64,
}

impl OwnRuleset {
    pub fn create(handled: Handled) -> Result<Self> {
        // An older kernel takes a longer structure whose unknown end is zero.
        let (size, flags) = (size_of::<Handled>(), 0u32);
        // SAFETY: the kernel reads `size` bytes of a structure of that size, alive on this stack.
        let answer = unsafe {
            let attributes = &raw const handled;
            libc::syscall(libc::SYS_landlock_create_ruleset, attributes, size, flags)
        };
        let fd = checked(answer, || format!("landlock_create_ruleset({handled:x?})"))?;
        // SAFETY: the kernel has just made this descriptor, closed at exec, for us.
        let fd = unsafe { OwnedFd::from_raw_fd(fd as i32) };
        Ok(Self { fd, files: handled.files })
    }

    /// Allows this access to all below a directory, or to a file.
    pub fn allow_below(&self, place: BorrowedFd<'_>, access: u64) -> Result<()> {
        let access = access & self.files;
        match self.add_rule(place, access) {
            // It is no directory, and gets what a file can have.
            Err(e) if e.errno == Errno::EINVAL && access & !access::OF_FILES != 0 => {
                self.add_rule(place, access & access::OF_FILES)
            }
            result => result,
        }
    }

    fn add_rule(&self, place: BorrowedFd<'_>, access: u64) -> Result<()> {
        /// `struct landlock_path_beneath_attr`
        #[repr(C, packed)]
        struct PathBeneath {
            access: u64,
            parent: i32,
        }
        const PATH_BENEATH: u32 = 1; // LANDLOCK_RULE_PATH_BENEATH
        if access == 0 {
            return Ok(());
        }
        let rule = PathBeneath { access, parent: place.as_raw_fd() };
        // SAFETY: two descriptors that are open for the whole call, and a structure of the kind
        // that the type says, alive on this stack.
        let answer = unsafe {
            let ruleset = self.fd.as_raw_fd();
            libc::syscall(libc::SYS_landlock_add_rule, ruleset, PATH_BENEATH, &raw const rule, 0u32)
        };
        checked(answer, || format!("landlock_add_rule({access:#x})")).map(drop)
    }

    /// From now on, for this process and all that it starts. Wants no_new_privs.
    pub fn restrict_self(&self) -> Result<()> {
        // SAFETY: a descriptor and a number.
        let answer =
            unsafe { libc::syscall(libc::SYS_landlock_restrict_self, self.fd.as_raw_fd(), 0u32) };
        checked(answer, || "landlock_restrict_self".to_owned()).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::access;

    #[test]
    fn each_abi_knows_what_the_one_before_it_knew() {
        for abi in 1..10 {
            let (before, now) = (access::of_abi(abi - 1), access::of_abi(abi));
            assert_eq!(now & before, before, "ABI {abi}");
        }
        assert_eq!(access::of_abi(1), 0x1fff);
        assert_eq!(access::of_abi(7), 0xffff);
    }
}
