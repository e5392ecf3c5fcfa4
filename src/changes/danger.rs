//! Why a change deserves a look before it is applied: it would act outside, on its own or with
//! somebody else's rights.

use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use serde::Serialize;

use crate::base::{HostPath, Result, Text};
use crate::sandbox::obeyed_by;
use crate::sys::entry;
use crate::sys::facts::{Facts, Type};

use super::change::Change;
use super::walk::Spot;

/// In the order in which they are told.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case", tag = "danger")]
pub enum Danger {
    /// A program obeys it wherever it finds it: a hook, a setting, a start-up file.
    Obeyed { by: &'static str },
    /// Whoever runs it gets its owner's rights.
    SetId,
    /// It points out of the tree.
    LeadsOut { target: Text },
    /// Neither a file, a directory nor a link: never applied.
    Special,
    /// It was no program, or was not there.
    Executable,
}

/// What is dangerous about a change, if anything is; the gravest reason.
pub fn danger_of(change: &Change, spot: &Spot<'_>, path: &HostPath) -> Result<Option<Danger>> {
    let Some(after) = &change.after else { return Ok(None) };
    let path = path.as_path();
    if after.kind != Type::Directory
        && let Some(by) = obeyed_by(path).or_else(|| obeyed_by_the_system(path))
    {
        return Ok(Some(Danger::Obeyed { by }));
    }
    Ok(match after.kind {
        Type::Regular if after.mode & 0o6000 != 0 => Some(Danger::SetId),
        Type::Regular if is_program(after) && !change.before.as_ref().is_some_and(is_program) => {
            Some(Danger::Executable)
        }
        Type::Symlink => {
            let target = entry::link_target_at(spot.upper, spot.name)?;
            let target = Text::from(target.into_os_string());
            leads_out(spot.path, &target).then_some(Danger::LeadsOut { target })
        }
        Type::Regular | Type::Directory => None,
        _ => Some(Danger::Special),
    })
}

/// Who obeys a setting of the system: what is run by itself, for everybody, or as root.
fn obeyed_by_the_system(path: &Path) -> Option<&'static str> {
    let below = path.strip_prefix("/etc").ok()?;
    let first = below.components().next()?.as_os_str().to_str()?;
    Some(match first {
        "profile.d" | "bash.bashrc" | "zsh" | "environment" => "every shell",
        "systemd" | "init.d" | "rc.local" | "udev" | "dbus-1" | "xdg" => "the system's start",
        "ld.so.preload" | "ld.so.conf" | "ld.so.conf.d" => "every program",
        "pam.d" | "security" | "sudoers" | "sudoers.d" | "polkit-1" | "ssh" => "every login",
        "passwd" | "group" | "shadow" | "gshadow" | "subuid" | "subgid" => "every login",
        "apt" | "dpkg" => "the package manager",
        first if first.starts_with("cron") || first == "anacrontab" => "cron",
        _ => return None,
    })
}

fn is_program(facts: &Facts) -> bool {
    facts.kind == Type::Regular && facts.mode & 0o111 != 0
}

/// Whether a link at that path below the tree points above it, as far as its text tells.
fn leads_out(path: &Path, target: &Text) -> bool {
    if target.as_bytes().starts_with(b"/") {
        return true;
    }
    let mut depth = path.components().count().saturating_sub(1);
    for part in Path::new(std::ffi::OsStr::from_bytes(target.as_bytes())).components() {
        match part {
            Component::ParentDir if depth == 0 => return true,
            Component::ParentDir => depth -= 1,
            Component::Normal(_) => depth += 1,
            _ => {}
        }
    }
    false
}

impl fmt::Display for Danger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Obeyed { by } => write!(f, "{by} obeys it"),
            Self::SetId => f.write_str("set-user-id or set-group-id; applied without"),
            Self::LeadsOut { target } => write!(f, "leads out, to {target}"),
            Self::Special => f.write_str("a device, a FIFO or a socket; never applied"),
            Self::Executable => f.write_str("may be executed now"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_the_system_are_obeyed_below_etc_alone() {
        let by = |path: &str| obeyed_by_the_system(Path::new(path));
        assert_eq!(by("/etc/cron.d/x"), Some("cron"));
        assert_eq!(by("/etc/ld.so.preload"), Some("every program"));
        assert_eq!(by("/etc/motd"), None);
        assert_eq!(by("/work/etc/cron.d/x"), None);
    }

    #[test]
    fn a_link_leads_out_by_its_text() {
        let leads = |path: &str, target: &str| leads_out(Path::new(path), &Text::from(target));
        assert!(leads("a", "/etc/passwd"));
        assert!(leads("a", "../x"));
        assert!(leads("d/a", "../../x"));
        assert!(!leads("d/a", "../x"));
        assert!(!leads("a", "b/../c"));
        assert!(leads("a", "b/../../c"));
    }
}
