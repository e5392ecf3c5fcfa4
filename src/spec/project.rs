//! The policy found in the working directory. It came with the project, so it is not trusted,
//! even after the user has allowed it: it may take away, never give.
//!
//! What a word may do is in the table of words. Here it is held to that, on paper; that no
//! symbolic link leads out of the directory is looked up by the store.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::policy::{Policy, Speaker, read};
use super::policy_paths::{anchor, split_mark};
use super::policy_value::Value;
use super::word::{InProjectPolicy, Word};
use super::words::find;
use super::{FileContent, Origin, Spec, ViewWish};
use crate::base::{Error, HostPath, Result, Text};

/// The name under which such a policy is found.
pub const FILE_NAME: &str = "bryo.toml";

/// Reads the policy found in `directory`; a line that could widen the sandbox is an error.
pub fn parse(file: &str, text: &str, directory: &HostPath) -> Result<Policy> {
    let speaker = Speaker::Project { file };
    let mut policy = read(speaker, text)?;
    anchor(&mut policy.spec, directory);
    check_paths(&policy.spec, file, directory).map_err(|error| error.within(speaker.clause()))?;
    Ok(policy)
}

/// The host paths that the spec of a project reads from, and who asked for each. A path may not
/// exist where it is marked so, or at all.
pub fn sources(spec: &Spec) -> impl Iterator<Item = (HostPath, &Origin)> {
    spec.view.iter().filter_map(|wish| {
        let source = match &wish.value {
            ViewWish::Bind { source, .. } | ViewWish::Overlay { source, .. } => source,
            ViewWish::File { content: FileContent::CopiedFrom(source), .. } => source,
            _ => return None,
        };
        Some((HostPath::absolute(OsStr::from_bytes(split_mark(source).1)), &wish.origin))
    })
}

/// Why a value reaches too far, for a path that is not in the directory.
#[must_use]
pub fn outside(file: &str, origin: &Origin, path: &Text) -> Error {
    let reason = format!("`{}` reaches `{path}`, outside of the working directory", origin.word());
    match origin {
        Origin::Policy { line, .. } => refused(file, *line, &reason),
        Origin::Flag(_) | Origin::Profile { .. } => Error::new(reason),
    }
}

/// That a key may not be used at all.
pub(super) fn refusal(file: &str, line: usize, key: &str) -> Error {
    let reason = format!(
        "`{key}` may not be used in a policy found in the working directory, which may only narrow \
         the sandbox"
    );
    refused(file, line, &reason)
}

fn refused(file: &str, line: usize, reason: &str) -> Error {
    Error::new(format!("line {line}: {reason}")).hint(format!(
        "`bryo run --policy {}` uses the file with the power of your own words",
        Text::from(file)
    ))
}

/// Whether the word may stand here with this value; paths are looked at when they are known.
pub(super) fn check_word(word: &Word, file: &str, value: &Value) -> Result<()> {
    match word.in_project_policy {
        InProjectPolicy::Allowed | InProjectPolicy::AllowedWithinProject => Ok(()),
        InProjectPolicy::AllowedAs(only) if value.text == only => Ok(()),
        InProjectPolicy::AllowedAs(only) => {
            let reason = format!(
                "`{}` may only be `{only}` in a policy found in the working directory",
                word.name
            );
            Err(refused(file, value.line, &reason))
        }
        InProjectPolicy::Refused => Err(refusal(file, value.line, word.name)),
    }
}

/// Every path of a word that is bound to the project must be in its directory, at both ends: what
/// is shown, so that nothing of the host is added, and where, so that no program or certificate
/// of the system is replaced.
fn check_paths(spec: &Spec, file: &str, directory: &HostPath) -> Result<()> {
    for wish in spec.view.iter().filter(|wish| is_bound(&wish.origin)) {
        for path in ends(&wish.value) {
            check_within(path, file, &wish.origin, directory)?;
        }
    }
    match &spec.workdir {
        Some(workdir) => check_within(&workdir.value, file, &workdir.origin, directory),
        None => Ok(()),
    }
}

fn is_bound(origin: &Origin) -> bool {
    find(origin.word())
        .is_some_and(|word| word.in_project_policy == InProjectPolicy::AllowedWithinProject)
}

fn ends(wish: &ViewWish) -> Vec<&Text> {
    match wish {
        ViewWish::Bind { source, dest, .. } | ViewWish::Overlay { source, dest } => {
            [Some(source), dest.as_ref()].into_iter().flatten().collect()
        }
        ViewWish::File { dest, content: FileContent::CopiedFrom(source) } => vec![dest, source],
        ViewWish::File { dest, content: FileContent::Written(_) }
        | ViewWish::Symlink { dest, .. }
        | ViewWish::Tmpfs { dest, .. } => vec![dest],
        ViewWish::Hide { path } => vec![path],
        ViewWish::Device { .. } => Vec::new(),
    }
}

