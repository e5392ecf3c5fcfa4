//! Cgroup delegation: whether this user may bound a whole sandbox at once, and through whom.

use crate::base::wording::all_of;
use crate::host::cgroup::{Cgroups, Through, Way};

use super::Finding;

const TOPIC: &str = "cgroups";

/// What a sandbox would be bounded by.
const WANTED: [&str; 4] = ["cpu", "io", "memory", "pids"];

pub(super) fn find(cgroups: &Cgroups, account: &str) -> Finding {
    let fix = cgroups.remedy(account);
    match cgroups.way(&["memory"], &WANTED) {
        Err(why) => {
            let said = format!(
                "{why}: processes are bounded by rlimits, `--memory` is only watched, `--cpus` and the like cannot be had"
            );
            Finding::degraded(TOPIC, said, fix)
        }
        Ok(Way { through, controllers }) => {
            let who = match through {
                Through::Own { parent, .. } => format!("`{parent}` is yours"),
                Through::Scope { .. } => "your systemd makes scopes".to_owned(),
            };
            let missing: Vec<&str> = WANTED
                .into_iter()
                .filter(|name| !controllers.iter().any(|it| it == name))
                .collect();
            let said = format!("{who}, with {}", all_of(&controllers));
            if missing.is_empty() {
                return Finding::works(TOPIC, said);
            }
            Finding::degraded(TOPIC, format!("{said}, without {}", all_of(&missing)), fix)
        }
    }
}
