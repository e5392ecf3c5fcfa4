//! The words of `bryo run`: every one a flag and a policy key.

use super::setting::{add, descriptor, host_name, parsed, put, utf8, yes};
use super::word::{Group, InProjectPolicy, Takes, Word};
use super::{Access, EnvironmentWish, HomeMode, NetworkMode, RootfsWish, ViewWish};

use Group::{Identity, Network, Process, View};
use InProjectPolicy::{Allowed, AllowedAs, AllowedWithinProject, Refused};
use Takes::{Each, Maybe, Nothing, One};

/// The word of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Word> {
    WORDS.iter().find(|word| word.name == name)
}

pub static WORDS: &[Word] = &[
    Word {
        name: "ids",
        short: None,
        takes: One("auto|subids|single"),
        group: Identity,
        help: "Which ids exist inside: subordinate ranges, or yours alone [default: auto]",
        in_project_policy: AllowedAs("single"),
        set: |spec, value, origin| put(&mut spec.ids, parsed(value)?, origin),
    },
    Word {
        name: "root",
        short: None,
        takes: Nothing,
        group: Identity,
        help: "Be uid 0 inside; outside it is still you",
        in_project_policy: AllowedAs("false"),
        set: |spec, value, origin| put(&mut spec.root, yes(value)?, origin),
    },
    Word {
        name: "user",
        short: Some('u'),
        takes: One("UID[:GID]"),
        group: Identity,
        help: "Be this uid and gid inside, by number",
        in_project_policy: Refused,
        set: |spec, value, origin| put(&mut spec.user, parsed(value)?, origin),
    },
    Word {
        name: "hostname",
        short: None,
        takes: One("NAME"),
        group: Identity,
        help: "The host name inside [default: bryo]",
        in_project_policy: Allowed,
        set: |spec, value, origin| {
            let name = host_name(value)?;
            if name.len() > 64 {
                return Err(format!("`{name}` is longer than the 64 letters of a host name"));
            }
            put(&mut spec.hostname, name, origin)
        },
    },
    Word {
        name: "time",
        short: None,
        takes: Maybe { value: "SHIFT", given: "0" },
        group: Identity,
        help: "Shift uptime and the monotonic clock, in a time namespace: --time=+3d",
        in_project_policy: Allowed,
        set: |spec, value, origin| put(&mut spec.time, parsed(value)?, origin),
    },
    Word {
        name: "rootfs",
        short: None,
        takes: One("DIR[:ro|rw]"),
        group: View,
        help: "Make this directory tree the root, under a throw-away overlay unless :ro or :rw",
        in_project_policy: Refused,
        set: |spec, value, origin| put(&mut spec.rootfs, RootfsWish::parse(value)?, origin),
    },
    Word {
        name: "ro",
        short: None,
        takes: Each("PATH[:DEST]"),
        group: View,
        help: "Show a file or directory of the host, read-only",
        in_project_policy: AllowedWithinProject,
        set: |spec, value, origin| {
            add(&mut spec.view, ViewWish::bind(value, Access::ReadOnly)?, origin)
        },
    },
    Word {
        name: "rw",
        short: None,
        takes: Each("PATH[:DEST]"),
        group: View,
        help: "Show a file or directory of the host, writable",
        in_project_policy: Refused,
        set: |spec, value, origin| {
            add(&mut spec.view, ViewWish::bind(value, Access::ReadWrite)?, origin)
        },
    },
    Word {
        name: "overlay",
        short: None,
        takes: Each("PATH[:DEST]"),
        group: View,
        help: "Show a directory, and keep each change off it",
        in_project_policy: AllowedWithinProject,
        set: |spec, value, origin| add(&mut spec.view, ViewWish::overlay(value)?, origin),
    },
    Word {
        name: "volume",
        short: Some('v'),
        takes: Each("SRC:DEST[:ro|rw|overlay]"),
        group: View,
        help: "The same, as docker spells it [default: rw]",
        in_project_policy: Refused,
        set: |spec, value, origin| add(&mut spec.view, ViewWish::volume(value)?, origin),
    },
    Word {
        name: "tmpfs",
        short: None,
        takes: Each("DEST[:size=64M,mode=1777]"),
        group: View,
        help: "Make an empty directory in memory",
        in_project_policy: Allowed,
        set: |spec, value, origin| add(&mut spec.view, ViewWish::tmpfs(value)?, origin),
    },
    Word {
        name: "hide",
        short: None,
        takes: Each("PATH"),
        group: View,
        help: "Cover a file or directory with nothing",
        in_project_policy: Allowed,
        set: |spec, value, origin| add(&mut spec.view, ViewWish::hide(value)?, origin),
    },
    Word {
        name: "file",
        short: None,
        takes: Each("DEST=TEXT|DEST=@FILE"),
        group: View,
        help: "Make a file of this text, or of a copy of FILE",
        in_project_policy: AllowedWithinProject,
        set: |spec, value, origin| add(&mut spec.view, ViewWish::file(value)?, origin),
    },
    Word {
        name: "symlink",
        short: None,
        takes: Each("TARGET:DEST"),
        group: View,
        help: "Make a symbolic link at DEST",
        in_project_policy: AllowedWithinProject,
        set: |spec, value, origin| add(&mut spec.view, ViewWish::symlink(value)?, origin),
    },
    Word {
        name: "dev",
        short: None,
        takes: Each("NAME"),
        group: View,
        help: "Show a device of the host's /dev, e.g. kvm",
        in_project_policy: Refused,
        set: |spec, value, origin| add(&mut spec.view, ViewWish::device(value)?, origin),
    },
    Word {
        name: "home",
        short: None,
        takes: One("private|DIR"),
        group: View,
        help: "The home inside: empty and gone afterwards, or a directory that lasts [default: private]",
        in_project_policy: AllowedAs("private"),
        set: |spec, value, origin| put(&mut spec.home, HomeMode::parse(value)?, origin),
    },
    Word {
        name: "workdir",
        short: Some('w'),
        takes: One("DIR"),
        group: View,
        help: "Start in this directory of the sandbox [default: here, or the root of --rootfs]",
        in_project_policy: AllowedWithinProject,
        set: |spec, value, origin| {
            if value.is_empty() {
                return Err("an empty path is no directory".to_owned());
            }
            put(&mut spec.workdir, value.into(), origin)
        },
    },
    Word {
        name: "overlay-driver",
        short: None,
        takes: One("auto|kernel|fuse"),
        group: View,
        help: "Who makes overlays [default: auto, kernel first]",
        in_project_policy: Allowed,
        set: |spec, value, origin| put(&mut spec.overlay_driver, parsed(value)?, origin),
    },
    Word {
        name: "overlay-dir",
        short: None,
        takes: One("DIR"),
        group: View,
        help: "Keep what is written to overlays in DIR, and go on from it",
        in_project_policy: Refused,
        set: |spec, value, origin| {
            if value.is_empty() {
                return Err("an empty path is no directory".to_owned());
            }
            put(&mut spec.overlay_dir, value.into(), origin)
        },
    },
    Word {
        name: "net",
        short: None,
        takes: Maybe { value: "none|user|host|slirp4netns|pasta", given: "user" },
        group: Network,
        help: "Reach the network in user mode, or =host to share the host's [default: none]",
        in_project_policy: AllowedAs("none"),
        set: |spec, value, origin| put(&mut spec.net, parsed::<NetworkMode>(value)?, origin),
    },
    Word {
        name: "publish",
        short: Some('p'),
        takes: Each("[IP:]HOST:SANDBOX[/udp]"),
        group: Network,
        help: "Lead a port of the host to one inside; bound to 127.0.0.1 and ::1 unless IP is given",
        in_project_policy: Refused,
        set: |spec, value, origin| add(&mut spec.publish, parsed(value)?, origin),
    },
    Word {
        name: "dns",
        short: None,
        takes: Each("IP"),
        group: Network,
        help: "Ask this name server",
        in_project_policy: Refused,
        set: |spec, value, origin| {
            let text = utf8(value)?;
            let ip = text.parse().map_err(|_| format!("`{text}` is not an IP address"))?;
            add(&mut spec.dns, ip, origin)
        },
    },
    Word {
        name: "dns-search",
        short: None,
        takes: Each("DOMAIN"),
        group: Network,
        help: "Look short names up in this domain",
        in_project_policy: Refused,
        set: |spec, value, origin| add(&mut spec.dns_search, host_name(value)?, origin),
    },
    Word {
        name: "add-host",
        short: None,
        takes: Each("NAME:IP"),
        group: Network,
        help: "Add a name to /etc/hosts inside",
        in_project_policy: Refused,
        set: |spec, value, origin| add(&mut spec.add_host, parsed(value)?, origin),
    },
    Word {
        name: "rate",
        short: None,
        takes: One("RATE"),
        group: Network,
        help: "Bound the traffic each way, e.g. 10mbit",
        in_project_policy: Allowed,
        set: |spec, value, origin| put(&mut spec.rate, parsed(value)?, origin),
    },
    Word {
        name: "env",
        short: Some('e'),
        takes: Each("K=V|K"),
        group: Process,
        help: "Set a variable, or pass one of yours",
        in_project_policy: Refused,
        set: |spec, value, origin| add(&mut spec.env, EnvironmentWish::parse(value)?, origin),
    },
    Word {
        name: "env-file",
        short: None,
        takes: Each("FILE"),
        group: Process,
        help: "Set or pass the variables of a file, a line each",
        in_project_policy: Refused,
        set: |spec, value, origin| {
            add(&mut spec.env, EnvironmentWish::File { path: value.into() }, origin)
        },
    },
    Word {
        name: "clear-env",
        short: None,
        takes: Nothing,
        group: Process,
        help: "Pass none of your variables but by --env",
        in_project_policy: AllowedAs("true"),
        set: |spec, value, origin| put(&mut spec.clear_env, yes(value)?, origin),
    },
    Word {
        name: "pass-fd",
        short: None,
        takes: Each("FD"),
        group: Process,
        help: "Pass an open descriptor besides 0, 1 and 2",
        in_project_policy: Refused,
        set: |spec, value, origin| {
            let fd = descriptor(value)?;
            if fd <= 2 {
                return Err(format!("`{fd}` is passed anyway"));
            }
            add(&mut spec.pass_fd, fd, origin)
        },
    },
    Word {
        name: "timeout",
        short: None,
        takes: One("TIME"),
        group: Process,
        help: "End it after TIME, e.g. 30s: TERM, then KILL",
        in_project_policy: Allowed,
        set: |spec, value, origin| put(&mut spec.timeout, parsed(value)?, origin),
    },
    Word {
        name: "grace",
        short: None,
        takes: One("TIME"),
        group: Process,
        help: "The time between TERM and KILL [default: 10s]",
        in_project_policy: Refused,
        set: |spec, value, origin| put(&mut spec.grace, parsed(value)?, origin),
    },
    Word {
        name: "status-fd",
        short: None,
        takes: One("FD"),
        group: Process,
        help: "Report start and end on FD, as lines of JSON",
        in_project_policy: Refused,
        set: |spec, value, origin| put(&mut spec.status_fd, descriptor(value)?, origin),
    },
    Word {
        name: "best-effort",
        short: None,
        takes: Nothing,
        group: Process,
        help: "Where the host cannot give a protection, warn and run without it",
        in_project_policy: AllowedAs("false"),
        set: |spec, value, origin| put(&mut spec.best_effort, yes(value)?, origin),
    },
];

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use proptest::prelude::*;

    use super::*;
    use crate::spec::Origin;

    #[test]
    fn no_word_is_defined_twice() {
        let mut names: Vec<_> = WORDS.iter().map(|w| w.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), WORDS.len());
    }

    proptest! {
        #[test]
        fn any_value_of_any_word_is_answered(index in 0..WORDS.len(), value in "\\PC*") {
            let word = &WORDS[index];
            let _ = (word.set)(&mut crate::spec::Spec::default(), OsStr::new(&value), Origin::Flag(word.name));
        }
    }
}