fn check_within(path: &Text, file: &str, origin: &Origin, directory: &HostPath) -> Result<()> {
    let bare = OsStr::from_bytes(split_mark(path).1);
    // What is left of `~` is the home, which is not known here and is not the project.
    let is_absolute = bare.as_bytes().starts_with(b"/");
    if is_absolute && HostPath::absolute(bare).is_within(directory) {
        return Ok(());
    }
    Err(outside(file, origin, path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::words::WORDS;
    use proptest::prelude::*;

    fn parsed(text: &str) -> Result<Policy> {
        parse("bryo.toml", text, &HostPath::absolute("/home/ada/p"))
    }

    #[test]
    fn what_narrows_is_taken() {
        let text = "description = 'd'\nhostname = 'p'\nnet = false\nclear-env = true\n\
                    overlay = '.'\nro = ['data', 'data:/home/ada/p/d', '?gone']\n\
                    hide = ['/usr/bin/gcc', 'secrets']\ntmpfs = 'target'\nworkdir = 'src'\n\
                    file = ['a=text', 'b=@c']\nsymlink = '/anywhere:link'\ntimeout = '1m'\n";
        let policy = parsed(text).unwrap();
        assert_eq!(policy.spec.view.len(), 10);
        assert_eq!(policy.description.as_deref(), Some("d"));
        let sources: Vec<_> = sources(&policy.spec).map(|(path, _)| path.to_string()).collect();
        assert_eq!(
            sources,
            [
                "/home/ada/p",
                "/home/ada/p/data",
                "/home/ada/p/data",
                "/home/ada/p/gone",
                "/home/ada/p/c"
            ]
        );
    }

    #[test]
    fn what_widens_is_named_with_its_line_and_the_way_out() {
        let only = "in a policy found in the working directory";
        let golden = [
            (
                "rw = '.'",
                format!("line 1: `rw` may not be used {only}, which may only narrow the sandbox"),
            ),
            ("\nnet = true", format!("line 2: `net` may only be `none` {only}")),
            ("root = true", format!("line 1: `root` may only be `false` {only}")),
            ("best-effort = true", format!("line 1: `best-effort` may only be `false` {only}")),
            (
                "profile = 'build'",
                format!(
                    "line 1: `profile` may not be used {only}, which may only narrow the sandbox"
                ),
            ),
            (
                "env = { A = '1' }",
                format!("line 1: `env` may not be used {only}, which may only narrow the sandbox"),
            ),
            (
                "ro = [\n'x',\n'/etc']",
                "line 3: `ro` reaches `/etc`, outside of the working directory".to_owned(),
            ),
            (
                "ro = '../q'",
                "line 1: `ro` reaches `/home/ada/q`, outside of the working directory".to_owned(),
            ),
            (
                "ro = '/home/ada/p/../q'",
                "line 1: `ro` reaches `/home/ada/p/../q`, outside of the working directory"
                    .to_owned(),
            ),
            (
                "ro = '/home/ada/pq'",
                "line 1: `ro` reaches `/home/ada/pq`, outside of the working directory".to_owned(),
            ),
            (
                "ro = '?~/.ssh'",
                "line 1: `ro` reaches `?~/.ssh`, outside of the working directory".to_owned(),
            ),
            (
                "ro = 'evil:/usr/bin/git'",
                "line 1: `ro` reaches `/usr/bin/git`, outside of the working directory".to_owned(),
            ),
            (
                "overlay = '..'",
                "line 1: `overlay` reaches `/home/ada`, outside of the working directory"
                    .to_owned(),
            ),
            (
                "file = 'a=@/etc/passwd'",
                "line 1: `file` reaches `/etc/passwd`, outside of the working directory".to_owned(),
            ),
            (
                "file = '/etc/passwd=x'",
                "line 1: `file` reaches `/etc/passwd`, outside of the working directory".to_owned(),
            ),
            (
                "symlink = 'a:/usr/bin/x'",
                "line 1: `symlink` reaches `/usr/bin/x`, outside of the working directory"
                    .to_owned(),
            ),
            (
                "workdir = '/'",
                "line 1: `workdir` reaches `/`, outside of the working directory".to_owned(),
            ),
        ];
        for (text, message) in golden {
            let error = parsed(text).unwrap_err();
            assert_eq!(error.to_string(), format!("cannot use the policy `bryo.toml`: {message}"));
            assert_eq!(
                error.hint_text(),
                Some(
                    "`bryo run --policy bryo.toml` uses the file with the power of your own words"
                )
            );
        }
    }

    /// Each refused word, whatever its value, so that a word added tomorrow is held to its mark.
    #[test]
    fn no_refused_word_gets_through() {
        for word in WORDS.iter().filter(|w| w.in_project_policy == InProjectPolicy::Refused) {
            for value in ["true", "1", "'1'", "['1']"] {
                assert!(parsed(&format!("{} = {value}", word.name)).is_err(), "{}", word.name);
            }
        }
    }

    proptest! {
        #[test]
        fn no_path_of_a_bound_word_leaves_the_project(
            word in prop::sample::select(&["ro", "overlay", "file", "symlink", "workdir"][..]),
            path in "[a?~]?(/|\\./|\\.\\./|a|:|=|@){1,8}",
        ) {
            let Ok(policy) = parsed(&format!("{word} = '{path}'")) else { return Ok(()) };
            let directory = HostPath::absolute("/home/ada/p");
            for (source, _) in sources(&policy.spec) {
                prop_assert!(source.is_within(&directory), "{source}");
            }
        }
    }
}
