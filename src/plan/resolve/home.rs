//! The home inside: empty, a directory that lasts, or the real one under an overlay, without what
//! is secret in it.

use crate::base::{BoxPath, Error, HostPath, Result};
use crate::host::{Host, PathFact};
use crate::plan::view::Layer;
use crate::spec::{Access, HomeMode, Sourced};

use super::defaults::TOOLCHAINS;
use super::secrets::secrets;
use super::view::Builder;
use super::{own, refused};

impl Builder<'_> {
    pub(super) fn add_home(&mut self) -> Result<()> {
        if self.add_home_directory()? {
            return Ok(());
        }
        if let Some(home) = self.spec.home.as_ref().filter(|it| it.value == HomeMode::Overlay) {
            return self.overlay_home(home);
        }
        self.add(self.identity.home.clone(), Layer::Private { mode: 0o700 }, "default");
        for below in TOOLCHAINS.map(|typed| typed.trim_start_matches("~/")) {
            let path = self.host.account.home.join(below);
            if let Some(real) = self.host.paths.of(&path).real().cloned() {
                let layer = Layer::Bind { source: real, access: Access::ReadOnly };
                self.add(self.identity.home.join(below), layer, "default");
            }
        }
        Ok(())
    }

    /// `--home DIR`: whether there was one.
    pub(super) fn add_home_directory(&mut self) -> Result<bool> {
        let Some(home) = &self.spec.home else { return Ok(false) };
        if home.value == HomeMode::Overlay && self.spec.rootfs.is_some() {
            return Err(refused(home, "with a rootfs, the home is that of the tree")
                .hint("show single files with `--ro`, or leave `--rootfs` out"));
        }
        let HomeMode::Directory(typed) = &home.value else { return Ok(false) };
        let path = self.host_path(typed).map_err(|e| refused(home, e.to_string()))?;
        let fact = self.host.paths.of(&path);
        let real = fact.real().unwrap_or(&path);
        if own::homes(self.host).iter().any(|own| own.is_within(real)) {
            return Err(refused(home, "that is your real home, with every key and token in it")
                .hint("`--home overlay` shows it without those and keeps each change off it; or name a directory of its own"));
        }
        if !matches!(fact, PathFact::Directory { .. }) {
            return Err(refused(home, format!("`{path}` is not a directory"))
                .hint(format!("make it with `mkdir -p {path}`")));
        }
        if self.identity.home.is_root() {
            let name = &self.identity.name;
            return Err(refused(home, format!("`{name}` has `/` for its home in this rootfs")));
        }
        let layer = Layer::Home { source: real.clone() };
        self.add(self.identity.home.clone(), layer, &home.origin);
        Ok(true)
    }

    /// The real home below a writable layer, at its own path; what is secret in it is covered.
    fn overlay_home(&mut self, wish: &Sourced<HomeMode>) -> Result<()> {
        let home = &self.host.account.home;
        let lower = overlaid(self.host).map_err(|why| refused(wish, why))?;
        let at = lower.same_inside();
        let upper = self.uppers.next(&lower);
        self.add(at.clone(), Layer::Overlay { lower: lower.clone(), upper }, &wish.origin);
        if self.identity.home != at {
            let target = lower.as_path().as_os_str().into();
            self.add(self.identity.home.clone(), Layer::Symlink { target }, &wish.origin);
        }
        for below in secrets() {
            let (path, expected) = (home.join(below), lower.join(below));
            let layer = match self.host.paths.of(&path) {
                // An empty file, since many programs stumble over one that they may not open.
                PathFact::File { real } if *real == expected => {
                    Layer::File { content: "".into(), mode: 0o400 }
                }
                PathFact::Missing | PathFact::DanglingLink(_) | PathFact::Forbidden => continue,
                _ => Layer::Hidden,
            };
            self.add(at.join(below), layer, "default");
        }
        self.home_overlay = Some(lower);
        Ok(())
    }

    /// bryo's own files, the layers of this very overlay among them. After every wish, since no
    /// wish may show them.
    pub(super) fn hide_own_directories(&mut self) {
        let Some(lower) = &self.home_overlay else { return };
        let places: Vec<BoxPath> = self
            .host
            .own_directories()
            .iter()
            .filter(|own| own.is_within(lower))
            .map(HostPath::same_inside)
            .collect();
        for at in places {
            self.add(at, Layer::Hidden, "default");
        }
    }

    /// Whether a directory of the host is a part of the overlaid home; an error if it is one of the
    /// parts that are covered.
    pub(super) fn is_in_overlaid_home(&self, directory: &HostPath) -> Result<bool> {
        let Some(lower) = self.home_overlay.as_ref().filter(|it| directory.is_within(it)) else {
            return Ok(false);
        };
        let secrets = secrets().map(|below| lower.join(below));
        let own = self.host.own_directories();
        match secrets.chain(own).find(|covered| directory.is_within(covered)) {
            None => Ok(true),
            Some(covered) => Err(Error::new(format!("`{covered}` is never shown with the home"))
                .within(format!("cannot use the working directory `{directory}`"))
                .hint("`cd` elsewhere, or start in another place with `--workdir`")),
        }
    }
}

/// The real home, if all of it may be shown.
fn overlaid(host: &Host) -> std::result::Result<HostPath, String> {
    let home = &host.account.home;
    let Some(real) = host.paths.of(home).real() else {
        return Err(format!("your home `{home}` is not there"));
    };
    if own::would_cover_the_system(real) {
        return Err(format!("your home is `{real}`, which is the system's own"));
    }
    if own::homes(host).iter().any(|other| other.is_within(real) && other != home && other != real)
    {
        return Err(format!("HOME is `{home}`, and the home of your account is below it"));
    }
    Ok(real.clone())
}
