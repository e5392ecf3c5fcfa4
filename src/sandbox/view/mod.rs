//! The view, built by file descriptor in init's own mount namespace while the host's tree is still
//! there, and then entered for good.

mod dev;
mod place;
mod proc;
mod root;

use std::os::fd::{AsFd, OwnedFd};

use crate::base::{BoxPath, Context, HostPath, Result};
use crate::plan::{Layer, Plan, Step};
use crate::spec::Access;
use crate::sys::file::{self, FileKind, Links};
use crate::sys::mount::{self, FsOption, MountAttr, Reach};

use place::{Place, Target};

/// The new root under construction.
pub(super) struct Construction<'a> {
    plan: &'a Plan,
    place: Place,
    /// Filesystems of our own that nothing more is to be written to once the view is built.
    closed_at_the_end: Vec<OwnedFd>,
}

/// A larger file is mounted instead of copied.
const COPY_LIMIT: usize = 1 << 20;

const NO_PRIVILEGE: MountAttr = MountAttr::NOSUID.and(MountAttr::NODEV);

/// Builds the view and makes it the root of this mount namespace.
pub(super) fn build(plan: &Plan) -> Result<()> {
    let umask = file::set_umask(0);
    let mut view = root::begin(plan)?;
    for step in &plan.view.steps {
        view.take(step).map_err(|e| match step.origin.as_str() {
            "default" => e,
            origin => e.within(format!("cannot use `{origin}`")),
        })?;
    }
    view.close()?;
    view.enter()?;
    file::set_umask(umask);
    Ok(())
}

impl Construction<'_> {
    fn take(&mut self, step: &Step) -> Result<()> {
        let at = &step.at;
        match &step.layer {
            Layer::Bind { source, access } => self.bind(source, at, *access),
            Layer::Copy { source } => self.copy(source, at),
            Layer::Overlay { .. } => Ok(()),
            Layer::Tmpfs { size, mode } => self.tmpfs(at, size.0, *mode),
            Layer::Directory { mode } => self.place.make_directory(at, *mode),
            Layer::File { content, mode } => self.file(at, content.as_bytes(), *mode),
            Layer::Symlink { target } => self.place.make_symlink(at, target),
            Layer::Hidden => self.hide(at),
            Layer::Device { source } => self.device(source, at),
            Layer::Proc => self.proc(at),
            Layer::Dev { shm } => self.dev(at, *shm),
        }
        .context(|| format!("cannot make `{at}`"))
    }

    /// A file or directory of the host with all that is mounted below it.
    fn bind(&mut self, source: &HostPath, at: &BoxPath, access: Access) -> Result<()> {
        let source_fd = file::open_without_links(source.as_path())
            .context(|| format!("cannot open `{source}`"))?;
        let kind = file::status(source_fd.as_fd())?.kind;
        let tree = mount::open_tree_clone(source_fd.as_fd())?;
        let attributes = match access {
            Access::ReadOnly => NO_PRIVILEGE.and(MountAttr::RDONLY),
            Access::ReadWrite => NO_PRIVILEGE,
        };
        mount::set_attributes(tree.as_fd(), attributes, Reach::WholeTree)?;
        self.place.attach(&tree, at, target_for(kind))
    }

    /// One node of the host's /dev: the only binds that keep their device nodes.
    fn device(&mut self, source: &HostPath, at: &BoxPath) -> Result<()> {
        let source_fd = file::open_without_links(source.as_path())
            .context(|| format!("cannot open `{source}`"))?;
        let kind = file::status(source_fd.as_fd())?.kind;
        let tree = mount::open_tree_clone(source_fd.as_fd())?;
        let attributes = MountAttr::NOSUID.and(MountAttr::NOEXEC);
        mount::set_attributes(tree.as_fd(), attributes, Reach::WholeTree)?;
        self.place.attach(&tree, at, target_for(kind))
    }

    fn tmpfs(&mut self, at: &BoxPath, size: u64, mode: u32) -> Result<()> {
        let tmpfs = self.new_tmpfs(size, mode, NO_PRIVILEGE)?;
        self.place.attach(&tmpfs, at, Target::Directory)?;
        self.place.own(tmpfs.as_fd())
    }

    /// A tmpfs that belongs to the payload.
    fn new_tmpfs(&self, size: u64, mode: u32, attributes: MountAttr) -> Result<OwnedFd> {
        let identity = &self.plan.identity;
        let (size, mode) = (size.to_string(), format!("{mode:o}"));
        let (uid, gid) = (identity.uid.to_string(), identity.gid.to_string());
        let options = [
            FsOption::Text("size", &size),
            FsOption::Text("mode", &mode),
            FsOption::Text("uid", &uid),
            FsOption::Text("gid", &gid),
        ];
        Ok(mount::new_filesystem("tmpfs", &options, attributes)?)
    }

    fn file(&mut self, at: &BoxPath, content: &[u8], mode: u32) -> Result<()> {
        if self.place.make_file(at, content, mode)? {
            return Ok(());
        }
        let tree = self.file_mount(content, mode)?;
        self.place.attach(&tree, at, Target::File)
    }

    /// A small file of the host as it is now: a mount would cost more than its content.
    fn copy(&mut self, source: &HostPath, at: &BoxPath) -> Result<()> {
        let content = file::read_path(source.as_path(), COPY_LIMIT + 1)
            .context(|| format!("cannot read `{source}`"))?;
        if content.len() > COPY_LIMIT {
            return self.bind(source, at, Access::ReadOnly);
        }
        self.file(at, &content, 0o444)
    }

    /// A file of our own, to be mounted where one is already.
    fn file_mount(&self, content: &[u8], mode: u32) -> Result<OwnedFd> {
        let size = content.len().next_multiple_of(4096) as u64 + 4096;
        let attributes = NO_PRIVILEGE.and(MountAttr::NOEXEC);
        let tmpfs = self.new_tmpfs(size, 0o755, attributes)?;
        let name = std::path::Path::new("file");
        let fd = file::create_below(tmpfs.as_fd(), name, mode)?;
        file::write_all(fd.as_fd(), content)?;
        let fd = file::open_below(tmpfs.as_fd(), name, Links::Refuse)?;
        let tree = mount::open_tree_clone(fd.as_fd())?;
        let attributes = attributes.and(MountAttr::RDONLY);
        mount::set_attributes(tree.as_fd(), attributes, Reach::ThisMount)?;
        Ok(tree)
    }

    fn hide(&mut self, at: &BoxPath) -> Result<()> {
        let covered = self.place.find(at)?;
        let tree = match file::status(covered.as_fd())?.kind {
            FileKind::Directory => {
                self.new_tmpfs(4096, 0o000, NO_PRIVILEGE.and(MountAttr::RDONLY))?
            }
            _ => self.file_mount(b"", 0o000)?,
        };
        Ok(mount::attach(tree.as_fd(), covered.as_fd())?)
    }

    fn close(&self) -> Result<()> {
        for filesystem in &self.closed_at_the_end {
            mount::set_attributes(filesystem.as_fd(), MountAttr::RDONLY, Reach::ThisMount)?;
        }
        Ok(())
    }

    fn enter(&self) -> Result<()> {
        file::change_directory_to(self.place.root())?;
        mount::pivot_into_current_directory().context(|| "cannot enter the view".to_owned())
    }
}

fn target_for(kind: FileKind) -> Target {
    match kind {
        FileKind::Directory => Target::Directory,
        FileKind::Regular | FileKind::Symlink | FileKind::Other => Target::File,
    }
}
