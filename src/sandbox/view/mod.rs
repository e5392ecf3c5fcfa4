//! The view, built by file descriptor in init's own mount namespace while the host's tree is still
//! there, and then entered for good.

mod dev;
mod gather;
mod place;
mod private;
mod proc;
mod root;
mod shown;

use std::os::fd::{AsFd, OwnedFd};

use crate::base::size::Size;
use crate::base::{BoxPath, Context, Error, HostPath, Result};
use crate::plan::{Layer, Plan, Root, Step, Upper};
use crate::sys::Errno;
use crate::sys::file::{self, FileKind};
use crate::sys::mount::{self, FsOption, MountAttr, Reach};
use crate::sys::process;

use super::overlay::{Above, Overlay, Overlays};
use gather::{Material, Materials};
use place::{Ending, Place, Target};
use private::Private;
use shown::Shown;

pub(super) use gather::gather;
pub(super) use proc::{CLOSED as CLOSED_IN_PROC, MASKED as MASKED_IN_PROC};

/// The new root under construction.
pub(super) struct Construction<'a> {
    plan: &'a Plan,
    overlays: &'a Overlays<'a>,
    place: Place,
    private: Private,
    /// Filesystems of our own that nothing more is to be written to once the view is built.
    closed_at_the_end: Vec<OwnedFd>,
    /// The terminals of the sandbox's own.
    devpts: Option<OwnedFd>,
}

/// The origin of a step that nobody asked for.
const DEFAULT: &str = "default";

const NO_PRIVILEGE: MountAttr = MountAttr::NOSUID.and(MountAttr::NODEV);

/// Builds the view from what was gathered for it, and makes it the root of this mount namespace;
/// the devpts in it, if it has one.
pub(super) fn build(
    plan: &Plan,
    materials: Materials,
    overlays: &Overlays<'_>,
) -> Result<Option<OwnedFd>> {
    let umask = file::set_umask(0);
    let mut view = root::begin(plan, overlays)?;
    for (step, material) in materials.beside(plan) {
        match view.take(step, material) {
            Err(e) if may_be_missing(plan, step, &e) => {}
            result => result.map_err(|e| named(e, step))?,
        }
    }
    view.close()?;
    view.enter()?;
    file::set_umask(umask);
    Ok(view.devpts)
}

/// What the sandbox works without. A cover that nobody asked for, over what went away since the plan
/// was made. Or a small file of our own that a tree has no place for, in a directory whose owner is
/// not mapped into the sandbox: not even an overlay lets us write there.
fn may_be_missing(plan: &Plan, step: &Step, error: &Error) -> bool {
    let is_default_cover = matches!(step.layer, Layer::Hidden) && step.origin == DEFAULT;
    if is_default_cover && error.errno() == Some(Errno::ENOENT) {
        return true;
    }
    matches!(plan.view.root, Root::OverlaidTree { .. })
        && matches!(step.layer, Layer::Written { .. })
        && matches!(error.errno(), Some(Errno::EACCES | Errno::EPERM | Errno::EOVERFLOW))
}

/// Whether a file cannot be made for what lies there, or whom it belongs to.
fn is_of_the_place(error: &Error) -> bool {
    error.errno().is_none_or(|errno| {
        matches!(errno, Errno::EACCES | Errno::EPERM | Errno::EOVERFLOW | Errno::EROFS)
            || matches!(errno, Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP)
    })
}

/// An error of a step, with the place it was to make and where it was asked for.
fn named(error: Error, step: &Step) -> Error {
    let error = error.within(format!("cannot make `{}`", step.at));
    match step.origin.as_str() {
        DEFAULT => error,
        origin => error.within(format!("cannot use `{origin}`")),
    }
}

