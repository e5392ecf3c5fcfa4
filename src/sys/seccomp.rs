//! Loading a filter of system calls into this process (seccomp(2)), and the words of its machine.

use super::call::{Result, checked};

/// One instruction, as the kernel reads it (`struct sock_filter`, linux/filter.h).
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Instruction {
    pub code: Code,
    pub if_true: u8,
    pub if_false: u8,
    pub operand: u32,
}

/// What an instruction does with the accumulator (linux/bpf_common.h).
#[repr(u16)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Code {
    /// Takes the 32 bits at this offset of [`offset`] (`LD | W | ABS`).
    Load = 0x20,
    /// `ALU | AND | K`.
    And = 0x54,
    /// Onward by `operand` instructions (`JMP | JA`).
    Jump = 0x05,
    /// `JMP | JEQ | K`.
    IfEqual = 0x15,
    /// `JMP | JGT | K`.
    IfGreater = 0x25,
    /// `JMP | JGE | K`.
    IfGreaterOrEqual = 0x35,
    /// `JMP | JSET | K`.
    IfAnyBit = 0x45,
    /// `RET | K`.
    Return = 0x06,
}

/// Where a filter finds what in `struct seccomp_data`, on machines that store the low half first.
pub mod offset {
    pub const NUMBER: u32 = 0;
    pub const ARCHITECTURE: u32 = 4;

    #[must_use]
    pub const fn low_half(argument: u8) -> u32 {
        16 + 8 * argument as u32
    }

    #[must_use]
    pub const fn high_half(argument: u8) -> u32 {
        20 + 8 * argument as u32
    }
}

/// What a filter returns (`SECCOMP_RET_*`, linux/seccomp.h); some carry 16 bits of data.
pub mod answer {
    pub const KILL_PROCESS: u32 = 0x8000_0000;
    pub const KILL_THREAD: u32 = 0;
    pub const TRAP: u32 = 0x0003_0000;
    pub const ERRNO: u32 = 0x0005_0000;
    pub const TRACE: u32 = 0x7ff0_0000;
    pub const LOG: u32 = 0x7ffc_0000;
    pub const ALLOW: u32 = 0x7fff_0000;
}

/// The kernel takes no longer program (BPF_MAXINSNS).
pub const LONGEST: usize = 4096;

/// Flags of [`load`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LoadFlags {
    /// What is not allowed goes to the audit log.
    pub log: bool,
    /// The mitigations against speculation that a filter may imply stay off. By default they are
    /// the machine's own affair: since Linux 5.16 a filter implies none, unless whoever booted it
    /// said otherwise (commit 2f46993d83ff, `spec_store_bypass_disable=seccomp`).
    pub speculation_allowed: bool,
}

/// From now on this process and all it starts make their calls past this program too. It cannot be
/// taken back. Needs no_new_privs.
pub fn load(program: &[Instruction], flags: LoadFlags) -> Result<()> {
    const SET_MODE_FILTER: u32 = 1;
    let log = if flags.log { libc::SECCOMP_FILTER_FLAG_LOG } else { 0 };
    let speculation =
        if flags.speculation_allowed { libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW } else { 0 };
    let header = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_ptr().cast::<libc::sock_filter>().cast_mut(),
    };
    // SAFETY: an `Instruction` has the layout of a `sock_filter` (see the test), `len` of them are
    // there for the time of the call, and the kernel only reads them.
    let answer = unsafe {
        let flags = log | speculation;
        libc::syscall(libc::SYS_seccomp, SET_MODE_FILTER, flags, &raw const header)
    };
    checked(answer, || format!("seccomp(SECCOMP_SET_MODE_FILTER, {} instructions)", program.len()))
        .map(drop)
}

/// Whether this kernel knows filters at all (CONFIG_SECCOMP_FILTER).
#[must_use]
pub fn is_available() -> bool {
    const GET_ACTION_AVAIL: u32 = 2;
    let action = answer::ERRNO;
    // SAFETY: the kernel reads the one number that the pointer leads to.
    unsafe { libc::syscall(libc::SYS_seccomp, GET_ACTION_AVAIL, 0u32, &raw const action) == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instruction_lies_in_memory_as_the_kernel_reads_it() {
        assert_eq!(size_of::<Instruction>(), size_of::<libc::sock_filter>());
        assert_eq!(align_of::<Instruction>(), align_of::<libc::sock_filter>());
        let one =
            Instruction { code: Code::IfEqual, if_true: 1, if_false: 2, operand: 0x0102_0304 };
        // SAFETY: both are plain data of one size, without padding.
        let kernel: libc::sock_filter = unsafe { std::mem::transmute(one) };
        assert_eq!(
            (kernel.code, kernel.jt, kernel.jf, kernel.k),
            (0x15, one.if_true, one.if_false, one.operand)
        );
        assert_eq!(libc::SECCOMP_RET_ALLOW, answer::ALLOW);
        assert_eq!(libc::SECCOMP_RET_KILL_PROCESS, answer::KILL_PROCESS);
        assert_eq!(libc::SECCOMP_RET_ERRNO, answer::ERRNO);
    }
}
