//! Capabilities, no_new_privs and securebits: what a process may do beyond its uid.

use super::call::{Result, checked};

/// The capabilities of capabilities(7), by name and number.
pub const CAPABILITIES: [(&str, u32); 41] = [
    ("chown", 0),
    ("dac_override", 1),
    ("dac_read_search", 2),
    ("fowner", 3),
    ("fsetid", 4),
    ("kill", 5),
    ("setgid", 6),
    ("setuid", 7),
    ("setpcap", 8),
    ("linux_immutable", 9),
    ("net_bind_service", 10),
    ("net_broadcast", 11),
    ("net_admin", 12),
    ("net_raw", 13),
    ("ipc_lock", 14),
    ("ipc_owner", 15),
    ("sys_module", 16),
    ("sys_rawio", 17),
    ("sys_chroot", 18),
    ("sys_ptrace", 19),
    ("sys_pacct", 20),
    ("sys_admin", 21),
    ("sys_boot", 22),
    ("sys_nice", 23),
    ("sys_resource", 24),
    ("sys_time", 25),
    ("sys_tty_config", 26),
    ("mknod", 27),
    ("lease", 28),
    ("audit_write", 29),
    ("audit_control", 30),
    ("setfcap", 31),
    ("mac_override", 32),
    ("mac_admin", 33),
    ("syslog", 34),
    ("wake_alarm", 35),
    ("block_suspend", 36),
    ("audit_read", 37),
    ("perfmon", 38),
    ("bpf", 39),
    ("checkpoint_restore", 40),
];

/// A set of capabilities, a bit each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CapabilitySet(pub u64);

impl CapabilitySet {
    pub const EMPTY: Self = Self(0);
    /// Every capability this kernel or a later one knows.
    pub const FULL: Self = Self(u64::MAX);

    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[must_use]
    pub fn contains(self, number: u32) -> bool {
        number < 64 && self.0 & (1 << number) != 0
    }
}

fn prctl(option: i32, a: u64, b: u64, c: u64, name: &'static str) -> Result<i64> {
    // SAFETY: every option used in this file takes numbers only; the kernel is given no pointer.
    let answer = unsafe { libc::prctl(option, a, b, c, 0u64) };
    checked(answer.into(), || format!("prctl({name}, {a})"))
}

