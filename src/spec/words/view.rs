//! Words for what the command sees.

use crate::spec::setting::{add, parsed, put, yes};
use crate::spec::word::{Group::View, InProjectPolicy, Takes, Word};
use crate::spec::{Access, HomeMode, RootfsWish, ViewWish};

use InProjectPolicy::{Allowed, AllowedAs, AllowedWithinProject, Refused};
use Takes::{Each, Nothing, One};

pub(super) const WORDS: &[Word] = &[
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
        takes: One("private|overlay|DIR"),
        group: View,
        help: "An empty home, the real one with no change to it, or a directory that lasts [default: private]",
        in_project_policy: AllowedAs("private"),
        set: |spec, value, origin| put(&mut spec.home, HomeMode::parse(value)?, origin),
    },
    Word {
        name: "system",
        short: None,
        takes: Nothing,
        group: View,
        help: "Put overlays over /usr, /etc and /opt (--root)",
        in_project_policy: AllowedAs("false"),
        set: |spec, value, origin| put(&mut spec.system, yes(value)?, origin),
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
        help: "Keep what overlays take in DIR, and go on from it",
        in_project_policy: Refused,
        set: |spec, value, origin| {
            if value.is_empty() {
                return Err("an empty path is no directory".to_owned());
            }
            put(&mut spec.overlay_dir, value.into(), origin)
        },
    },
];
