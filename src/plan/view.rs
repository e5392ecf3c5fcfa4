//! The view: what the sandbox sees, as an ordered list of steps.

use serde::Serialize;

use crate::base::size::Size;
use crate::base::{BoxPath, HostPath, Text};
use crate::spec::Access;

#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct View {
    pub root: Root,
    /// In order; a later step covers an earlier one.
    pub steps: Vec<Step>,
    /// Where the payload starts.
    pub workdir: BoxPath,
    /// Present when anything in the view is an overlay.
    pub overlay: Option<OverlayPlan>,
}

impl View {
    /// The steps that a later one does not cover, whether writable or not.
    pub fn visible(&self) -> impl Iterator<Item = &Step> {
        let covered = |index: usize, step: &Step| {
            self.steps[index + 1..].iter().any(|later| match later.layer {
                Layer::Directory { .. } => false,
                _ => step.at.is_within(&later.at),
            })
        };
        let seen = self.steps.iter().enumerate();
        seen.filter(move |(index, step)| !covered(*index, step)).map(|(_, step)| step)
    }

    /// Places of the host that the command may write to and that are not its own, the outermost
    /// ones.
    #[must_use]
    pub fn writable_places(&self) -> Vec<&HostPath> {
        let mut places: Vec<&HostPath> = Vec::new();
        for step in self.visible() {
            if let Layer::Bind { source, access: Access::ReadWrite } = &step.layer
                && !places.iter().any(|wider| source.is_within(wider))
            {
                places.retain(|narrower| !narrower.is_within(source));
                places.push(source);
            }
        }
        places
    }
}

/// What `/` is.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Root {
    /// A tmpfs that holds mount points and links only, read-only once it is built.
    Assembled,
    /// A directory tree of the host.
    Tree { directory: HostPath, access: Access },
    /// A directory tree of the host under an overlay.
    OverlaidTree { directory: HostPath, upper: Upper },
}

/// One thing put into the view.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Step {
    pub at: BoxPath,
    pub layer: Layer,
    /// Where it was asked for, for messages; `default` otherwise.
    pub origin: String,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// A file or directory of the host, with everything mounted below it.
    Bind {
        source: HostPath,
        access: Access,
    },
    /// A directory of the host that is the sandbox's home and lasts. It is the sandbox's own: what
    /// is mounted in it finds its place made.
    Home {
        source: HostPath,
    },
    /// A file of the host, copied at the start.
    Copy {
        source: HostPath,
    },
    /// A directory of the host below a writable layer.
    Overlay {
        lower: HostPath,
        upper: Upper,
    },
    /// An empty directory of the sandbox's private filesystem, which all of these share.
    Private {
        mode: u32,
    },
    /// An empty filesystem in memory, with a bound of its own.
    Tmpfs {
        size: Size,
        mode: u32,
    },
    Directory {
        mode: u32,
    },
    File {
        content: Text,
        mode: u32,
    },
    /// A file of /etc that bryo writes itself. Where a rootfs has a link, it is what the link
    /// leads to inside; where there is no place for it, it is left out.
    Written {
        content: Text,
    },
    Symlink {
        target: Text,
    },
    /// Nothing, where something was.
    Hidden,
    /// One node of the host's /dev.
    Device {
        source: HostPath,
    },
    /// A /proc of its own, its risky parts closed.
    Proc,
    /// A minimal /dev of its own, with terminals and shared memory of its own.
    Dev,
}

/// The writable directory of one overlay, by its number below the scratch place or the kept
/// directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Upper(pub usize);

#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct OverlayPlan {
    pub driver: OverlayDriverPlan,
    pub scratch: ScratchPlan,
    /// Mounts of the host below what it lies over: for the kernel's driver, each is a part by itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub submounts: Vec<HostPath>,
    /// Kept layers between the uppers and what they lie over, from the top down: read, never written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub below: Vec<HostPath>,
    /// Those over files of root, which are to be root's inside as well, though he is another.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub of_root: Vec<Upper>,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OverlayDriverPlan {
    Kernel,
    Fuse { program: HostPath },
}

/// Where uppers are.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScratchPlan {
    /// In memory, gone with the sandbox.
    Memory { size: Size },
    /// In a new directory below this one, removed at the end.
    Disk { parent: HostPath },
    /// In a directory that stays.
    Kept { directory: HostPath },
}
