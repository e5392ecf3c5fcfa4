//! Which layers stand behind the namespaces, and which doors in them are open.

use crate::base::{HostPath, Result};
use crate::host::Host;
use crate::plan::{Confinement, Identity, Link, PACKAGE_MANAGER_CAPABILITIES, Seccomp, View};
use crate::spec::{Capability, CapabilityWish, Door, IntegrityMode, Origin, SeccompWish, Spec};
use crate::sys::capability::CAPABILITIES;

use super::{Remarks, filter, landlock, refused};

pub(super) fn decide(
    spec: &Spec,
    host: &Host,
    identity: &Identity,
    view: &View,
    link: &Link,
    remarks: &mut Remarks,
) -> Result<Confinement> {
    let path = |typed: &crate::base::Text| {
        let base = host.cwd.clone().unwrap_or_else(|| HostPath::absolute("/"));
        HostPath::resolve(typed.as_os_str(), &base, &host.account.home)
    };
    let seccomp = match spec.seccomp.as_ref().map(|wish| &wish.value) {
        None | Some(SeccompWish::Default) => Seccomp::Default,
        Some(SeccompWish::None) => {
            remarks.warnings.push("every system call may be made".to_owned());
            Seccomp::None
        }
        Some(SeccompWish::File(typed)) => Seccomp::File { path: path(typed) },
    };
    let doors = doors(spec, remarks);
    tell_of_capabilities(identity, link, remarks);
    Ok(Confinement {
        no_new_privs: true,
        filter: filter::decide(&seccomp, &doors, spec, host, identity, view, remarks)?,
        seccomp,
        landlock: landlock::decide(spec, host, view, link, &doors, remarks)?,
        doors,
        integrity: spec.integrity.as_ref().map_or(IntegrityMode::Report, |wish| wish.value),
        awaited: host.git.awaited.iter().cloned().collect(),
        report: spec.report.as_ref().map(|wish| path(&wish.value)),
    })
}

/// Each door once. Whoever opens one is told so; a profile has said it in its description.
fn doors(spec: &Spec, remarks: &mut Remarks) -> Vec<Door> {
    let mut doors: Vec<Door> = Vec::new();
    for wish in &spec.allow {
        if doors.contains(&wish.value) {
            continue;
        }
        doors.push(wish.value);
        if !matches!(wish.origin, Origin::Profile { .. }) {
            let (name, lets_in) = (wish.value.name(), wish.value.lets_in());
            remarks.warnings.push(format!("`{name}` is allowed: {lets_in}"));
        }
    }
    doors.sort_unstable();
    doors
}

/// What the payload keeps, in the kernel's order: what package managers need where it is root,
/// nothing otherwise, and what was added and dropped since, in the order given.
pub(super) fn capabilities(spec: &Spec, uid: u32) -> Result<Vec<&'static str>> {
    let all = || CAPABILITIES.iter().map(|(name, _)| *name).filter(|name| *name != UNDOES_THE_VIEW);
    let mut kept: Vec<&str> = match uid {
        0 => PACKAGE_MANAGER_CAPABILITIES.to_vec(),
        _ => Vec::new(),
    };
    for wish in &spec.capabilities {
        match wish.value {
            CapabilityWish::Add(Capability::All) => kept = all().collect(),
            CapabilityWish::Add(Capability::One(UNDOES_THE_VIEW)) => {
                let why = "with it the command could make writable what is shown read-only";
                return Err(refused(wish, why).hint(
                    "`--allow nested-userns` lets it mount in user namespaces of its own, in which \
                     the view is locked",
                ));
            }
            CapabilityWish::Add(Capability::One(name)) => kept.push(name),
            CapabilityWish::Drop(Capability::All) => kept.clear(),
            CapabilityWish::Drop(Capability::One(name)) => kept.retain(|it| *it != name),
        }
    }
    Ok(all().filter(|name| kept.contains(name)).collect())
}

/// The mounts of a sandbox belong to its own user namespace, in which nothing locks them: this
/// capability takes covers away and read-only with them (`mount_setattr(2)`).
const UNDOES_THE_VIEW: &str = "sys_admin";

/// What else a capability takes back that bryo has closed.
pub(super) fn tell_of_capabilities(identity: &Identity, link: &Link, remarks: &mut Remarks) {
    let mut tell = |name: &str, does: &str| {
        if identity.capabilities.contains(&name) {
            remarks.warnings.push(format!("`{name}` is kept: with it the command can {does}"));
        }
    };
    tell(
        "sys_resource",
        "raise its own limits, and lift the second lock on nested user namespaces",
    );
    if matches!(link, Link::User { .. }) {
        tell("net_admin", "reach the link-local and metadata addresses that are closed otherwise");
    }
}
