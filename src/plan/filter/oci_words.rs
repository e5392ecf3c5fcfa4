//! The words of a profile in OCI's form: actions, comparisons, architectures, flags.

use crate::base::syscall::{Abi, errors};
use crate::base::{Error, Result};
use crate::sys::capability::CAPABILITIES;

use super::{Action, Comparison, Condition, Flag};

/// An architecture that profiles know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Architecture {
    Known(Abi),
    /// One without a table here.
    Other,
}

pub(super) fn architecture(name: &str) -> Result<Architecture> {
    const OTHERS: &str = "X32 ARM MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PPC PPC64 \
        PPC64LE S390 S390X PARISC PARISC64 RISCV64 LOONGARCH64 M68K SH SHEB";
    match name.strip_prefix("SCMP_ARCH_") {
        Some("X86_64") => Ok(Architecture::Known(Abi::X86_64)),
        Some("X86") => Ok(Architecture::Known(Abi::I386)),
        Some("AARCH64") => Ok(Architecture::Known(Abi::Aarch64)),
        Some(other) if OTHERS.split_ascii_whitespace().any(|it| it == other) => {
            Ok(Architecture::Other)
        }
        _ => Err(Error::new(format!("there is no architecture `{name}`"))),
    }
}

/// As `includes` and `excludes` call the machine (the names of Go's ports).
pub(super) fn docker_name(abi: Abi) -> &'static str {
    match abi {
        Abi::X86_64 => "amd64",
        Abi::I386 => "x86",
        Abi::Aarch64 => "arm64",
    }
}

/// `number` and `name` are `errnoRet` and podman's `errno`.
pub(super) fn action(word: &str, number: Option<u64>, name: Option<&str>) -> Result<Action> {
    let name = name.filter(|name| !name.is_empty());
    let returned = returned(number, name)?;
    let action = match word {
        "SCMP_ACT_ALLOW" => Action::Allow,
        "SCMP_ACT_LOG" => Action::Log,
        "SCMP_ACT_ERRNO" => return Ok(Action::Errno(returned.unwrap_or(1))),
        "SCMP_ACT_TRACE" => return Ok(Action::Trace(returned.unwrap_or(1))),
        "SCMP_ACT_TRAP" => Action::Trap,
        "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => Action::KillThread,
        "SCMP_ACT_KILL_PROCESS" => Action::KillProcess,
        "SCMP_ACT_NOTIFY" => {
            return Err(Error::new(format!("bryo has no supervisor that `{word}` could ask")));
        }
        _ => return Err(Error::new(format!("there is no action `{word}`"))),
    };
    match returned {
        None => Ok(action),
        Some(_) => Err(Error::new(format!("`{word}` returns no errno"))),
    }
}

fn returned(number: Option<u64>, name: Option<&str>) -> Result<Option<u16>> {
    let number = number
        .map(|number| {
            let small = u16::try_from(number).ok().filter(|it| *it <= errors::GREATEST);
            small.ok_or_else(|| Error::new(format!("`{number}` is no errno")))
        })
        .transpose()?;
    let named = name
        .map(|name| {
            errors::number(name).ok_or_else(|| Error::new(format!("there is no errno `{name}`")))
        })
        .transpose()?;
    match (number, named) {
        (Some(one), Some(other)) if one != other => {
            Err(Error::new(format!("`{}` is not errno {one}", name.unwrap_or_default())))
        }
        _ => Ok(number.or(named)),
    }
}

pub(super) fn condition(index: u8, word: &str, value: u64, second: u64) -> Result<Condition> {
    if index > 5 {
        return Err(Error::new(format!("there is no argument {index}: the last one is 5")));
    }
    let comparison = match word {
        "SCMP_CMP_EQ" | "SCMP_CMP_MASKED_EQ" => Comparison::Equal,
        "SCMP_CMP_NE" => Comparison::NotEqual,
        "SCMP_CMP_LT" => Comparison::Less,
        "SCMP_CMP_LE" => Comparison::LessOrEqual,
        "SCMP_CMP_GT" => Comparison::Greater,
        "SCMP_CMP_GE" => Comparison::GreaterOrEqual,
        _ => return Err(Error::new(format!("there is no comparison `{word}`"))),
    };
    if word == "SCMP_CMP_MASKED_EQ" {
        if second & !value != 0 {
            return Err(Error::new(format!(
                "`valueTwo` {second:#x} has bits outside of the mask {value:#x}, so it never holds"
            )));
        }
        return Ok(Condition { argument: index, mask: value, comparison, value: second });
    }
    if second != 0 {
        return Err(Error::new(format!("`{word}` has no `valueTwo`")));
    }
    Ok(Condition { argument: index, mask: u64::MAX, comparison, value })
}

/// `None`: it asks for what a process with one thread has anyway.
pub(super) fn flag(name: &str) -> Result<Option<Flag>> {
    match name {
        "SECCOMP_FILTER_FLAG_TSYNC" => Ok(None),
        "SECCOMP_FILTER_FLAG_LOG" => Ok(Some(Flag::Log)),
        "SECCOMP_FILTER_FLAG_SPEC_ALLOW" => Ok(Some(Flag::SpeculationAllowed)),
        "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" => {
            Err(Error::new(format!("`{name}` is for listeners, and bryo starts none")))
        }
        _ => Err(Error::new(format!("there is no flag `{name}`"))),
    }
}

pub(super) fn capability(name: &str) -> Result<&'static str> {
    let small = name.to_ascii_lowercase();
    let bare = small.strip_prefix("cap_").unwrap_or(&small);
    let known = CAPABILITIES.iter().map(|(known, _)| *known).find(|known| *known == bare);
    known.ok_or_else(|| Error::new(format!("there is no capability `{name}`")))
}

/// `4.8` of `minKernel`.
pub(super) fn kernel(release: &str) -> Result<(u32, u32)> {
    let mut parts = release.split('.').map(|part| part.parse().ok());
    match (parts.next().flatten(), parts.next().flatten(), parts.next()) {
        (Some(major), Some(minor), None) => Ok((major, minor)),
        _ => Err(Error::new(format!("`{release}` is no release of the kernel, as `4.8` is"))),
    }
}
