//! Which facts of the host a spec depends on.

use crate::base::Text;
use crate::host::Needs;
use crate::spec::{
    EnvironmentWish, FileContent, HomeMode, IdsMode, NetworkMode, RootfsMode, SeccompWish, Spec,
    ViewWish,
};

use super::resolve::{defaults, secrets};

/// What must be read before this spec can be resolved.
#[must_use]
pub fn needs(spec: &Spec) -> Needs {
    let mut needs = Needs {
        subids: may_use_many_ids(spec),
        git: true,
        overlay: makes_overlays(spec),
        cgroups: bounds_as_a_whole(spec),
        disks: spec.io_max.iter().map(|wish| wish.value.path.clone()).collect(),
        fresh_proc: spec.best_effort.as_ref().is_some_and(|wish| wish.value),
        ..Needs::default()
    };
    if let Some(net) = &spec.net {
        needs.resolver = !matches!(net.value, NetworkMode::None | NetworkMode::Closed);
        needs.user_network =
            !matches!(net.value, NetworkMode::None | NetworkMode::Closed | NetworkMode::Host);
    }
    match &spec.rootfs {
        Some(rootfs) => {
            needs.paths.push(rootfs.value.directory.clone());
            needs.rootfs = Some(rootfs.value.directory.clone());
        }
        None => needs.paths.extend(defaults::paths_of_host_view().map(Text::from)),
    }
    if let Some(HomeMode::Directory(directory)) = spec.home.as_ref().map(|h| &h.value) {
        needs.paths.push(directory.clone());
    }
    if overlays_system(spec) {
        needs.paths.extend(defaults::OVERLAID.map(Text::from));
        needs.paths.extend(defaults::HOST_NAMES.map(Text::from));
    }
    if overlays_home(spec) {
        needs.paths.extend(secrets::secrets().map(|path| Text::from(format!("~/{path}"))));
    }
    needs.paths.extend(spec.overlay_dir.iter().map(|dir| dir.value.clone()));
    needs.kept = spec.overlay_dir.as_ref().map(|dir| dir.value.clone());
    needs.below = spec.overlay_below.as_ref().map(|dir| dir.value.clone());
    for wish in &spec.view {
        match &wish.value {
            ViewWish::Bind { source, .. } | ViewWish::Overlay { source, .. } => {
                needs.paths.push(defaults::without_question_mark(source).0);
            }
            ViewWish::Device { name } => {
                needs.paths.push(Text::from(format!("/dev/{name}")));
            }
            ViewWish::File { content: FileContent::CopiedFrom(file), .. } => {
                needs.contents.push(file.clone());
            }
            ViewWish::File { .. }
            | ViewWish::Tmpfs { .. }
            | ViewWish::Hide { .. }
            | ViewWish::Symlink { .. } => {}
        }
    }
    if let Some(SeccompWish::File(file)) = spec.seccomp.as_ref().map(|wish| &wish.value) {
        needs.contents.push(file.clone());
    }
    needs.contents.extend(spec.env.iter().filter_map(|wish| match &wish.value {
        EnvironmentWish::File { path } => Some(path.clone()),
        EnvironmentWish::Set { .. } | EnvironmentWish::Pass { .. } => None,
    }));
    needs
}

/// Whether the payload could use more than one id: it is root, another user, or has a root file
/// system of its own; or the ranges were asked for.
pub(super) fn may_use_many_ids(spec: &Spec) -> bool {
    match spec.ids.as_ref().map_or(IdsMode::Auto, |ids| ids.value) {
        IdsMode::Single => false,
        IdsMode::Subids => true,
        IdsMode::Auto => {
            // What is written to the system is to be the user's own, who may apply it.
            spec.root.as_ref().is_some_and(|root| root.value) && !overlays_system(spec)
                || spec.user.is_some()
                || spec.rootfs.is_some()
        }
    }
}

/// Whether something was asked for that a cgroup holds or tells.
fn bounds_as_a_whole(spec: &Spec) -> bool {
    let is_asked_for = [
        spec.memory.is_some(),
        spec.cpus.is_some(),
        spec.cpu_weight.is_some(),
        spec.pids.is_some(),
        spec.io_weight.is_some(),
        !spec.io_max.is_empty(),
        !spec.require.is_empty(),
        spec.stats.as_ref().is_some_and(|wish| wish.value),
    ];
    is_asked_for.contains(&true)
}

fn makes_overlays(spec: &Spec) -> bool {
    spec.rootfs.as_ref().is_some_and(|rootfs| rootfs.value.mode == RootfsMode::Overlay)
        || overlays_home(spec)
        || overlays_system(spec)
        || spec.view.iter().any(|wish| matches!(wish.value, ViewWish::Overlay { .. }))
}

fn overlays_home(spec: &Spec) -> bool {
    spec.home.as_ref().is_some_and(|home| home.value == HomeMode::Overlay)
}

fn overlays_system(spec: &Spec) -> bool {
    spec.rootfs.is_none() && spec.system.as_ref().is_some_and(|system| system.value)
}
