//! What git obeys in the working directory keeps its place and its content.

use crate::base::{BoxPath, HostPath};
use crate::host::GitFacts;
use crate::plan::view::Layer;
use crate::spec::Access;

use super::view::Builder;

pub(super) const TOO_MANY: &str = "the working directory has more repositories than are made \
    read-only where git obeys them; the rest is not";

/// A mount point can be neither renamed nor removed (rename(2), EBUSY), but what is above it can:
/// so every directory on the way is bound on itself, writable as it was. What git obeys outside
/// is bound on itself read-only.
///
/// `directory` is the working directory or one above it, shown writable at `at`.
pub(super) fn protect(view: &mut Builder<'_>, directory: &HostPath, at: &BoxPath) {
    let git = &view.host.git;
    if git.obeyed.is_empty() && git.found_by.is_empty() {
        return;
    }
    let above = view.host.cwd.iter().flat_map(|cwd| cwd.as_path().ancestors());
    let mut above: Vec<HostPath> = above
        .map(HostPath::absolute)
        .filter(|path| path != directory && path.is_within(directory))
        .collect();
    above.reverse();
    let above = above.into_iter().map(|path| (path, Access::ReadWrite));
    for (path, access) in above.chain(places(git)) {
        if let Ok(below) = path.as_path().strip_prefix(directory.as_path()) {
            view.add(at.join(below), Layer::Bind { source: path, access }, "default");
        }
    }
}

/// The places in the order in which they are mounted: a directory before what is in it. Nothing
/// is made writable again inside of what is read-only.
fn places(git: &GitFacts) -> Vec<(HostPath, Access)> {
    let is_obeyed = |path: &HostPath| git.obeyed.iter().any(|it| path.is_within(it));
    let held = git.found_by.iter().filter(|path| !is_obeyed(path));
    let mut places: Vec<(HostPath, Access)> = held
        .map(|path| (path.clone(), Access::ReadWrite))
        .chain(git.obeyed.iter().map(|path| (path.clone(), Access::ReadOnly)))
        .collect();
    places.sort_by(|(one, _), (other, _)| one.cmp(other));
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_obeyed_stays_read_only_whatever_is_found_in_it() {
        let path = |path: &str| HostPath::absolute(path);
        let git = GitFacts {
            found_by: [path("/w/h/x"), path("/w/h"), path("/w/.git")].into(),
            obeyed: [path("/w/h"), path("/w/.git/config")].into(),
            awaited: [].into(),
            more: false,
        };
        let wanted = [
            (path("/w/.git"), Access::ReadWrite),
            (path("/w/.git/config"), Access::ReadOnly),
            (path("/w/h"), Access::ReadOnly),
        ];
        assert_eq!(places(&git), wanted);
    }
}
