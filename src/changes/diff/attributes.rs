//! What a diff of lines does not say of a file that was changed: mode, owner, times, extended
//! attributes, names.

use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;

use crate::base::{Result, Text};
use crate::changes::change::Aspects;
use crate::changes::compare::{self, Side};
use crate::changes::walk::Spot;
use crate::sys::facts::{Facts, Type};

use super::side::git_mode;

/// How much of a value is shown.
const SHOWN: usize = 32;

/// In a line; empty if the diff says it all.
pub(super) fn remark(
    aspects: Aspects,
    before: &Facts,
    after: &Facts,
    spot: &Spot<'_>,
) -> Result<String> {
    let mut said = Vec::new();
    let is_said_by_git = after.kind == Type::Regular
        && (before.mode ^ after.mode) & !0o111 == 0
        && git_mode(before) != git_mode(after);
    if aspects.mode && !is_said_by_git {
        said.push(format!("mode {:04o}, was {:04o}", after.mode, before.mode));
    }
    if aspects.owner {
        let (was, is) = ((before.uid, before.gid), (after.uid, after.gid));
        said.push(format!("owner {}:{}, was {}:{}", is.0, is.1, was.0, was.1));
    }
    // Of a file whose content or time differs, they were not compared before.
    let may_differ = aspects.attributes || aspects.content || aspects.time;
    if let Some(lower) = spot.lower
        && matches!(after.kind, Type::Regular | Type::Directory)
        && may_differ
    {
        let side = |directory, facts| Side { directory, name: spot.name, facts };
        said.extend(differing(
            &compare::attributes(side(lower, before))?,
            &compare::attributes(side(spot.upper, after))?,
        ));
    }
    if aspects.names {
        said.push("one file with another name".to_owned());
    }
    if said.is_empty() && aspects.time && !aspects.content && !aspects.mode {
        said.push("time of modification".to_owned());
    }
    Ok(said.join("; "))
}

/// Both in the order of their names.
fn differing(was: &compare::Attributes, is: &compare::Attributes) -> Vec<String> {
    let of = |all: &compare::Attributes, name: &[u8]| {
        all.iter().find(|(other, _)| other == name).map(|(_, value)| shown(value.as_deref()))
    };
    let added = is.iter().filter(|(name, _)| of(was, name).is_none());
    let names = was.iter().chain(added).map(|(name, _)| name.as_slice());
    names
        .filter_map(|name| {
            let name_shown = Text::from(std::ffi::OsStr::from_bytes(name));
            match (of(was, name), of(is, name)) {
                (was, is) if was == is => None,
                (None, Some(is)) => Some(format!("attribute {name_shown} {is}, new")),
                (Some(was), None) => Some(format!("attribute {name_shown} gone, was {was}")),
                (Some(was), Some(is)) => Some(format!("attribute {name_shown} {is}, was {was}")),
                (None, None) => None,
            }
        })
        .collect()
}

/// A short text as such, the rest in hexadecimal; no longer than a line has room for.
fn shown(value: Option<&[u8]>) -> String {
    let value = value.unwrap_or_default();
    let is_text = value.iter().all(|byte| matches!(byte, b' '..=b'~'));
    if is_text && value.len() <= SHOWN {
        return format!("`{}`", String::from_utf8_lossy(value));
    }
    let mut text = String::from("0x");
    for byte in value.iter().take(SHOWN / 2) {
        let _ = write!(text, "{byte:02x}");
    }
    match value.len() {
        length if length > SHOWN / 2 => format!("{text}… of {length} bytes"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_differ_are_told() {
        let all = |pairs: &[(&str, &[u8])]| -> compare::Attributes {
            let pair =
                |(name, value): &(&str, &[u8])| (name.as_bytes().to_vec(), Some(value.to_vec()));
            pairs.iter().map(pair).collect()
        };
        let was = all(&[("user.a", b"1"), ("user.b", b"same"), ("user.c", b"gone")]);
        let is = all(&[("user.a", b"\x1b["), ("user.b", b"same"), ("user.d", &[0; 40])]);
        assert_eq!(
            differing(&was, &is),
            [
                "attribute user.a 0x1b5b, was `1`",
                "attribute user.c gone, was `gone`",
                "attribute user.d 0x00000000000000000000000000000000… of 40 bytes, new",
            ]
        );
    }
}
