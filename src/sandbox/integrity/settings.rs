//! What the settings of a repository may make git do. Reads text that may be hostile; whatever is
//! unusual counts against it.

/// Words that name programs, or other files of settings (git-config(1)). For a word too many, a
/// repository that was moved is named; for one too few, it is not.
const RUNS_PROGRAMS: [&[u8]; 27] = [
    b"hookspath",
    b"fsmonitor",
    b"sshcommand",
    b"gitproxy",
    b"askpass",
    b"pager",
    b"editor",
    b"command",
    b"cmd",
    b"textconv",
    b"driver",
    b"process",
    b"clean",
    b"smudge",
    b"program",
    b"helper",
    b"include",
    b"alias",
    b"uploadpack",
    b"receivepack",
    b"insteadof",
    b"external",
    b"browser",
    b"difffilter",
    b"tunnel",
    b"::",
    b"!",
];

/// Whether settings say anything of programs to be run.
pub(super) fn name_programs(content: &[u8]) -> bool {
    let content = content.to_ascii_lowercase();
    RUNS_PROGRAMS.iter().any(|word| content.windows(word.len()).any(|part| part == *word))
}

/// Whether settings are such as git itself writes into a new repository or a clone.
pub(super) fn are_plain(content: &[u8]) -> bool {
    let mut section = Vec::new();
    content.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).all(|line| {
        if line.is_empty() {
            return true;
        }
        if let Some(header) = line.strip_prefix(b"[").and_then(|it| it.strip_suffix(b"]")) {
            let name = header.split(|byte| *byte == b' ').next().unwrap_or(b"");
            section = name.to_ascii_lowercase();
            return is_harmless(&header[name.len()..]);
        }
        let Some(at) = line.iter().position(|byte| *byte == b'=') else { return false };
        let (key, value) = (line[..at].trim_ascii(), line[at + 1..].trim_ascii());
        is_known(&section, &key.to_ascii_lowercase()) && is_harmless(value)
    })
}

/// Keys that only say how the repository is laid out and where it came from.
fn is_known(section: &[u8], key: &[u8]) -> bool {
    matches!(
        (section, key),
        (
            b"core",
            b"repositoryformatversion"
                | b"filemode"
                | b"bare"
                | b"logallrefupdates"
                | b"ignorecase"
                | b"precomposeunicode"
                | b"symlinks"
        ) | (b"remote", b"url" | b"fetch" | b"tagopt" | b"promisor" | b"partialclonefilter")
            | (b"branch", b"remote" | b"merge" | b"rebase")
            | (b"submodule", b"active" | b"url")
            | (b"extensions", b"objectformat" | b"partialclone" | b"refstorage")
            | (b"user", b"name" | b"email")
    )
}

/// No way to continue a line or to hide one, and no transport that is a program: `ext::…`, and
/// `!…` for a shell.
fn is_harmless(value: &[u8]) -> bool {
    let quotes = value.iter().filter(|byte| **byte == b'"').count();
    let is_name = value.first() == Some(&b' ') && value.ends_with(b"\"") && quotes == 2;
    let is_plain = |byte: &u8| !b"\\#;!\"".contains(byte) && !byte.is_ascii_control();
    (quotes == 0 || is_name)
        && value.iter().filter(|byte| **byte != b'"').all(is_plain)
        && !value.windows(2).any(|pair| pair == b"::")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_as_git_makes_them_run_nothing() {
        let plain = b"[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\
            \tlogallrefupdates = true\n[remote \"origin\"]\n\turl = https://example.test/a\n\
            \tfetch = +refs/heads/*:refs/remotes/origin/*\n[branch \"main\"]\n\tremote = origin\n";
        assert!(are_plain(plain) && !name_programs(plain) && are_plain(b""));
        assert!(name_programs(b"[core]\n\tFSMonitor = ./x\n"));
    }

    #[test]
    fn whatever_is_unusual_is_not_plain() {
        for unusual in [
            "[core]\nfsmonitor = x",
            "[core]\nfsmonitor",
            "[core] fsmonitor = x",
            "[core]\nbare = false\\\nfsmonitor = x",
            "# \\\n[core]\nbare = true",
            "[remote \"a\"]\nurl = ext::sh -c x",
            "[remote \"a\\\"]\n[core]\nfsmonitor = x\n[b \"]\nurl = x",
            "[remote \"a\"]\nuploadpack = x",
            "[submodule \"a\"]\nupdate = !x",
            "[core]\nworktree = /home",
            "[include]\npath = x",
            "[alias]\nx = y",
            "bare = true",
        ] {
            assert!(!are_plain(unusual.as_bytes()), "{unusual}");
        }
    }
}
