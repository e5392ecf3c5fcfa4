//! Two texts, as the hunks of a unified diff.

use similar::DiffTag;

use super::patch::{Hunk, Patch};
use super::{Bytes, Colour, Style};
use crate::base::Text;

pub(super) fn hunks(old: &[u8], new: &[u8], style: Style) -> Vec<u8> {
    let patch = Patch::of(old, new);
    patch.hunks().iter().flat_map(|it| hunk(&patch, it, style)).collect()
}

/// One of them, with its header.
pub fn hunk(patch: &Patch<'_>, hunk: &Hunk, style: Style) -> Vec<u8> {
    let mut out = Vec::new();
    let ops = patch.shown(hunk);
    let (Some(first), Some(last)) = (ops.first(), ops.last()) else { return out };
    let before = first.old_range().start..last.old_range().end;
    let after = first.new_range().start..last.new_range().end;
    let header = format!("@@ -{} +{} @@", span(&before), span(&after));
    push(&mut out, header.as_bytes(), "\x1b[36m", style);
    for op in &ops {
        let (old, new) = (&patch.old[op.old_range()], &patch.new[op.new_range()]);
        if op.tag() == DiffTag::Equal {
            old.iter().for_each(|text| line(&mut out, b' ', "", text, style));
        } else {
            old.iter().for_each(|text| line(&mut out, b'-', "\x1b[31m", text, style));
            new.iter().for_each(|text| line(&mut out, b'+', "\x1b[32m", text, style));
        }
    }
    out
}

fn line(out: &mut Vec<u8>, sign: u8, colour: &str, line: &[u8], style: Style) {
    let (line, is_ended) = match line.strip_suffix(b"\n") {
        Some(line) => (line, true),
        None => (line, false),
    };
    let line = match style.bytes {
        Bytes::Kept => line.to_vec(),
        Bytes::Escaped => escaped(line),
    };
    push(out, &[&[sign], line.as_slice()].concat(), colour, style);
    if !is_ended {
        out.extend_from_slice(b"\\ No newline at end of file\n");
    }
}

fn push(out: &mut Vec<u8>, line: &[u8], colour: &str, style: Style) {
    let is_coloured = style.colour == Colour::Coloured && !colour.is_empty();
    if is_coloured {
        out.extend_from_slice(colour.as_bytes());
    }
    out.extend_from_slice(line);
    if is_coloured {
        out.extend_from_slice(b"\x1b[m");
    }
    out.push(b'\n');
}

/// `3,7`: where it begins and how many lines; an empty one begins before its line.
fn span(lines: &std::ops::Range<usize>) -> String {
    match lines.len() {
        0 => format!("{},0", lines.start),
        1 => (lines.start + 1).to_string(),
        length => format!("{},{length}", lines.start + 1),
    }
}

/// Tabs stay; everything that a terminal would obey does not.
fn escaped(line: &[u8]) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    let parts = line.split(|byte| *byte == b'\t');
    let shown: Vec<String> =
        parts.map(|part| Text::from(std::ffi::OsStr::from_bytes(part)).to_string()).collect();
    shown.join("\t").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style { colour: Colour::Plain, bytes: Bytes::Kept };

    fn shown(old: &str, new: &str) -> String {
        String::from_utf8(hunks(old.as_bytes(), new.as_bytes(), PLAIN)).unwrap()
    }

    #[test]
    fn a_line_added_at_the_end_of_a_text_without_one() {
        assert_eq!(
            shown("a", "a\nb\n"),
            "@@ -1 +1,2 @@\n-a\n\\ No newline at end of file\n+a\n+b\n"
        );
        assert_eq!(shown("", "x\n"), "@@ -0,0 +1 @@\n+x\n");
        assert_eq!(shown("x\n", ""), "@@ -1 +0,0 @@\n-x\n");
        assert_eq!(shown("x\n", "x\n"), "");
    }

    #[test]
    fn a_carriage_return_is_a_part_of_its_line() {
        assert_eq!(shown("a\rb\n", "a\rc\n"), "@@ -1 +1 @@\n-a\rb\n+a\rc\n");
    }

    #[test]
    fn a_terminal_is_told_nothing_by_a_line() {
        let style = Style { colour: Colour::Plain, bytes: Bytes::Escaped };
        let said = hunks(b"", b"\x1b]0;owned\x07\ta\n", style);
        assert!(!said.contains(&0x1b) && said.contains(&b'\t'));
    }
}
