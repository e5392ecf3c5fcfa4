//! `--env K=V`, `--env K`, `--env-file`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::base::Text;

/// One wish for the environment of the command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EnvironmentWish {
    Set {
        name: Text,
        value: Text,
    },
    /// The caller's own value, if it has one.
    Pass {
        name: Text,
    },
    /// Lines of `K=V` or `K`, `#` for comments, as docker reads them.
    File {
        path: Text,
    },
}

impl EnvironmentWish {
    /// `K=V` or `K`.
    pub fn parse(text: &OsStr) -> Result<Self, String> {
        let bytes = text.as_bytes();
        let (name, value) = match bytes.iter().position(|b| *b == b'=') {
            None => (bytes, None),
            Some(at) => (&bytes[..at], Some(&bytes[at + 1..])),
        };
        if name.is_empty() || bytes.contains(&0) {
            return Err(format!("`{}` is not of the form NAME=VALUE or NAME", Text::from(text)));
        }
        let name = Text::from(OsStr::from_bytes(name));
        Ok(match value {
            None => Self::Pass { name },
            Some(value) => Self::Set { name, value: Text::from(OsStr::from_bytes(value)) },
        })
    }

    /// The wishes of an environment file, a line each.
    pub fn parse_file(content: &[u8]) -> Result<Vec<Self>, String> {
        content
            .split(|b| *b == b'\n')
            .enumerate()
            .map(|(index, line)| (index + 1, line.trim_ascii_start()))
            .filter(|(_, line)| !line.is_empty() && !line.starts_with(b"#"))
            .map(|(number, line)| {
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                Self::parse(OsStr::from_bytes(line)).map_err(|e| format!("line {number}: {e}"))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_file_holds_lines_and_comments() {
        let wishes = EnvironmentWish::parse_file(b"# c\nA=1=2\n\n  B\r\nC=\n").unwrap();
        assert_eq!(
            wishes,
            [
                EnvironmentWish::Set { name: "A".into(), value: "1=2".into() },
                EnvironmentWish::Pass { name: "B".into() },
                EnvironmentWish::Set { name: "C".into(), value: "".into() },
            ]
        );
    }

    #[test]
    fn a_line_without_a_name_is_named() {
        assert_eq!(
            EnvironmentWish::parse_file(b"A=1\n=2\n").unwrap_err(),
            "line 2: `=2` is not of the form NAME=VALUE or NAME"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in any::<Vec<u8>>()) {
            let _ = EnvironmentWish::parse_file(&bytes);
        }
    }
}
