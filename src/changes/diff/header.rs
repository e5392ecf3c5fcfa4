//! What stands before the hunks of one file, as git writes it (git-diff(1), "Generating patch
//! text with -p").

use std::io::{self, Write};

use super::Colour;

pub(super) enum Header {
    New { mode: u32 },
    Deleted { mode: u32 },
    Modified,
    Mode { was: u32, is: u32 },
    Renamed { from: Vec<u8> },
}

impl Header {
    pub(super) fn write(
        &self,
        out: &mut dyn Write,
        name: &[u8],
        colour: Colour,
        has_hunks: bool,
    ) -> io::Result<()> {
        let old = match self {
            Self::Renamed { from } => from.as_slice(),
            _ => name,
        };
        let mut lines =
            vec![format!("diff --git {} {}", prefixed(b"a/", old), prefixed(b"b/", name))];
        match self {
            Self::New { mode } => lines.push(format!("new file mode {mode:06o}")),
            Self::Deleted { mode } => lines.push(format!("deleted file mode {mode:06o}")),
            Self::Mode { was, is } => {
                lines.push(format!("old mode {was:06o}"));
                lines.push(format!("new mode {is:06o}"));
            }
            Self::Renamed { from } => {
                lines.push("similarity index 100%".to_owned());
                lines.push(format!("rename from {}", quoted(from)));
                lines.push(format!("rename to {}", quoted(name)));
            }
            Self::Modified => {}
        }
        if has_hunks {
            let nothing = || "/dev/null".to_owned();
            let old = match self {
                Self::New { .. } => nothing(),
                _ => prefixed(b"a/", name),
            };
            let new = match self {
                Self::Deleted { .. } => nothing(),
                _ => prefixed(b"b/", name),
            };
            lines.push(format!("--- {old}"));
            lines.push(format!("+++ {new}"));
        }
        for line in lines {
            match colour {
                Colour::Plain => writeln!(out, "{line}")?,
                Colour::Coloured => writeln!(out, "\x1b[1m{line}\x1b[m")?,
            }
        }
        Ok(())
    }
}

fn prefixed(prefix: &[u8], name: &[u8]) -> String {
    quoted(&[prefix, name].concat())
}

/// As git quotes a path (`core.quotePath`): in C's way if anything in it is unusual.
pub(super) fn quoted(name: &[u8]) -> String {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    if name.iter().all(is_plain) && !name.ends_with(b" ") {
        return String::from_utf8_lossy(name).into_owned();
    }
    let inner: String = name
        .iter()
        .map(|byte| match byte {
            b'\n' => "\\n".to_owned(),
            b'\t' => "\\t".to_owned(),
            b'"' => "\\\"".to_owned(),
            b'\\' => "\\\\".to_owned(),
            byte if is_plain(byte) => char::from(*byte).to_string(),
            byte => format!("\\{byte:03o}"),
        })
        .collect();
    format!("\"{inner}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_as_git_quotes_them() {
        assert_eq!(quoted(b"a/b c"), "a/b c");
        assert_eq!(quoted(b"a\nb"), "\"a\\nb\"");
        assert_eq!(quoted(b"\x1b\xff\"\\"), "\"\\033\\377\\\"\\\\\"");
    }
}
