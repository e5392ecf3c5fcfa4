//! The host's programs, libraries and settings: read-only, or below a writable layer.

use crate::base::{BoxPath, HostPath, Result};
use crate::host::PathFact;
use crate::plan::view::{Layer, Step};
use crate::spec::{Access, Sourced};

use super::defaults::{ETC, HOST_NAMES, OVERLAID, SYSTEM};
use super::refused;
use super::view::Builder;

impl Builder<'_> {
    /// Programs and libraries, and the needed part of /etc, as the host has them: a link as a
    /// link, unless it leads to where the sandbox sees nothing.
    pub(super) fn add_system(&mut self, etc: Vec<Step>) -> Result<()> {
        let overlaid: &[&str] = match &self.spec.system {
            Some(wish) if wish.value => self.overlay_system(wish)?,
            _ => &[],
        };
        for path in SYSTEM.into_iter().filter(|path| !overlaid.contains(path)) {
            self.add_as_on_host(path);
        }
        if overlaid.is_empty() {
            for path in ETC {
                self.add_as_on_host(path);
            }
        }
        self.add_default("/run", Layer::Directory { mode: 0o755 });
        self.add_default("/var/tmp", Layer::Symlink { target: "../tmp".into() });
        self.add_written(etc, overlaid);
        Ok(())
    }

    /// The files of /etc that bryo writes.
    fn add_written(&mut self, etc: Vec<Step>, overlaid: &[&str]) {
        if overlaid.is_empty() {
            return self.steps.extend(etc);
        }
        // The accounts are the host's: they can be written to like all the rest.
        let is_there = |name: &&&str| {
            !matches!(self.host.paths.of(&HostPath::absolute(**name)), PathFact::Missing)
        };
        let names: Vec<BoxPath> =
            HOST_NAMES.iter().filter(is_there).map(|name| BoxPath::fixed(name)).collect();
        self.steps.extend(etc.into_iter().filter(|step| names.contains(&step.at)));
    }

    /// `--system`: what was put below a writable layer.
    fn overlay_system(&mut self, wish: &Sourced<bool>) -> Result<&'static [&'static str]> {
        if self.identity.uid != 0 {
            return Err(refused(
                wish,
                "the files of the system are root's, and the command is not root",
            )
            .hint("add `--root`"));
        }
        for path in OVERLAID {
            let lower = HostPath::absolute(path);
            if let PathFact::Directory { real } = self.host.paths.of(&lower)
                && *real == lower
            {
                let upper = self.uppers.next_of_root(&lower);
                self.add(BoxPath::fixed(path), Layer::Overlay { lower, upper }, &wish.origin);
            }
        }
        Ok(&OVERLAID)
    }

    fn add_as_on_host(&mut self, path: &'static str) {
        let host_path = HostPath::absolute(path);
        let fact = self.host.paths.of(&host_path);
        let Some(real) = fact.real().cloned() else { return };
        let leads_to_visible = ["/usr", "/opt", "/nix", "/gnu"]
            .iter()
            .any(|tree| real.is_within(&HostPath::absolute(*tree)));
        let layer = match (self.host.paths.link_target(&host_path), fact) {
            (Some(target), _) if leads_to_visible => Layer::Symlink { target: target.clone() },
            (_, PathFact::File { .. }) => Layer::Copy { source: real },
            _ => Layer::Bind { source: real, access: Access::ReadOnly },
        };
        self.add_default(path, layer);
    }
}
