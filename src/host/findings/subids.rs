//! Subordinate ids, and the two programs that map them: tried on a namespace of its own.

use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::base::Text;
use crate::base::idrange::{IdMap, IdRange};
use crate::base::wording::count;
use crate::host::{Account, Program, Programs, SubIds, remedy};
use crate::sys::clone::{CloneFlags, Fork, clone3};
use crate::sys::{capability, file, process, socket};

use super::Finding;
use super::attempt::{Attempt, attempt};

pub(super) const TOPIC: &str = "subordinate ids";
pub(super) const HELPERS: &str = "newuidmap";

/// A Debian system's highest well-known id is 65534, `nobody`.
const USUAL: u64 = 65_536;

pub(super) fn find(account: &Account, programs: &Programs) -> Finding {
    let fix = remedy::add_subordinate_ids(&account.name);
    let SubIds { uids, gids } = match SubIds::read(account, programs) {
        Ok(ranges) => ranges,
        Err(why) => return Finding::missing(TOPIC, why, fix),
    };
    let said = format!("{} and {}", amount(&uids, "uid"), amount(&gids, "gid"));
    if size(&uids).min(size(&gids)) < USUAL {
        let said = format!("{said}, fewer than the {USUAL} that a distribution's files may use");
        return Finding::degraded(TOPIC, said, fix);
    }
    Finding::works(TOPIC, said)
}

fn size(ranges: &[IdRange]) -> u64 {
    ranges.iter().map(|range| u64::from(range.count)).sum()
}

/// `65536 uids from 100000`, `65540 uids in 2 ranges`.
fn amount(ranges: &[IdRange], noun: &str) -> String {
    let size = count(usize::try_from(size(ranges)).unwrap_or(usize::MAX), noun);
    match ranges {
        [only] => format!("{size} from {}", only.first),
        _ => format!("{size} in {}", count(ranges.len(), "range")),
    }
}

pub(super) fn find_helpers(account: &Account, programs: &Programs) -> Finding {
    let (Some(newuidmap), Some(newgidmap)) = (&programs.newuidmap, &programs.newgidmap) else {
        let fix = remedy::install("uidmap", "shadow-utils");
        return Finding::missing(HELPERS, "newuidmap and newgidmap are not installed", fix);
    };
    if capability::has_no_new_privs() {
        return Finding::missing(
            HELPERS,
            "no_new_privs is set on this process, so it gains no privilege",
            remedy::LEAVE_NO_NEW_PRIVS,
        );
    }
    if let Some(plain) = [newuidmap, newgidmap].into_iter().find(|it| !is_privileged(it)) {
        let said = format!("`{}` is neither setuid root nor has it file capabilities", plain.path);
        return Finding::missing(HELPERS, said, remedy::make_setuid(&plain.path.to_string()));
    }
    let Ok(ranges) = SubIds::read(account, programs) else {
        return Finding::works(HELPERS, "installed, with newgidmap; without ranges it has no use");
    };
    match attempt(CloneFlags::NONE, || map_a_child(account, newuidmap, newgidmap, &ranges)) {
        Attempt::Answered(None) => Finding::works(HELPERS, "maps these ids, and newgidmap too"),
        Attempt::Answered(Some(why)) => refused(&why, newuidmap),
        Attempt::NotStarted(failed) => refused(&failed.to_string(), newuidmap),
        Attempt::Silent => refused("it did not answer", newuidmap),
    }
}

fn refused(why: &str, newuidmap: &Program) -> Finding {
    let directory = newuidmap.path.as_path().parent().unwrap_or(Path::new("/usr/bin"));
    let fix = format!(
        "an administrator can compare /etc/subuid and /etc/subgid with `id`, and look for `nosuid` in `findmnt -T {}`",
        directory.display()
    );
    Finding::missing(HELPERS, why, fix)
}

/// Setuid root, or with capabilities of its own (Fedora, Arch).
fn is_privileged(program: &Program) -> bool {
    let path = program.path.as_path();
    let is_setuid = |path: &Path| {
        file::canonical(path)
            .and_then(|real| file::status_of_path(&real))
            .is_ok_and(|status| status.uid == 0 && status.mode & 0o4000 != 0)
    };
    is_setuid(path) || file::has_extended_attribute(path, c"security.capability")
}

/// Makes a child in a user namespace and has its ids mapped; why not, in words.
fn map_a_child(
    account: &Account,
    newuidmap: &Program,
    newgidmap: &Program,
    ranges: &SubIds,
) -> Option<String> {
    // The child lives until this end is closed.
    let (leash, held) = match socket::pipe() {
        Ok(pair) => pair,
        Err(failed) => return Some(failed.to_string()),
    };
    let child = match clone3(CloneFlags::NEWUSER) {
        Err(failed) => return Some(failed.to_string()),
        Ok(Fork::Child) => {
            drop(held);
            let _ = capability::die_with_parent();
            let _ = file::read_all(leash.as_fd(), 1);
            process::exit_now(0)
        }
        Ok(Fork::Parent(child)) => child,
    };
    let uids = IdMap::own_and_ranges(account.uid, account.uid, &ranges.uids);
    let gids = IdMap::own_and_ranges(account.gid, account.gid, &ranges.gids);
    complaint_of(newuidmap, child.pid, &uids).or_else(|| complaint_of(newgidmap, child.pid, &gids))
}

fn complaint_of(program: &Program, pid: i32, map: &IdMap) -> Option<String> {
    let numbers = map.0.iter().flat_map(|line| [line.inside, line.outside, line.count]);
    let output = Command::new(program.path.as_path())
        .arg(pid.to_string())
        .args(numbers.map(|number| number.to_string()))
        .env_clear()
        .stdin(Stdio::null())
        .output();
    match output {
        Err(error) => Some(format!("cannot run `{}`: {error}", program.path)),
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let line = said.lines().next().unwrap_or("it gave no reason");
            Some(Text::from(line.trim()).to_string())
        }
    }
}
