//! System calls by name and number, for each way (ABI) in which a program can make them.
//!
//! Facts of the kernel only: what is done with a call is decided elsewhere.

mod aarch64;
pub mod errors;
mod i386;
mod x86_64;

use serde::{Serialize, Serializer};

/// A set of numbers with the way they are called.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Abi {
    X86_64,
    I386,
    Aarch64,
}

impl Abi {
    pub const ALL: [Self; 3] = [Self::X86_64, Self::I386, Self::Aarch64];

    /// The one that programs of this machine use; `None` where there is no table for it.
    #[must_use]
    pub const fn of_this_machine() -> Option<Self> {
        if cfg!(all(target_arch = "x86_64", target_pointer_width = "64")) {
            Some(Self::X86_64)
        } else if cfg!(target_arch = "aarch64") {
            Some(Self::Aarch64)
        } else {
            None
        }
    }

    /// The 32-bit one beside it, if there is a table of that too.
    #[must_use]
    pub const fn compat(self) -> Option<Self> {
        match self {
            Self::X86_64 => Some(Self::I386),
            Self::I386 | Self::Aarch64 => None,
        }
    }

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86-64",
            Self::I386 => "i386",
            Self::Aarch64 => "aarch64",
        }
    }

    /// What the kernel calls it in `struct seccomp_data` (`AUDIT_ARCH_*`, linux/audit.h).
    #[must_use]
    pub const fn audit_architecture(self) -> u32 {
        match self {
            Self::X86_64 => 0xc000_003e,
            Self::I386 => 0x4000_0003,
            Self::Aarch64 => 0xc000_00b7,
        }
    }

    /// Numbers from here on belong to another ABI that shares the architecture's name: those of
    /// x32 have bit 30 set (`__X32_SYSCALL_BIT`), whatever is below it.
    #[must_use]
    pub const fn foreign_numbers(self) -> Option<u32> {
        match self {
            Self::X86_64 => Some(0x4000_0000),
            Self::I386 | Self::Aarch64 => None,
        }
    }

    /// Every call there is, as runs of numbers that follow each other: the first one, and the names
    /// from there on.
    #[must_use]
    pub const fn runs(self) -> &'static [(u32, &'static str)] {
        match self {
            Self::X86_64 => x86_64::CALLS,
            Self::I386 => i386::CALLS,
            Self::Aarch64 => aarch64::CALLS,
        }
    }

    /// Every call there is, in rising order.
    pub fn calls(self) -> impl Iterator<Item = (u32, &'static str)> {
        self.runs().iter().flat_map(|(first, names)| (*first..).zip(names.split_ascii_whitespace()))
    }
}

impl Serialize for Abi {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Names that profiles for docker and podman give, of calls that only other architectures have.
const ELSEWHERE: &str = "arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush cachectl \
    get_tls set_tls usr26 usr32 pciconfig_iobase pciconfig_read pciconfig_write recv send \
    riscv_flush_icache riscv_hwprobe rtas s390_guarded_storage s390_pci_mmio_read \
    s390_pci_mmio_write s390_runtime_instr s390_sthyi spu_create spu_run subpage_prot \
    switch_endian swapcontext sync_file_range2 sysmips syscall timerfd multiplexer";

/// Whether any architecture has a call of that name.
#[must_use]
pub fn is_known(name: &str) -> bool {
    ELSEWHERE.split_ascii_whitespace().any(|known| known == name)
        || Abi::ALL.into_iter().any(|abi| abi.calls().any(|(_, known)| known == name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn numbers_rise_and_names_are_given_once() {
        for abi in Abi::ALL {
            let calls: Vec<_> = abi.calls().collect();
            assert!(calls.is_sorted_by(|one, next| one.0 < next.0), "{}", abi.name());
            let names: BTreeSet<_> = calls.iter().map(|(_, name)| name).collect();
            assert_eq!(names.len(), calls.len(), "{}", abi.name());
        }
    }

    #[test]
    fn calls_are_known_by_any_architecture_that_has_them() {
        assert!(is_known("read") && is_known("vm86") && is_known("swapcontext"));
        assert!(!is_known("raed"));
    }
}
