//! Which layers behind the namespaces are wanted, and which doors in them.

use std::ffi::OsStr;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::base::Text;
use crate::base::wording::{any_of, nearest};
use crate::sys::capability::CAPABILITIES;

/// `--seccomp`: which filter of system calls.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SeccompWish {
    /// bryo's own.
    Default,
    None,
    /// A file in the JSON form of the OCI runtime specification.
    File(Text),
}

impl SeccompWish {
    pub fn parse(value: &OsStr) -> Result<Self, String> {
        match value.to_str() {
            Some("default") => Ok(Self::Default),
            Some("none") => Ok(Self::None),
            Some("") => Err("an empty path is no file".to_owned()),
            _ => Ok(Self::File(Text::from(value))),
        }
    }
}

/// `--allow DOOR`: one thing that the default confinement refuses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Door {
    NestedUserns,
    Ptrace,
    Compat32,
    IoUring,
    Keyring,
    Perf,
    Userfaultfd,
    Sockets,
    SetuidBits,
    TerminalInput,
    Proc,
}

impl Door {
    /// Each with its name and what it lets in.
    pub const ALL: [(Self, &str, &str); 11] = [
        (Self::NestedUserns, "nested-userns", "user namespaces, and mounts in them"),
        (Self::Ptrace, "ptrace", "tracing of its own processes, as strace and gdb do"),
        (Self::Compat32, "compat32", "32-bit system calls"),
        (Self::IoUring, "io-uring", "io_uring, whose operations no filter sees"),
        (Self::Keyring, "keyring", "the kernel's key retention service"),
        (Self::Perf, "perf", "performance counters of its own processes"),
        (Self::Userfaultfd, "userfaultfd", "page faults handled by itself"),
        (Self::Sockets, "sockets", "sockets of every address family"),
        (Self::SetuidBits, "setuid-bits", "set-user-id bits on files of the host"),
        (Self::TerminalInput, "terminal-input", "input pushed into its terminal"),
        (Self::Proc, "proc", "the parts of /proc that tell of the whole machine"),
    ];

    fn entry(self) -> (&'static str, &'static str) {
        Self::ALL
            .iter()
            .find(|(door, ..)| *door == self)
            .map_or(("", ""), |(_, name, lets_in)| (*name, *lets_in))
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        self.entry().0
    }

    #[must_use]
    pub fn lets_in(self) -> &'static str {
        self.entry().1
    }
}

impl FromStr for Door {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names = || Self::ALL.iter().map(|(_, name, _)| *name);
        match Self::ALL.iter().find(|(_, name, _)| *name == text) {
            Some((door, ..)) => Ok(*door),
            None => Err(match nearest(text, names()) {
                Some(near) => format!("there is no door `{text}`; did you mean `{near}`?"),
                None => format!("`{text}` is not {}", any_of(&names().collect::<Vec<_>>())),
            }),
        }
    }
}

/// `--cap-add` and `--cap-drop`, in the order given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CapabilityWish {
    Add(Capability),
    Drop(Capability),
}

/// One capability by its name in small letters, or all of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Capability {
    All,
    One(&'static str),
}

impl FromStr for Capability {
    type Err = String;

    /// `net_raw`, `NET_RAW` and `CAP_NET_RAW` are the same.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let small = text.to_ascii_lowercase();
        let name = small.strip_prefix("cap_").unwrap_or(&small);
        if name == "all" {
            return Ok(Self::All);
        }
        let names = || CAPABILITIES.iter().map(|(name, _)| *name);
        match names().find(|known| *known == name) {
            Some(known) => Ok(Self::One(known)),
            None => Err(match nearest(name, names()) {
                Some(near) => format!("there is no capability `{text}`; did you mean `{near}`?"),
                None => format!("there is no capability `{text}`; capabilities(7) names them all"),
            }),
        }
    }
}

/// `--integrity`: what is done about changes in the working directory that would act outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum IntegrityMode {
    /// They are told at the end.
    Report,
    /// They are told, and the run counts as failed.
    Strict,
    Off,
}

impl FromStr for IntegrityMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "report" => Ok(Self::Report),
            "strict" => Ok(Self::Strict),
            "off" => Ok(Self::Off),
            _ => Err(format!("`{text}` is not {}", any_of(&["report", "strict", "off"]))),
        }
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_door_has_a_name_of_its_own_that_leads_back() {
        for (door, name, _) in Door::ALL {
            assert_eq!(name.parse(), Ok(door));
            assert_eq!(serde_json::to_string(&door).unwrap(), format!("\"{name}\""));
        }
    }

    #[test]
    fn capabilities_are_spelled_in_three_ways() {
        for text in ["net_raw", "NET_RAW", "CAP_NET_RAW", "cap_net_raw"] {
            assert_eq!(text.parse(), Ok(Capability::One("net_raw")));
        }
        assert_eq!("ALL".parse(), Ok(Capability::All));
        assert!("net_rwa".parse::<Capability>().unwrap_err().ends_with("did you mean `net_raw`?"));
    }
}
