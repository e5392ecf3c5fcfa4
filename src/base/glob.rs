//! Patterns for paths, as in .gitignore: `*` and `?` stay within a name, `**` does not. A pattern
//! without `/` means a name at any depth. What a pattern matches it matches with all that is in it.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use fast_glob::glob_match;

/// Whether the pattern means the path, which is relative, or a directory that holds it.
#[must_use]
pub fn covers(pattern: &[u8], path: &Path) -> bool {
    let pattern = pattern.strip_suffix(b"/").unwrap_or(pattern);
    let is_anchored = pattern.contains(&b'/');
    let pattern = pattern.strip_prefix(b"/").unwrap_or(pattern);
    // The crate takes a leading `!` for "all but".
    let escape: &[u8] = if pattern.starts_with(b"!") { b"\\" } else { b"" };
    let pattern = [escape, pattern].concat();
    path.ancestors().take_while(|it| !it.as_os_str().is_empty()).any(|part| {
        let subject = match (is_anchored, part.file_name()) {
            (false, Some(name)) => name,
            _ => part.as_os_str(),
        };
        glob_match(&pattern, subject.as_bytes())
    })
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
            ("!a", "b", false),
            ("!a", "!a", true),
            ("{a,b}.c", "b.c", true),
            ("[a-c]", "b", true),
            ("", "a", false),
        ] {
            assert_eq!(covers(pattern.as_bytes(), Path::new(path)), is_covered, "{pattern} {path}");
        }
        let long = "a".repeat(2000);
        assert!(!covers("*a*a*a*a*a*a*a*ab".as_bytes(), Path::new(&long)));
    }
}
