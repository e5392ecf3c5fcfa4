//! Which kept layers lie over which. A directory of layers that lies over another one names it in
//! its file `below`, as `../../NAME/layers`: a store can move, and nothing but a neighbour is named.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path};

use crate::base::{Context, Error, HostPath, Result, Text};
use crate::sys::{Errno, file};

/// The file that names what is below.
pub const NOTE: &str = "below";
/// How many places may lie below one another: each is looked through for every name.
pub const HIGHEST: usize = 16;

/// What is written into the note for a neighbour of that name.
#[must_use]
pub fn note_of(neighbour: &str) -> String {
    format!("../../{neighbour}/layers")
}

/// The name of the place that these layers lie over, there or not; `None`: they lie over the host.
pub fn neighbour_below(layers: &HostPath) -> Result<Option<String>> {
    let path = layers.join(NOTE);
    let note = match file::read_path(path.as_path(), 1 << 12) {
        Ok(note) => OsString::from_vec(note),
        Err(e) if is_missing(e.errno) => return Ok(None),
        Err(e) => return Err(e).context(|| format!("cannot read `{path}`")),
    };
    match neighbour(&note) {
        Some(name) => Ok(Some(name)),
        None => Err(Error::new(format!("`{path}` names no layers that these could lie over"))),
    }
}

/// The directories of layers below these, the uppermost first. One that is not there is an error.
pub fn below(layers: &HostPath) -> Result<Vec<HostPath>> {
    let mut all = Vec::new();
    let mut at = layers.clone();
    while let Some(name) = neighbour_below(&at)? {
        let Some(store) = at.as_path().parent().and_then(Path::parent) else { break };
        at = HostPath::absolute(store.join(&name).join("layers"));
        if file::status_of_path(at.as_path()).is_err() {
            return Err(Error::new(format!("the changes `{name}`, which they lie over, are gone")));
        }
        all.push(at.clone());
        if all.len() > HIGHEST {
            return Err(Error::new(format!("more than {HIGHEST} lie below one another"))
                .hint("`bryo changes` tells which lie on which; apply or discard some of them"));
        }
    }
    Ok(all)
}

fn neighbour(note: &OsStr) -> Option<String> {
    let path = Path::new(OsStr::from_bytes(note.as_bytes().trim_ascii()));
    let parts: Vec<Component<'_>> = path.components().collect();
    match parts.as_slice() {
        [Component::ParentDir, Component::ParentDir, Component::Normal(name), layers]
            if layers.as_os_str() == "layers" =>
        {
            Some(Text::from(*name).to_string()).filter(|name| !name.contains('/'))
        }
        _ => None,
    }
}

fn is_missing(errno: Errno) -> bool {
    matches!(errno, Errno::ENOENT | Errno::ENOTDIR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_names_a_neighbour_and_nothing_else() {
        let read = |note: &str| neighbour(OsStr::new(note));
        assert_eq!(read(&note_of("brave-fern")).as_deref(), Some("brave-fern"));
        assert_eq!(read("../../x/layers\n").as_deref(), Some("x"));
        for note in ["", "x", "/x/layers", "../x/layers", "../../x", "../../../layers", "../../x/y"]
        {
            assert_eq!(read(note), None, "{note}");
        }
    }
}
