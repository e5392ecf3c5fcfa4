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
        help: "Which ids exist inside: subordinate ranges, or your own id alone [default: auto]",
        in_project_policy: AllowedAs("single"),
        set: |spec, value, origin| put(&mut spec.ids, parsed(value)?, origin),
    },
    Word {
        name: "root",
        short: None,
        takes: Nothing,
        group: Identity,
        help: "Run as uid 0 inside; outside it is still you",
        in_project_policy: AllowedAs("false"),
        set: |spec, value, origin| put(&mut spec.root, yes(value)?, origin),
    },
    Word {
        name: "user",
        short: Some('u'),
        takes: One("UID[:GID]"),
        group: Identity,
        help: "Run as this uid and gid inside",
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
        help: "Clocks of its own: shift uptime and the monotonic clock, e.g. --time=-3d",
        in_project_policy: Allowed,
        set: |spec, value, origin| put(&mut spec.time, parsed(value)?, origin),
    },
    Word {
        name: "rootfs",
        short: None,
        takes: One("DIR[:ro|rw]"),
        group: View,
        help: "Use this directory tree as /, under a throw-away overlay unless :ro or :rw",
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
        help: "Show a directory of the host, writable, and keep every change off the host",
        in_project_policy: AllowedWithinProject,
        set: |spec, value, origin| add(&mut spec.view, ViewWish::overlay(value)?, origin),
    },
    Word {
        name: "volume",
        short: Some('v'),
        takes: Each("SRC:DEST[:ro|rw|overlay]"),
        group: View,
        help: "The same three as docker users type them; writable unless :ro or :overlay",
        in_project_policy: Refused,
        set: |spec, value, origin| add(&mut spec.view, ViewWish::volume(value)?, origin),
    },
    Word {
        name: "tmpfs",
        short: None,
        takes: Each("DEST[:size=64M,mode=1777]"),
        group: View,
        help: "An empty directory in memory",
        in_project_policy: Allowed,
        set: |spec, value, origin| add(&mut spec.view, ViewWish::tmpfs(value)?, origin),
    },
    Word {
        name: "hide",
        short: None,
        takes: Each("PATH"),
        group: View,
        help: "Cover a file or directory of the view with nothing",
        in_project_policy: Allowed,
        set: |spec, value, origin| add(&mut spec.view, ViewWish::hide(value)?, origin),
    },
    Word {
        name: "file",
        short: None,
        takes: Each("DEST=TEXT|DEST=@FILE"),
        group: View,
        help: "A file with this text, or with a copy of FILE",
        in_project_policy: AllowedWithinProject,
        set: |spec, value, origin| add(&mut spec.view, ViewWish::file(value)?, origin),
    },
    Word {
        name: "symlink",
        short: None,
        takes: Each("TARGET:DEST"),
        group: View,
        help: "A symbolic link at DEST",
        in_project_policy: AllowedWithinProject,
        set: |spec, value, origin| add(&mut spec.view, ViewWish::symlink(value)?, origin),
    },
    Word {
        name: "dev",
        short: None,
        takes: Each("NAME"),
        group: View,
        help: "A device of the host's /dev, e.g. kvm or dri/card0",
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
        help: "Where the command starts [default: the working directory, else the home]",
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
        help: "Who makes overlays [default: auto, the kernel where it can]",
        in_project_policy: Allowed,
        set: |spec, value, origin| put(&mut spec.overlay_driver, parsed(value)?, origin),
    },
    Word {
        name: "overlay-dir",
        short: None,
        takes: One("DIR"),
        group: View,
        help: "Keep what is written to overlays in this directory, and go on from it",
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
        help: "Reach the network in user mode, or =host, or by a named program [default: none]",
        in_project_policy: AllowedAs("none"),
        set: |spec, value, origin| put(&mut spec.net, parsed::<NetworkMode>(value)?, origin),
    },
    Word {
        name: "publish",
        short: Some('p'),
        takes: Each("[IP:]HOST:SANDBOX[/udp]"),
        group: Network,
        help: "Lead a port of the host (127.0.0.1 and ::1 unless IP) to a port inside",
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
        help: "A line for /etc/hosts inside",
        in_project_policy: Refused,
        set: |spec, value, origin| add(&mut spec.add_host, parsed(value)?, origin),
    },
    Word {
        name: "rate",
        short: None,
        takes: One("RATE"),
        group: Network,
        help: "Bound the traffic in each direction, e.g. 10mbit",
        in_project_policy: Allowed,
        set: |spec, value, origin| put(&mut spec.rate, parsed(value)?, origin),
    },
    Word {
        name: "env",
        short: Some('e'),
        takes: Each("K=V|K"),
        group: Process,
        help: "Set a variable, or pass one of yours through",
        in_project_policy: Refused,
        set: |spec, value, origin| add(&mut spec.env, EnvironmentWish::parse(value)?, origin),
    },
    Word {
        name: "env-file",
        short: None,
        takes: Each("FILE"),
        group: Process,
        help: "Set the variables that a file lists, a line each",
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
        help: "Pass nothing of your environment but what --env names",
        in_project_policy: AllowedAs("true"),
        set: |spec, value, origin| put(&mut spec.clear_env, yes(value)?, origin),
    },
    Word {
        name: "pass-fd",
        short: None,
        takes: Each("FD"),
        group: Process,
        help: "Let an open descriptor through, besides 0, 1 and 2",
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
        help: "End the command after this time, e.g. 30s: first TERM, then KILL",
        in_project_policy: Allowed,
        set: |spec, value, origin| put(&mut spec.timeout, parsed(value)?, origin),
    },
    Word {
        name: "grace",
        short: None,
        takes: One("TIME"),
        group: Process,
        help: "Between TERM and KILL [default: 10s]",
        in_project_policy: Refused,
        set: |spec, value, origin| put(&mut spec.grace, parsed(value)?, origin),
    },
    Word {
        name: "status-fd",
        short: None,
        takes: One("FD"),
        group: Process,
        help: "Report start and end as lines of JSON on this descriptor",
        in_project_policy: Refused,
        set: |spec, value, origin| put(&mut spec.status_fd, descriptor(value)?, origin),
    },
    Word {
        name: "best-effort",
        short: None,
        takes: Nothing,
        group: Process,
        help: "Run with a warning where the host cannot give a protection",
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
