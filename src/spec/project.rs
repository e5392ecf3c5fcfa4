//! The policy found in the working directory. It came with the project, so it is not trusted,
//! even after the user has allowed it: it may take away, never give.
//!
//! What a word may do is in the table of words. Here it is held to that, on paper; that no
//! symbolic link leads out of the directory is seen when the plan is made.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::policy::{Policy, Speaker, read};
use super::policy_paths::{anchor, split_mark};
use super::policy_value::Value;
use super::word::{InProjectPolicy, Word};
use super::words::find;
use super::{FileContent, Origin, PROJECT_POLICY, Spec, ViewWish};
use crate::base::{Error, HostPath, Result, Text};

/// Reads the policy found in `directory`; a line that could widen the sandbox is an error.
pub fn parse(text: &str, directory: &HostPath) -> Result<Policy> {
    let mut policy = read(Speaker::Project, text)?;
    anchor(&mut policy.spec, directory);
    check_paths(&policy.spec, directory)
        .map_err(|error| error.within(Speaker::Project.clause()))?;
    Ok(policy)
}

/// That a key may not be used at all.
pub(super) fn refusal(line: usize, key: &str) -> Error {
    let reason = format!(
        "`{key}` may not be used in a policy found in the working directory, which may only narrow \
         the sandbox"
    );
    refused(line, &reason)
}

fn refused(line: usize, reason: &str) -> Error {
    Error::new(format!("line {line}: {reason}")).hint(format!(
        "`bryo run --policy {PROJECT_POLICY}` uses the file with the power of your own words"
    ))
}

/// Whether the word may stand here with this value; paths are looked at when they are known.
pub(super) fn check_word(word: &Word, value: &Value) -> Result<()> {
    match word.in_project_policy {
        InProjectPolicy::Allowed | InProjectPolicy::AllowedWithinProject => Ok(()),
        InProjectPolicy::AllowedAs(only) if value.text == only => Ok(()),
        InProjectPolicy::AllowedAs(only) => {
            let reason = format!(
                "`{}` may only be `{only}` in a policy found in the working directory",
                word.name
            );
            Err(refused(value.line, &reason))
        }
        InProjectPolicy::Refused => Err(refusal(value.line, word.name)),
    }
}

/// Every path of a word that is bound to the project must be in its directory, at both ends: what
/// is shown, so that nothing of the host is added, and where, so that no program or certificate
/// of the system is replaced.
fn check_paths(spec: &Spec, directory: &HostPath) -> Result<()> {
    for wish in spec.view.iter().filter(|wish| is_bound(&wish.origin)) {
        for path in ends(&wish.value) {
            check_within(path, &wish.origin, directory)?;
        }
        // A copy is read by name, and the name may become a link after every look at it; what is
        // mounted is held by descriptor.
        if let ViewWish::File { content: FileContent::CopiedFrom(_), .. } = wish.value {
            let reason = "`file` may only hold text in a policy found in the working directory";
            return Err(refused(line_of(&wish.origin), reason));
        }
    }
    match &spec.workdir {
        Some(workdir) => check_within(&workdir.value, &workdir.origin, directory),
        None => Ok(()),
    }
}

fn is_bound(origin: &Origin) -> bool {
    find(origin.word())
        .is_some_and(|word| word.in_project_policy == InProjectPolicy::AllowedWithinProject)
}

fn line_of(origin: &Origin) -> usize {
    match origin {
        Origin::Project { line, .. } | Origin::Policy { line, .. } => *line,
        Origin::Flag(_) | Origin::Verb(_) | Origin::Profile { .. } => 1,
    }
}

fn ends(wish: &ViewWish) -> Vec<&Text> {
    match wish {
        ViewWish::Bind { source, dest, .. } | ViewWish::Overlay { source, dest } => {
            [Some(source), dest.as_ref()].into_iter().flatten().collect()
        }
        ViewWish::File { dest, .. }
        | ViewWish::Symlink { dest, .. }
        | ViewWish::Tmpfs { dest, .. } => vec![dest],
        ViewWish::Hide { path } => vec![path],
        ViewWish::Device { .. } => Vec::new(),
    }
}

fn check_within(path: &Text, origin: &Origin, directory: &HostPath) -> Result<()> {
    let bare = OsStr::from_bytes(split_mark(path).1);
    // What is left of `~` is the home, which is not known here and is not the project.
    let is_absolute = bare.as_bytes().starts_with(b"/");
    if is_absolute && HostPath::absolute(bare).is_within(directory) {
        return Ok(());
    }
    let reason = format!("`{}` reaches `{path}`, outside of the working directory", origin.word());
    Err(refused(line_of(origin), &reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::words::WORDS;
    use proptest::prelude::*;

    fn parsed(text: &str) -> Result<Policy> {
        parse(text, &HostPath::absolute("/home/ada/p"))
    }

    #[test]
    fn what_narrows_is_taken() {
        let text = "description = 'd'\nhostname = 'p'\nnet = false\nclear-env = true\n\
                    overlay = '.'\nro = ['data', 'data:/home/ada/p/d', '?gone']\n\
                    hide = ['/usr/bin/gcc', 'secrets']\ntmpfs = 'target'\nworkdir = 'src'\n\
                    file = ['a=text']\nsymlink = '/anywhere:link'\ntimeout = '1m'\n";
        let policy = parsed(text).unwrap();
        assert_eq!(policy.spec.view.len(), 9);
        assert_eq!(policy.description.as_deref(), Some("d"));
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
                "line 1: `file` may only hold text in a policy found in the working directory"
                    .to_owned(),
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
            for path in policy.spec.view.iter().flat_map(|wish| ends(&wish.value)) {
                let path = HostPath::absolute(OsStr::from_bytes(split_mark(path).1));
                prop_assert!(path.is_within(&directory), "{path}");
            }
        }
    }
}
