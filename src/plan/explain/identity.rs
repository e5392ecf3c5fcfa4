//! Who the command is, inside and outside.

use std::time::Duration;

use crate::base::duration::Span;
use crate::base::idrange::{IdMap, IdMapLine};
use crate::plan::{Groups, Plan};

use super::{Drawing, shown, wrapped};

pub(super) fn draw(drawing: &mut Drawing, plan: &Plan) {
    let it = &plan.identity;
    let name = shown(&it.name);
    drawing.line("is", format!("{name}, uid {}, gid {}; home {}", it.uid, it.gid, it.home));
    drawing.lines("ids", ids(&it.uid_map, &it.gid_map, it.uid, it.gid));
    drawing.lines("rights", rights(plan));
    drawing.line("host name", shown(&plan.hostname));
    if let Some(shift) = plan.time {
        let span = Span(Duration::from_secs(shift.0.unsigned_abs()));
        let direction = if shift.0 < 0 { "back" } else { "ahead" };
        drawing.line("clocks", format!("its own, {span} {direction}"));
    }
}

/// Only its own id, or each line of the two maps.
fn ids(uids: &IdMap, gids: &IdMap, uid: u32, gid: u32) -> Vec<String> {
    let is_plain = |map: &IdMap, id: u32| *map == IdMap::single(id, id);
    if is_plain(uids, uid) && is_plain(gids, gid) {
        return vec!["your own alone, the same inside and outside".to_owned()];
    }
    if uids == gids {
        return uids.0.iter().map(|line| mapped(["uid and gid", "uids and gids"], *line)).collect();
    }
    let of = |nouns: [&str; 2], map: &IdMap| {
        map.0.iter().map(|line| mapped(nouns, *line)).collect::<Vec<_>>()
    };
    [of(["uid", "uids"], uids), of(["gid", "gids"], gids)].concat()
}

/// `uid 0 is 1001 outside`, `uids 1-65536 are 100000-165535 outside`.
fn mapped([one, many]: [&str; 2], line: IdMapLine) -> String {
    let IdMapLine { inside, outside, count } = line;
    let last = |first: u32| u64::from(first) + u64::from(count.saturating_sub(1));
    match count {
        1 => format!("{one} {inside} is {outside} outside"),
        _ => format!("{many} {inside}-{} are {outside}-{} outside", last(inside), last(outside)),
    }
}

fn rights(plan: &Plan) -> Vec<String> {
    let identity = &plan.identity;
    let mut lines = match identity.capabilities.as_slice() {
        [] => vec!["no capabilities".to_owned()],
        some => {
            let names: Vec<String> = some.iter().map(|name| (*name).to_owned()).collect();
            [vec!["capabilities, over the sandbox only:".to_owned()], wrapped(&names)].concat()
        }
    };
    if plan.confinement.no_new_privs {
        lines.push("setuid programs and file capabilities give nothing".to_owned());
    }
    lines.push(match identity.groups {
        Groups::Kept => "your supplementary groups".to_owned(),
        Groups::Cleared => "no supplementary groups".to_owned(),
    });
    lines
}
