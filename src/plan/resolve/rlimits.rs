//! The limits of each process. They need no cgroup, and bound the number of processes too: since
//! Linux 5.14 RLIMIT_NPROC counts what one id has in one user namespace (commit 21d1c5e386bc).

use crate::base::Result;
use crate::base::size::Size;
use crate::host::{Bounds, Host};
use crate::plan::{Identity, Limits};
use crate::spec::{Rlimit, Spec};

use super::refused;

/// Descriptors: what raises its soft limit to the hard one, such as java, must not then close a
/// thousand million of them.
const MOST_FILES: u64 = 65_536;

/// With less, no program starts: three streams and a library, a stack for its arguments, the
/// mappings of the C library.
const LEAST: [(&str, u64); 4] =
    [("as", 4 * Size::MIB), ("nofile", 4), ("nproc", 2), ("stack", 64 * Size::KIB)];

/// Whether RLIMIT_NPROC bounds all processes of the sandbox. It counts each id by itself, and the
/// machine's root not at all (copy_process() in kernel/fork.c).
pub(super) fn bound_processes(host: &Host, identity: &Identity) -> bool {
    let ids: u64 = identity.uid_map.0.iter().map(|line| u64::from(line.count)).sum();
    ids == 1 && !host.is_real_root()
}

/// Every limit that differs from bryo's own, by name.
pub(super) fn decide(spec: &Spec, host: &Host, limits: &Limits) -> Result<Vec<Rlimit>> {
    let mut all: Vec<Rlimit> = defaults(limits)
        .into_iter()
        .map(|(resource, most)| within(resource, most, of(host, resource)))
        .collect();
    for wish in &spec.rlimit {
        let Rlimit { resource, soft, hard } = wish.value;
        if let Some(most) = of(host, resource).hard
            && hard.is_none_or(|hard| hard > most)
        {
            let why = format!("your own hard limit of `{resource}` is {most}");
            return Err(refused(wish, why).hint(format!("`ulimit -H` and limits.conf(5) bound what you may ask for; `--rlimit {resource}={most}` is the most")));
        }
        let least = LEAST.into_iter().find(|(name, _)| *name == resource).map_or(0, |it| it.1);
        if soft.is_some_and(|soft| soft < least) {
            let why = format!("`{resource}` is less than a start needs: {least}");
            return Err(refused(wish, why));
        }
        all.retain(|it| it.resource != resource);
        let bounds = match resource {
            "nproc" if spec.pids.is_some() => {
                within(resource, most_processes(limits), Bounds { soft, hard })
            }
            _ => wish.value,
        };
        all.push(bounds);
    }
    all.retain(|it| Bounds { soft: it.soft, hard: it.hard } != of(host, it.resource));
    all.sort_unstable_by_key(|it| it.resource);
    Ok(all)
}

fn defaults(limits: &Limits) -> Vec<(&'static str, u64)> {
    let mut all =
        vec![("core", 0), ("nofile", MOST_FILES), ("nproc", most_processes(limits)), ("rtprio", 0)];
    if let (true, Some(memory)) = (limits.watched.memory, limits.memory) {
        all.push(("data", data_beside_watching(memory)));
    }
    all
}

/// Init is one of them.
fn most_processes(limits: &Limits) -> u64 {
    u64::from(limits.pids) + 1
}

/// What one process may ask for between two looks. More than it may use: stacks and heaps are
/// asked for whole, and used in part.
fn data_beside_watching(memory: Size) -> u64 {
    memory.0.saturating_mul(2).saturating_add(Size::GIB)
}

/// What this process has of it.
fn of(host: &Host, resource: &str) -> Bounds {
    let known = host.rlimits.iter().find(|(name, _)| *name == resource);
    known.map_or(Bounds { soft: None, hard: None }, |(_, bounds)| *bounds)
}

fn within(resource: &'static str, most: u64, bounds: Bounds) -> Rlimit {
    let least = |bound: Option<u64>| Some(bound.map_or(most, |bound| bound.min(most)));
    Rlimit { resource, soft: least(bounds.soft), hard: least(bounds.hard) }
}
