//! The few words of a git configuration that name other files which git obeys (git-config(1)).
//! Reads text; opens nothing.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::base::Text;

/// What a configuration refers to, as it is written there.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct GitConfig {
    /// `core.hooksPath`
    pub(super) hooks: Option<Text>,
    /// `core.worktree`
    pub(super) work_tree: Option<Text>,
    /// `include.path` and `includeIf.….path`
    pub(super) includes: Vec<Text>,
}

impl GitConfig {
    pub(super) fn parse(content: &[u8]) -> Self {
        let mut config = Self::default();
        let mut section = Vec::new();
        for line in logical_lines(content) {
            let mut rest = line.trim_ascii();
            if let Some(header) = rest.strip_prefix(b"[") {
                let end = header.iter().position(|b| *b == b']').unwrap_or(header.len());
                let name = header[..end].split(|b| b" \t.\"".contains(b)).next().unwrap_or(b"");
                section = name.to_ascii_lowercase();
                // A key may stand behind its section.
                rest = header.get(end + 1..).unwrap_or(b"").trim_ascii();
            }
            let Some(at) = rest.iter().position(|b| *b == b'=') else { continue };
            let key = rest[..at].trim_ascii().to_ascii_lowercase();
            let value = Text::from(OsStr::from_bytes(&value(rest[at + 1..].trim_ascii_start())));
            match (section.as_slice(), key.as_slice()) {
                (b"core", b"hookspath") => config.hooks = Some(value),
                (b"core", b"worktree") => config.work_tree = Some(value),
                (b"include" | b"includeif", b"path") => config.includes.push(value),
                _ => {}
            }
        }
        config
    }
}

/// Lines, joined where one ends in a backslash.
fn logical_lines(content: &[u8]) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let mut goes_on = false;
    for line in content.split(|b| *b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (part, more) = match line.strip_suffix(b"\\") {
            Some(part) if !part.ends_with(b"\\") && !is_comment(line) => (part, true),
            _ => (line, false),
        };
        match lines.last_mut() {
            Some(last) if goes_on => last.extend_from_slice(part),
            _ => lines.push(part.to_vec()),
        }
        goes_on = more;
    }
    lines
}

fn is_comment(line: &[u8]) -> bool {
    line.trim_ascii_start().first().is_some_and(|byte| b"#;".contains(byte))
}

/// A value without its quotes, escapes and comment.
fn value(written: &[u8]) -> Vec<u8> {
    let mut value = Vec::new();
    let mut quoted = false;
    // What is behind the last byte that counts are spaces before a comment or the end.
    let mut length = 0;
    let mut bytes = written.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => quoted = !quoted,
            b'#' | b';' if !quoted => break,
            b'\\' => {
                value.push(match bytes.next() {
                    Some(b'n') => b'\n',
                    Some(b't') => b'\t',
                    Some(other) => other,
                    None => break,
                });
                length = value.len();
                continue;
            }
            byte => value.push(byte),
        }
        if quoted || !byte.is_ascii_whitespace() {
            length = value.len();
        }
    }
    value.truncate(length);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_refers_to_is_found_however_it_is_written() {
        let config = GitConfig::parse(
            b"# c\\\n[core]\n\tbare = false\n\thooksPath = .husky/_ ; c\n[CORE] WorkTree=\"../a \\\"b\\\"\"\n\
              [include]\npath = \\\n x/y\r\n[includeIf \"gitdir:/a\"]\n path=~/z\n[user]\npath = no\n",
        );
        assert_eq!(config.hooks, Some(Text::from(".husky/_")));
        assert_eq!(config.work_tree, Some(Text::from("../a \"b\"")));
        assert_eq!(config.includes, [Text::from("x/y"), Text::from("~/z")]);
    }

    #[test]
    fn any_bytes_are_answered() {
        for content in [&b""[..], b"[", b"[core\n", b"=", b"[core]\nhookspath=\"\\", b"\xff=\xff\\"]
        {
            let _ = GitConfig::parse(content);
        }
    }
}
