//! A filter of system calls as plain data: for each ABI what is answered to each call, and by
//! which of its arguments. Pure; it becomes a program of the kernel's in `sandbox::confine`.

mod default;
mod multiplexed;
mod oci;
mod oci_words;
mod rows;
mod summary;
mod table;

pub use default::{Keys, SetuidBits, default_filter};
pub use oci::{Circumstances, read_profile};

use crate::base::syscall::Abi;

/// What every system call of a sandbox is answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Filter {
    /// The machine's own ABI, and those beside it that are open.
    pub abis: Vec<AbiFilter>,
    /// Calls by any other ABI.
    pub foreign: Action,
    pub flags: Vec<Flag>,
}

/// The calls by one ABI.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AbiFilter {
    pub abi: Abi,
    /// In rising order of their numbers.
    pub calls: Vec<(u32, Verdict)>,
    /// Every number that is not among `calls`.
    pub others: Action,
}

impl AbiFilter {
    /// What the call of that number is answered; `None` where it is no call of its own.
    #[must_use]
    pub fn verdict_of(&self, number: u32) -> Option<&Verdict> {
        let place = self.calls.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        Some(&self.calls[place].1)
    }
}

/// What one call is answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// The first that applies decides.
    pub rules: Vec<Rule>,
    /// Where none does.
    pub otherwise: Action,
}

impl Verdict {
    #[must_use]
    pub const fn always(action: Action) -> Self {
        Self { rules: Vec::new(), otherwise: action }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// All of them must hold.
    pub when: Vec<Condition>,
    pub action: Action,
}

/// A test of one argument: `(argument & mask) comparison value`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Condition {
    /// 0 to 5.
    pub argument: u8,
    /// Bits that the kernel does not look at must not decide: with `0x1_0000_5412` for the command
    /// of an ioctl, a comparison of all 64 would let TIOCSTI pass (CVE-2019-10063).
    pub mask: u64,
    pub comparison: Comparison,
    pub value: u64,
}

impl Condition {
    /// For the many arguments that the kernel reads as `int` or `unsigned int`.
    const LOW: u64 = u32::MAX as u64;

    #[must_use]
    pub const fn low_equals(argument: u8, value: u32) -> Self {
        Self { argument, mask: Self::LOW, comparison: Comparison::Equal, value: value as u64 }
    }

    /// At least one of these bits is set.
    #[must_use]
    pub const fn any_bit(argument: u8, bits: u32) -> Self {
        Self { argument, mask: bits as u64, comparison: Comparison::NotEqual, value: 0 }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    #[must_use]
    pub fn holds(self, left: u64, right: u64) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

/// What the kernel does with a call; the strictest last, in the order in which it prefers them
/// itself where two filters disagree (seccomp(2)).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Action {
    Allow,
    /// Allowed, and told to the audit log.
    Log,
    /// Left to a tracer; without one, ENOSYS.
    Trace(u16),
    Errno(u16),
    /// SIGSYS.
    Trap,
    KillThread,
    KillProcess,
}

impl Action {
    pub const EPERM: Self = Self::Errno(1);
    pub const ENOSYS: Self = Self::Errno(38);
    pub const EPROTONOSUPPORT: Self = Self::Errno(93);
    pub const EAFNOSUPPORT: Self = Self::Errno(97);

    /// How strict it is, whatever number comes with it.
    #[must_use]
    pub fn rank(self) -> u8 {
        match self {
            Self::Allow => 0,
            Self::Log => 1,
            Self::Trace(_) => 2,
            Self::Errno(_) => 3,
            Self::Trap => 4,
            Self::KillThread => 5,
            Self::KillProcess => 6,
        }
    }
}

/// How the kernel is to load it (seccomp(2)).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flag {
    /// Everything but allowed calls goes to the audit log.
    Log,
    /// Speculation is left as it was: see `sys::seccomp`.
    SpeculationAllowed,
}
