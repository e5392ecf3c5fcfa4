//! Where a family is tried: the sandboxes whose outcome the table shows, and bubblewrap's.

use super::stage::Stage;
use crate::support::place;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scenario {
    Default,
    Terminal,
    Root,
    Rootfs,
    KernelOverlay,
    FuseOverlay,
    Bubblewrap,
}

/// A tree of the caller's is the root, with the working directory in it.
const IN_ROOTFS: [&str; 4] = ["--rw", "@WORK@", "-w", "@WORK@"];

impl Scenario {
    pub(crate) const ALL: [Self; 7] = [
        Self::Default,
        Self::Terminal,
        Self::Root,
        Self::Rootfs,
        Self::KernelOverlay,
        Self::FuseOverlay,
        Self::Bubblewrap,
    ];

    /// Those of bryo.
    pub(crate) const OURS: usize = Self::ALL.len() - 1;

    /// The head of its column.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Terminal => "terminal",
            Self::Root => "`--root`",
            Self::Rootfs => "`--rootfs`",
            Self::KernelOverlay => "kernel overlay",
            Self::FuseOverlay => "FUSE overlay",
            Self::Bubblewrap => "bubblewrap",
        }
    }

    /// What it stands for, under the table.
    pub(crate) fn told(self) -> &'static str {
        match self {
            Self::Default => "`bryo run`, no terminal",
            Self::Terminal => "`bryo run` at a terminal",
            Self::Root => "`bryo run --root`, with subordinate ids",
            Self::Rootfs => "`bryo run --rootfs DIR:ro`, as the user",
            Self::KernelOverlay => {
                "`bryo run --root --rootfs DIR --overlay-driver kernel`, a throw-away overlay"
            }
            Self::FuseOverlay => {
                "`bryo run --root --rootfs DIR --overlay-driver fuse`, a throw-away overlay"
            }
            Self::Bubblewrap => {
                "`bwrap --ro-bind / / --dev /dev --proc /proc --unshare-all --die-with-parent --bind $PWD $PWD --chdir $PWD`"
            }
        }
    }

    /// The words before the command, with the flags of a family or of a door.
    pub(crate) fn launcher(self, stage: &Stage, flags: &[&str]) -> Vec<String> {
        let own: Vec<&str> = match self {
            Self::Bubblewrap => return bubblewrap(stage, &[]),
            Self::Default | Self::Terminal => Vec::new(),
            Self::Root => vec!["--root"],
            Self::Rootfs => [&["--rootfs", "@ROOTFS@:ro"][..], &IN_ROOTFS].concat(),
            Self::KernelOverlay => overlay("kernel"),
            Self::FuseOverlay => overlay("fuse"),
        };
        bryo(stage, &[&own[..], flags].concat())
    }
}

fn overlay(driver: &'static str) -> Vec<&'static str> {
    let own = ["--root", "--rootfs", "@ROOTFS@", "--overlay-driver", driver];
    [&own[..], &IN_ROOTFS].concat()
}

pub(crate) fn bryo(stage: &Stage, flags: &[&str]) -> Vec<String> {
    let mut words = vec![place::binary().display().to_string(), "run".to_owned()];
    words.extend(flags.iter().map(|flag| stage.fill(flag)));
    words.push("--".to_owned());
    words
}

pub(crate) fn bubblewrap(stage: &Stage, flags: &[&str]) -> Vec<String> {
    let recipe = [
        "bwrap",
        "--ro-bind",
        "/",
        "/",
        "--dev",
        "/dev",
        "--proc",
        "/proc",
        "--unshare-all",
        "--die-with-parent",
        "--bind",
        "@WORK@",
        "@WORK@",
        "--chdir",
        "@WORK@",
    ];
    recipe.iter().chain(flags).map(|word| stage.fill(word)).collect()
}

/// `unshare` with these flags, and mapped root's script before the command.
pub(crate) fn unshared(stage: &Stage, flags: &[&str], script: &str) -> Vec<String> {
    let mut words: Vec<String> = vec!["unshare".to_owned(), "-Ur".to_owned()];
    words.extend(flags.iter().map(|flag| stage.fill(flag)));
    let script = format!("set -e; {}; exec \"$@\"", stage.fill(script));
    words.extend(["sh".to_owned(), "-c".to_owned(), script, "sh".to_owned()]);
    words
}
