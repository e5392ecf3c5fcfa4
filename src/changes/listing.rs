//! The changes as a list: a name a line, or an object of JSON a line's worth each, written while
//! the layers are walked.

use std::io::Write;
use std::os::unix::ffi::OsStrExt;

use serde::Serialize;

use crate::base::{Error, HostPath, Result, Text};
use crate::sys::facts::{Facts, Type};

use super::change::{Change, What};
use super::danger::{Danger, danger_of};
use super::layer::Layer;
use super::shown::{Shown, gone};

/// One change, for a program.
#[derive(Serialize)]
struct Entry {
    /// Of the host; control characters are escaped.
    path: HostPath,
    /// The same byte for byte, in hexadecimal, where it is not plain text.
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<String>,
    change: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differs: Vec<&'static str>,
    before: Option<Side>,
    after: Option<Side>,
    #[serde(flatten)]
    danger: Option<Danger>,
}

#[derive(Serialize)]
struct Side {
    kind: &'static str,
    mode: String,
    uid: u32,
    gid: u32,
    size: u64,
}

/// A name a line, as seen from the working directory of the try; its control characters escaped.
pub fn names(layers: &[Layer], shown: &Shown<'_>, out: &mut dyn Write) -> Result<u64> {
    let mut count = 0;
    shown.each(layers, &mut |_, _, path| {
        count += 1;
        writeln!(out, "{}", Text::from(shown.relative(path).as_os_str())).map_err(gone)
    })?;
    Ok(count)
}

/// An array of objects.
pub fn json(layers: &[Layer], shown: &Shown<'_>, out: &mut dyn Write) -> Result<u64> {
    let mut count = 0;
    write!(out, "[").map_err(gone)?;
    shown.each(layers, &mut |change, spot, path| {
        let danger = danger_of(change, spot, path)?;
        let text = serde_json::to_string(&entry(path.clone(), change, danger))
            .map_err(|e| Error::new(e.to_string()))?;
        let comma = if count == 0 { "" } else { "," };
        count += 1;
        write!(out, "{comma}\n  {text}").map_err(gone)
    })?;
    writeln!(out, "{}]", if count == 0 { "" } else { "\n" }).map_err(gone)?;
    Ok(count)
}

fn entry(path: HostPath, change: &Change, danger: Option<Danger>) -> Entry {
    let bytes = path.as_path().as_os_str().as_bytes();
    let is_plain = path.to_string().as_bytes() == bytes;
    let hex = || bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let (what, differs) = match change.what {
        What::Added => ("added", Vec::new()),
        What::Deleted => ("deleted", Vec::new()),
        What::Replaced => ("replaced", vec!["kind"]),
        What::Modified(aspects) => {
            let all = [
                (aspects.content, "content"),
                (aspects.mode, "mode"),
                (aspects.owner, "owner"),
                (aspects.time, "time"),
                (aspects.attributes, "attributes"),
                (aspects.names, "names"),
            ];
            ("modified", all.into_iter().filter(|(is, _)| *is).map(|(_, name)| name).collect())
        }
    };
    Entry {
        path_bytes: (!is_plain).then(hex),
        path,
        change: what,
        differs,
        before: change.before.as_ref().map(side),
        after: change.after.as_ref().map(side),
        danger,
    }
}

fn side(facts: &Facts) -> Side {
    Side {
        kind: match facts.kind {
            Type::Regular => "file",
            Type::Directory => "directory",
            Type::Symlink => "symlink",
            Type::Fifo => "fifo",
            Type::Socket => "socket",
            Type::CharacterDevice { .. } => "character-device",
            Type::BlockDevice { .. } => "block-device",
        },
        mode: format!("{:04o}", facts.mode),
        uid: facts.uid,
        gid: facts.gid,
        size: facts.size,
    }
}
