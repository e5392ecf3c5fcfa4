//! Patterns for paths, as in .gitignore: `*` and `?` stay within a name, `**` does not. A pattern
//! without `/` means a name at any depth. What a pattern matches it matches with all that is in it.

use std::path::Path;

/// Whether the pattern means the path, which is relative, or a directory that holds it.
#[must_use]
pub fn covers(pattern: &[u8], path: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let pattern = pattern.strip_suffix(b"/").unwrap_or(pattern);
    let is_anchored = pattern.contains(&b'/');
    let pattern = pattern.strip_prefix(b"/").unwrap_or(pattern);
    path.ancestors().take_while(|it| !it.as_os_str().is_empty()).any(|part| {
        let subject = match (is_anchored, part.file_name()) {
            (false, Some(name)) => name,
            _ => part.as_os_str(),
        };
        matches(pattern, subject.as_bytes())
    })
}

/// In time that follows the product of both lengths, whatever the pattern holds.
fn matches(pattern: &[u8], subject: &[u8]) -> bool {
    // For every length of the beginning of `subject`, whether the pattern so far matches it.
    let mut reached = vec![false; subject.len() + 1];
    reached[0] = true;
    let mut rest = pattern;
    while let Some((token, after)) = first_token(rest) {
        reached = step(&reached, &token, subject);
        rest = after;
    }
    reached[subject.len()]
}

enum Token {
    Byte(u8),
    /// One byte, but not `/`.
    One,
    /// Any number of them.
    Some,
    /// Any number of bytes.
    All,
}

fn first_token(pattern: &[u8]) -> Option<(Token, &[u8])> {
    Some(match pattern {
        [] => return None,
        // Whole directories, or none.
        [b'*', b'*', rest @ ..] => (Token::All, rest.strip_prefix(b"/").unwrap_or(rest)),
        [b'*', rest @ ..] => (Token::Some, rest),
        [b'?', rest @ ..] => (Token::One, rest),
        [b'\\', byte, rest @ ..] | [byte, rest @ ..] => (Token::Byte(*byte), rest),
    })
}

fn step(reached: &[bool], token: &Token, subject: &[u8]) -> Vec<bool> {
    let mut next = vec![false; reached.len()];
    for at in 0..reached.len() {
        let before = at.checked_sub(1).map(|it| (it, subject[it]));
        next[at] = match (token, before) {
            (Token::Byte(byte), Some((it, there))) => reached[it] && there == *byte,
            (Token::One, Some((it, there))) => reached[it] && there != b'/',
            (Token::Some, Some((it, there))) => reached[at] || (next[it] && there != b'/'),
            (Token::All, Some((it, _))) => reached[at] || next[it],
            (Token::Some | Token::All, None) => reached[at],
            (Token::Byte(_) | Token::One, None) => false,
        };
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_they_do_in_gitignore() {
        for (pattern, path, is_covered) in [
            ("*.log", "a.log", true),
            ("*.log", "deep/in/a.log", true),
            ("*.log", "a.log/inside", true),
            ("*.log", "a.logs", false),
            ("node_modules", "x/node_modules/y/z", true),
            ("/a", "a", true),
            ("/a", "b/a", false),
            ("a/*.c", "a/b.c", true),
            ("a/*.c", "a/b/c.c", false),
            ("a/**/c", "a/c", true),
            ("a/**/c", "a/b/b/c", true),
            ("a/", "a/b", true),
            ("?", "ab", false),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("", "a", false),
        ] {
            assert_eq!(covers(pattern.as_bytes(), Path::new(path)), is_covered, "{pattern} {path}");
        }
        let long = "a".repeat(2000);
        assert!(!covers("*a*a*a*a*a*a*a*ab".as_bytes(), Path::new(&long)));
    }
}
