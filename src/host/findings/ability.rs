//! What follows from the findings: what a user can do here, and what not.

use serde::Serialize;

use super::{Finding, fuse, network, overlay, proc, subids, user_namespaces};

/// One thing that people come for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Ability {
    /// As it is typed.
    pub command: &'static str,
    pub works: bool,
    /// How, or why not.
    pub said: String,
}

/// The first is `bryo run` itself.
pub(super) fn all(findings: &[Finding]) -> Vec<Ability> {
    let has = |topic: &str| findings.iter().any(|it| it.topic == topic && it.is_working());
    let exists = |topic: &str| {
        findings.iter().any(|it| it.topic == topic && it.state != super::State::Missing)
    };
    let namespaces = [user_namespaces::TOPIC, proc::TOPIC];
    let run = match namespaces.into_iter().find(|topic| !has(topic)) {
        None => Ability::yes("bryo run -- COMMAND", "a sandbox of its own for any command"),
        Some(topic) => Ability::no("bryo run -- COMMAND", topic),
    };
    if !run.works {
        return vec![run];
    }
    let many_ids = exists(subids::TOPIC) && has(subids::HELPERS);
    let ids = match (many_ids, exists(subids::TOPIC)) {
        (true, _) => Ability::yes("--root, --user UID", "with all of your subordinate ids"),
        (false, false) => Ability::yes("--root", "with your own id alone: no subordinate ids"),
        (false, true) => Ability::yes("--root", "with your own id alone: newuidmap cannot help"),
    };
    let overlays = match (has(overlay::TOPIC), has(fuse::TOPIC)) {
        (true, _) => Ability::yes("--rootfs DIR, --overlay DIR", "by the kernel's overlayfs"),
        (false, true) => Ability::yes("--rootfs DIR, --overlay DIR", "by fuse-overlayfs"),
        (false, false) => Ability::no("--rootfs DIR, --overlay DIR", "overlay of any kind"),
    };
    let network = match exists(network::TOPIC) {
        true => Ability::yes("--net", "in user mode"),
        false => Ability::no("--net", network::TOPIC),
    };
    vec![run, ids, overlays, network]
}

impl Ability {
    fn yes(command: &'static str, said: &str) -> Self {
        Self { command, works: true, said: said.to_owned() }
    }

    fn no(command: &'static str, lacking: &str) -> Self {
        Self { command, works: false, said: format!("no {lacking}") }
    }
}
