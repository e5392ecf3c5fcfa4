//! Removing what a sandbox wrote, files of subordinate ids included.

use std::ffi::OsStr;
use std::os::fd::BorrowedFd;

use crate::base::{Result, Text};
use crate::host::Host;
use crate::plan;
use crate::sandbox;
use crate::spec::{IdsMode, Origin, Sourced, Spec};
use crate::sys::Errno;

use super::outsider;

/// Removes a directory by its name in another one.
pub(super) fn remove(parent: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
    match sandbox::remove_tree(parent, name) {
        Err(error) if matches!(error.errno(), Some(Errno::EACCES | Errno::EPERM)) => {
            // Why not is best told by the first error, where there are no other ids.
            let Ok(plan) = with_every_id() else { return Err(error) };
            outsider::remove(parent, name)
                .unwrap_or_else(|| sandbox::remove_tree_of_every_id(&plan.identity, parent, name))
        }
        result => result,
    }
}

/// The same at once with all ids, by the outsider.
pub(super) fn remove_of_every_id(parent: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
    sandbox::remove_tree_of_every_id(&with_every_id()?.identity, parent, name)
}

/// The identity of a sandbox that has all ids of this user, as it would be planned.
fn with_every_id() -> Result<plan::Plan> {
    let origin = || Origin::Verb("discard");
    let spec = Spec {
        command: vec![Text::from("true")],
        root: Some(Sourced { value: true, origin: origin() }),
        ids: Some(Sourced { value: IdsMode::Subids, origin: origin() }),
        workdir: Some(Sourced { value: Text::from("/tmp"), origin: origin() }),
        ..Spec::default()
    };
    plan::resolve(&spec, &Host::read(&plan::needs(&spec))?)
}
