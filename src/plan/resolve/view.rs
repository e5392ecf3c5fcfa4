//! The view: defaults first, then the wishes in their order.

use crate::base::size::Size;
use crate::base::{BoxPath, Error, HostPath, Result, Text};
use crate::host::{Host, PathFact};
use crate::plan::Identity;
use crate::plan::view::{Layer, Root, Step, View};
use crate::spec::{Access, RootfsMode, RootfsWish, Sourced, Spec};

use super::defaults::SYSTEM;
use super::overlay::{self, Uppers};
use super::{Remarks, own, refused, repository, wishes};

/// The steps so far.
pub(super) struct Builder<'a> {
    pub(super) spec: &'a Spec,
    pub(super) host: &'a Host,
    pub(super) identity: &'a Identity,
    pub(super) uppers: Uppers,
    pub(super) shows_working_directory: bool,
    /// The real home, if it is shown under an overlay.
    pub(super) home_overlay: Option<HostPath>,
    pub(super) steps: Vec<Step>,
}

impl Builder<'_> {
    pub(super) fn add(&mut self, at: BoxPath, layer: Layer, origin: impl ToString) {
        self.steps.push(Step { at, layer, origin: origin.to_string() });
    }

    pub(super) fn add_default(&mut self, at: &'static str, layer: Layer) {
        self.add(BoxPath::fixed(at), layer, "default");
    }

    /// A path of the host as typed on the command line or in a policy.
    pub(super) fn host_path(&self, typed: &Text) -> Result<HostPath> {
        let home = &self.host.account.home;
        let bytes = typed.as_bytes();
        match &self.host.cwd {
            Some(cwd) => Ok(HostPath::resolve(typed.as_os_str(), cwd, home)),
            None if bytes.starts_with(b"/") || bytes == b"~" || bytes.starts_with(b"~/") => {
                Ok(HostPath::resolve(typed.as_os_str(), home, home))
            }
            None => Err(Error::new(format!(
                "`{typed}` is relative to the working directory, which was removed"
            ))),
        }
    }
}

pub(super) fn decide(
    spec: &Spec,
    host: &Host,
    identity: &Identity,
    etc: Vec<Step>,
    remarks: &mut Remarks,
) -> Result<View> {
    let mut view = Builder {
        spec,
        host,
        identity,
        uppers: Uppers::default(),
        shows_working_directory: false,
        home_overlay: None,
        steps: Vec::new(),
    };
    let (root, workdir) = match &spec.rootfs {
        Some(rootfs) => {
            let root = view.add_rootfs(rootfs, etc, remarks)?;
            view.add_home_directory()?;
            (root, view.workdir_inside()?.unwrap_or_else(BoxPath::root))
        }
        None => {
            view.add_system(etc)?;
            view.add_own_filesystems(remarks);
            view.add_home()?;
            (Root::Assembled, view.add_working_directory()?)
        }
    };
    if host.git.more {
        remarks.warnings.push(repository::TOO_MANY.to_owned());
    }
    for wish in &spec.view {
        wishes::grant(&mut view, wish)?;
    }
    view.hide_own_directories();
    let overlay = overlay::decide(spec, host, &view.uppers, remarks)?;
    Ok(View { root, steps: view.steps, workdir, overlay })
}

impl Builder<'_> {
    fn add_own_filesystems(&mut self, remarks: &mut Remarks) {
        match &self.host.no_fresh_proc {
            None => self.add_default("/proc", Layer::Proc),
            Some(why) => {
                remarks.warnings.push(format!(
                    "the sandbox has no /proc, and programs that read it will fail: {why}"
                ));
                // The host's would lead out: /proc/PID/root of the user's own processes.
                self.add_default("/proc", Layer::Tmpfs { size: Size(4096), mode: 0o555 });
            }
        }
        self.add_default("/dev", Layer::Dev);
        self.add_default("/tmp", Layer::Private { mode: 0o1777 });
    }

    /// The directory in which bryo was called, writable, but not what a repository in it would
    /// run on the user's behalf later; and where the command starts.
    fn add_working_directory(&mut self) -> Result<BoxPath> {
        let asked = self.workdir_inside()?;
        let Some(cwd) = self.host.cwd.clone() else {
            return asked.ok_or_else(|| {
                Error::new("it was removed")
                    .within("cannot use the working directory")
                    .hint("`cd` to a directory that exists, or use `--workdir /tmp`")
            });
        };
        // Another place to start was named: then this one is not shown. From where one must not
        // be shown, whatever was named is another.
        let is_in_home = self.is_in_overlaid_home(&cwd);
        let may_show = match &is_in_home {
            Ok(true) => Ok(()),
            Ok(false) => own::check_may_show(self.host, &cwd),
            Err(error) => Err(error.clone()),
        };
        let is_another = |at: &BoxPath| may_show.is_err() || !at.is_within(&cwd.same_inside());
        if let Some(elsewhere) = asked.as_ref().filter(|at| is_another(at)) {
            return Ok(elsewhere.clone());
        }
        may_show?;
        self.shows_working_directory = true;
        let shown_anyway =
            is_in_home? || SYSTEM.iter().any(|tree| cwd == HostPath::absolute(*tree));
        if !shown_anyway {
            // The kernel names it without links: one that is there now was put there since.
            if self.host.paths.of(&cwd).real().is_some_and(|real| *real != cwd) {
                return Err(Error::new("a link has taken its place")
                    .within(format!("cannot use the working directory `{cwd}`")));
            }
            let layer = Layer::Bind { source: cwd.clone(), access: Access::ReadWrite };
            self.add(cwd.same_inside(), layer, "default");
            repository::protect(self, &cwd, &cwd.same_inside());
        }
        Ok(asked.unwrap_or_else(|| cwd.same_inside()))
    }

    fn add_rootfs(
        &mut self,
        rootfs: &Sourced<RootfsWish>,
        etc: Vec<Step>,
        remarks: &mut Remarks,
    ) -> Result<Root> {
        let typed = &rootfs.value.directory;
        let path = self.host_path(typed).map_err(|e| refused(rootfs, e.to_string()))?;
        let directory = match self.host.paths.of(&path) {
            PathFact::Directory { real } => real.clone(),
            PathFact::Missing => return Err(refused(rootfs, format!("`{path}` does not exist"))),
            _ => return Err(refused(rootfs, format!("`{path}` is not a directory"))),
        };
        if directory == HostPath::absolute("/") {
            return Err(refused(rootfs, "`/` is the host itself")
                .hint("without `--rootfs`, the host's programs are there, read-only"));
        }
        let root = match rootfs.value.mode {
            RootfsMode::Overlay => {
                let upper = self.uppers.next(&directory);
                Root::OverlaidTree { directory, upper }
            }
            RootfsMode::ReadOnly => Root::Tree { directory, access: Access::ReadOnly },
            RootfsMode::ReadWrite => Root::Tree { directory, access: Access::ReadWrite },
        };
        self.add_own_filesystems(remarks);
        self.add_default("/run", Layer::Private { mode: 0o755 });
        self.steps.extend(etc);
        Ok(root)
    }

    /// `--workdir`, as a path inside; relative to the working directory.
    fn workdir_inside(&self) -> Result<Option<BoxPath>> {
        let Some(workdir) = &self.spec.workdir else { return Ok(None) };
        wishes::dest(self, &workdir.value)
            .map(Some)
            .map_err(|e| e.within(format!("cannot use `{}`", workdir.origin)))
    }
}
