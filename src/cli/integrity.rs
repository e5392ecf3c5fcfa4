//! What a run left behind, told: a line each, the gravest first, and no more than a screen holds.

use crate::base::HostPath;
use crate::base::wording::count;
use crate::sandbox::Integrity;

use super::print;

const MOST_LINES: usize = 10;

pub(super) fn tell(integrity: &Integrity) {
    let here = std::env::current_dir().ok().map(HostPath::absolute);
    for finding in integrity.findings.iter().take(MOST_LINES) {
        print::warning(&finding.said(here.as_ref()));
    }
    let untold = integrity.findings.len().saturating_sub(MOST_LINES) + integrity.more;
    if untold > 0 {
        print::warning(&format!("{} more of the kind were left behind", count(untold, "thing")));
    }
    if let Some(cut) = &integrity.cut {
        print::note(&format!(
            "not all of `{}` was looked at, only {}: {}; `--integrity strict` takes its time",
            cut.place,
            count(cut.looked_at, "name"),
            cut.why
        ));
    }
}