/// Takes every capability outside `keep` from the bounding set, for this process and all it execs.
pub fn limit_bounding_set(keep: CapabilitySet) -> Result<()> {
    for number in 0..64 {
        if keep.contains(number) {
            continue;
        }
        match prctl(libc::PR_CAPBSET_DROP, number.into(), 0, 0, "PR_CAPBSET_DROP") {
            Ok(_) => {}
            // EINVAL: one past the last capability that this kernel knows.
            Err(e) if e.errno == super::Errno::EINVAL => break,
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

#[repr(C)]
struct CapHeader {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct CapData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

const LINUX_CAPABILITY_VERSION_3: u32 = 0x2008_0522;

/// Sets effective and permitted to `set`, and the inheritable set to `inheritable`.
pub fn set_capabilities(set: CapabilitySet, inheritable: CapabilitySet) -> Result<()> {
    let header = CapHeader { version: LINUX_CAPABILITY_VERSION_3, pid: 0 };
    let half = |shift: u32| CapData {
        effective: (set.0 >> shift) as u32,
        permitted: (set.0 >> shift) as u32,
        inheritable: (inheritable.0 >> shift) as u32,
    };
    let data = [half(0), half(32)];
    // SAFETY: version 3 reads one header and two data structures, which live on this stack.
    let answer = unsafe { libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()) };
    checked(answer, || format!("capset({:#x})", set.0)).map(drop)
}

/// The three sets of a thread that capget(2) tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Held {
    pub effective: CapabilitySet,
    pub permitted: CapabilitySet,
    pub inheritable: CapabilitySet,
}

/// What this process holds now.
pub fn held() -> Result<Held> {
    let header = CapHeader { version: LINUX_CAPABILITY_VERSION_3, pid: 0 };
    let mut data = [CapData { effective: 0, permitted: 0, inheritable: 0 }; 2];
    // SAFETY: version 3 writes two data structures, and two are there.
    let answer = unsafe { libc::syscall(libc::SYS_capget, &raw const header, data.as_mut_ptr()) };
    checked(answer, || "capget".to_owned())?;
    let whole = |half: fn(&CapData) -> u32| {
        CapabilitySet(u64::from(half(&data[0])) | u64::from(half(&data[1])) << 32)
    };
    Ok(Held {
        effective: whole(|data| data.effective),
        permitted: whole(|data| data.permitted),
        inheritable: whole(|data| data.inheritable),
    })
}

/// What can still be gained by exec.
#[must_use]
pub fn bounding_set() -> CapabilitySet {
    set_of(|number| prctl(libc::PR_CAPBSET_READ, number, 0, 0, "PR_CAPBSET_READ"))
}

/// What outlives exec, whatever the uid.
#[must_use]
pub fn ambient_set() -> CapabilitySet {
    let is_set = libc::PR_CAP_AMBIENT_IS_SET as u64;
    set_of(|number| prctl(libc::PR_CAP_AMBIENT, is_set, number, 0, "PR_CAP_AMBIENT"))
}

/// Those for which the kernel says yes; beyond the last that it knows it says EINVAL.
fn set_of(is_set: impl Fn(u64) -> Result<i64>) -> CapabilitySet {
    let bits = (0..64).filter(|number| is_set(*number).is_ok_and(|answer| answer == 1));
    CapabilitySet(bits.fold(0, |bits, number| bits | 1 << number))
}

pub fn securebits() -> Result<u32> {
    prctl(libc::PR_GET_SECUREBITS, 0, 0, 0, "PR_GET_SECUREBITS").map(|bits| bits as u32)
}

/// Keeps the whole permitted set across the next exec, whatever the uid: for a helper that works
/// in a user namespace without being its root (ambient set, capabilities(7), Linux 4.3).
pub fn keep_capabilities_across_exec() -> Result<()> {
    let permitted = held()?.permitted;
    set_capabilities(permitted, permitted)?;
    raise_ambient(permitted)
}

/// Puts capabilities that are permitted and inheritable into the ambient set: then they outlive
/// exec, whatever the uid.
pub fn raise_ambient(set: CapabilitySet) -> Result<()> {
    for (_, number) in CAPABILITIES.iter().filter(|(_, number)| set.contains(*number)) {
        let raise = libc::PR_CAP_AMBIENT_RAISE as u64;
        prctl(libc::PR_CAP_AMBIENT, raise, u64::from(*number), 0, "PR_CAP_AMBIENT")?;
    }
    Ok(())
}

pub fn clear_ambient_set() -> Result<()> {
    let clear = libc::PR_CAP_AMBIENT_CLEAR_ALL as u64;
    prctl(libc::PR_CAP_AMBIENT, clear, 0, 0, "PR_CAP_AMBIENT").map(drop)
}

/// Keeps the permitted capabilities while the uid changes (PR_SET_KEEPCAPS); exec clears it.
pub fn keep_capabilities_across_setuid() -> Result<()> {
    prctl(libc::PR_SET_KEEPCAPS, 1, 0, 0, "PR_SET_KEEPCAPS").map(drop)
}

/// Uid 0 gains nothing by exec any more, nor by setuid; for ever, for all descendants.
pub fn lock_securebits() -> Result<()> {
    // NOROOT, NO_SETUID_FIXUP, NO_CAP_AMBIENT_RAISE, each with its lock (capabilities(7), "The
    // securebits flags"). KEEP_CAPS stays open: it keeps nothing where there is nothing, and
    // ping(8) gives up when it may not set it.
    const LOCKED: u64 = 0b1100_1111;
    prctl(libc::PR_SET_SECUREBITS, LOCKED, 0, 0, "PR_SET_SECUREBITS").map(drop)
}

pub fn set_no_new_privs() -> Result<()> {
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, "PR_SET_NO_NEW_PRIVS").map(drop)
}

#[must_use]
pub fn has_no_new_privs() -> bool {
    prctl(libc::PR_GET_NO_NEW_PRIVS, 0, 0, 0, "PR_GET_NO_NEW_PRIVS").is_ok_and(|v| v == 1)
}

/// Closes /proc/PID of this process to others: no environ, mem, fd or ptrace from the sandbox.
pub fn set_undumpable() -> Result<()> {
    prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, "PR_SET_DUMPABLE").map(drop)
}

/// This process is killed when its parent ends. Cleared by a change of uid: set it after that.
pub fn die_with_parent() -> Result<()> {
    prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as u64, 0, 0, "PR_SET_PDEATHSIG").map(drop)
}

/// Orphans below this process become its children.
pub fn adopt_orphans() -> Result<()> {
    prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, "PR_SET_CHILD_SUBREAPER").map(drop)
}