impl Construction<'_> {
    fn take(&mut self, step: &Step, material: Material) -> Result<()> {
        let at = &step.at;
        match (&step.layer, material) {
            (_, Material::OutOfSight) => Ok(()),
            (layer, Material::Tree(tree)) => {
                self.place.attach(&tree.fd, at, tree.target)?;
                if let Some(shown) = Shown::by(layer, at) {
                    self.place.note(shown);
                }
                Ok(())
            }
            (_, Material::Content(content)) => self.file(at, &content, 0o444),
            (Layer::Dev, Material::Nodes(nodes)) => self.dev(at, nodes),
            (Layer::Tmpfs { size, mode }, _) => self.tmpfs(at, size.0, *mode),
            (Layer::Private { mode }, _) => self.private(at, *mode),
            (Layer::Directory { mode }, _) => self.place.make_directory(at, *mode),
            (Layer::File { content, mode }, _) => self.file(at, content.as_bytes(), *mode),
            (Layer::Written { content }, _) => self.written(at, content.as_bytes()),
            (Layer::Symlink { target }, _) => self.place.make_symlink(at, target),
            (Layer::Hidden, _) => self.hide(at),
            (Layer::Proc, _) => self.proc(at),
            (Layer::Overlay { lower, upper }, _) => self.overlay(lower, *upper, at),
            (
                Layer::Bind { .. }
                | Layer::Home { .. }
                | Layer::Copy { .. }
                | Layer::Device { .. }
                | Layer::Dev,
                Material::Nothing | Material::Nodes(_),
            ) => Err(Error::new("nothing was gathered for it")),
        }
    }

    /// A directory of the host below a writable layer: what is written there, the host never sees.
    fn overlay(&mut self, lower: &HostPath, upper: Upper, at: &BoxPath) -> Result<()> {
        let Overlay { root, above } = self.overlays.make(lower, upper)?;
        self.place.attach(&root, at, Target::Directory)?;
        self.place.own(root.as_fd())?;
        self.cover(at, above)
    }

    /// Puts the other parts of an overlay on top of it.
    fn cover(&mut self, at: &BoxPath, above: Vec<Above>) -> Result<()> {
        for Above { path, kind, mount } in above {
            let target = match kind {
                FileKind::Directory => Target::Directory,
                FileKind::Regular | FileKind::Symlink | FileKind::Other => Target::File,
            };
            self.place.attach(&mount, &at.join(path), target)?;
        }
        Ok(())
    }

    fn private(&mut self, at: &BoxPath, mode: u32) -> Result<()> {
        let directory = self.private.directory(mode, NO_PRIVILEGE, &self.plan.identity)?;
        self.place.attach(&directory, at, Target::Directory)
    }

    fn tmpfs(&mut self, at: &BoxPath, size: u64, mode: u32) -> Result<()> {
        let tmpfs = self.new_tmpfs(size, mode, NO_PRIVILEGE)?;
        self.place.attach(&tmpfs, at, Target::Directory)?;
        self.place.own(tmpfs.as_fd())
    }

    /// A tmpfs that belongs to the payload.
    fn new_tmpfs(&self, size: u64, mode: u32, attributes: MountAttr) -> Result<OwnedFd> {
        let identity = &self.plan.identity;
        let files = private::most_files(Size(size));
        let (size, mode) = (size.to_string(), format!("{mode:o}"));
        let (uid, gid) = (identity.uid.to_string(), identity.gid.to_string());
        let mut options = vec![
            FsOption::Text("size", &size),
            FsOption::Text("nr_inodes", &files),
            FsOption::Text("mode", &mode),
        ];
        // What init makes is init's, that is the caller's own ids: most payloads have them.
        if (identity.uid, identity.gid) != (process::uid(), process::gid()) {
            options.extend([FsOption::Text("uid", &uid), FsOption::Text("gid", &gid)]);
        }
        Ok(mount::new_filesystem("tmpfs", &options, attributes)?)
    }

    fn file(&mut self, at: &BoxPath, content: &[u8], mode: u32) -> Result<()> {
        if self.place.make_file(at, content, mode)? {
            return Ok(());
        }
        let tree = self.private.file(content, mode)?;
        self.place.attach(&tree, at, Target::File)
    }

    fn hide(&mut self, at: &BoxPath) -> Result<()> {
        let covered = self.place.find(at)?;
        let tree = match file::status(covered.as_fd())?.kind {
            FileKind::Directory => {
                let attributes = NO_PRIVILEGE.and(MountAttr::RDONLY);
                self.private.directory(0o000, attributes, &self.plan.identity)?
            }
            _ => self.private.file(b"", 0o000)?,
        };
        self.place.cover(&tree, covered.as_fd())
    }

    /// A file of /etc that bryo writes itself. A rootfs may have a link there, often to a place
    /// in /run that does not exist before the start.
    fn written(&mut self, at: &BoxPath, content: &[u8]) -> Result<()> {
        match self.place.make_file(at, content, 0o644) {
            Ok(true) => return Ok(()),
            Err(e) if !is_of_the_place(&e) => return Err(e),
            Ok(false) | Err(_) => {}
        }
        match self.place.at_the_end_of_links(at)? {
            Ending::Nothing(end) => self.place.make_file(&end, content, 0o644).map(drop),
            Ending::File(covered) => {
                let tree = self.private.file(content, 0o644)?;
                self.place.cover(&tree, covered.as_fd())
            }
            Ending::NoPlace => Ok(()),
        }
    }

    fn close(&self) -> Result<()> {
        for filesystem in &self.closed_at_the_end {
            mount::set_attributes(filesystem.as_fd(), MountAttr::RDONLY, Reach::ThisMount)?;
        }
        Ok(())
    }

    fn enter(&self) -> Result<()> {
        file::change_directory_to(self.place.root())?;
        mount::pivot_into_current_directory().context(|| "cannot enter the view".to_owned())?;
        check_that_nothing_is_above()
    }
}

/// A mount that was left on the old root would have been detached in its place, and `/..` would
/// lead to the host.
fn check_that_nothing_is_above() -> Result<()> {
    let inode = |path: &str| file::status_of_path(path.as_ref()).map(|status| status.inode);
    if inode("/")? == inode("/..")? {
        return Ok(());
    }
    Err(Error::new("the host's root is still there").within("cannot enter the view"))
}
