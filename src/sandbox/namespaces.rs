//! Which namespaces a sandbox has of its own, and who makes them.

use crate::plan::{Link, Plan};
use crate::sys::clone::CloneFlags;

/// Those that the clone makes.
pub(super) fn of_clone(plan: &Plan) -> CloneFlags {
    let flags = CloneFlags::NEWUSER
        .and(CloneFlags::NEWNS)
        .and(CloneFlags::NEWPID)
        .and(CloneFlags::NEWUTS)
        .and(CloneFlags::NEWIPC);
    // A group of its own is to be the root of what it sees: init enters that namespace in it.
    let flags = match plan.limits.group {
        None => flags.and(CloneFlags::NEWCGROUP),
        Some(_) => flags,
    };
    match network_namespace(plan) {
        NetworkNamespace::MadeByClone => flags.and(CloneFlags::NEWNET),
        NetworkNamespace::Shared | NetworkNamespace::MadeByInit => flags,
    }
}

/// Where the sandbox's network namespace comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NetworkNamespace {
    /// The host's own.
    Shared,
    /// Made by the clone, so that helpers can join it at once.
    MadeByClone,
    /// Made by init beside its other work.
    MadeByInit,
}

pub(super) fn network_namespace(plan: &Plan) -> NetworkNamespace {
    match plan.network.link {
        Link::Host => NetworkNamespace::Shared,
        Link::Closed => NetworkNamespace::MadeByInit,
        Link::None if plan.network.publish.is_empty() => NetworkNamespace::MadeByInit,
        Link::None | Link::User { .. } => NetworkNamespace::MadeByClone,
    }
}
