//! Profiles: the policies shipped with bryo, part of the program itself.

use super::policy::{Policy, Speaker, read};
use crate::base::wording::nearest;
use crate::base::{Error, Result, Text};

/// One shipped profile: its name and its text.
#[derive(Debug)]
pub struct Profile {
    pub name: &'static str,
    pub text: &'static str,
}

/// In the order in which they are listed.
static SHIPPED: &[Profile] = &[
    Profile { name: "default", text: include_str!("profiles/default.toml") },
    Profile { name: "strict", text: include_str!("profiles/strict.toml") },
    Profile { name: "build", text: include_str!("profiles/build.toml") },
    Profile { name: "shell", text: include_str!("profiles/shell.toml") },
];

pub fn names() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|profile| profile.name)
}

/// The profile of that name, or an error that names the one probably meant.
pub fn find(name: &str) -> Result<&'static Profile> {
    SHIPPED.iter().find(|profile| profile.name == name).ok_or_else(|| {
        let error = Error::new(format!("no profile is called `{}`", Text::from(name)));
        match nearest(name, names()) {
            Some(near) => {
                error.hint(format!("did you mean `{near}`? `bryo policy list` names them all"))
            }
            None => error.hint("`bryo policy list` names them all"),
        }
    })
}

/// What the profile says. Its relative paths (`.` alone) are meant in the working directory.
pub fn load(name: &str) -> Result<Policy> {
    let profile = find(name)?;
    read(Speaker::Profile { name: profile.name }, profile.text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::policy_paths::split_mark;
    use crate::spec::{Access, FileContent, HomeMode, NetworkMode, Spec, ViewWish};

    #[test]
    fn every_profile_can_be_used_and_says_what_it_is_for() {
        for name in names() {
            let policy = load(name).unwrap();
            assert!(policy.description.is_some_and(|d| d.len() < 80), "{name}");
            assert_eq!(policy.profile, None);
        }
    }

    #[test]
    fn the_default_changes_nothing() {
        assert_eq!(load("default").unwrap().spec, Spec::default());
    }

    #[test]
    fn strict_lets_nothing_out_and_nothing_last() {
        let spec = load("strict").unwrap().spec;
        assert_eq!(spec.net.unwrap().value, NetworkMode::Closed);
        assert_eq!(spec.home.unwrap().value, HomeMode::Private);
        assert!(spec.clear_env.unwrap().value);
        let last = spec.view.last().map(|wish| &wish.value);
        assert_eq!(last, Some(&ViewWish::Overlay { source: ".".into(), dest: None }));
    }

    /// A profile is used in any directory: it may say `.`, the home, or an absolute path.
    #[test]
    fn no_profile_depends_on_where_it_is_used() {
        for name in names() {
            for wish in load(name).unwrap().spec.view {
                let paths = match wish.value {
                    ViewWish::Bind { source, dest, .. } | ViewWish::Overlay { source, dest } => {
                        [Some(source), dest].into_iter().flatten().collect()
                    }
                    ViewWish::Tmpfs { dest, .. } | ViewWish::Symlink { dest, .. } => vec![dest],
                    ViewWish::Hide { path } => vec![path],
                    ViewWish::File { dest, content: FileContent::CopiedFrom(source) } => {
                        vec![dest, source]
                    }
                    ViewWish::File { dest, .. } => vec![dest],
                    ViewWish::Device { .. } => Vec::new(),
                };
                for path in paths {
                    let (_, bare) = split_mark(&path);
                    let fits = matches!(bare, b"." | [b'/', ..] | b"~" | [b'~', b'/', ..]);
                    assert!(fits, "{name}: {path}");
                }
            }
        }
    }

    /// A shared cache that a build may write is poisoned for the next build outside.
    #[test]
    fn no_profile_writes_to_the_home_of_the_user() {
        for name in names() {
            for wish in load(name).unwrap().spec.view {
                let is_writable = matches!(
                    wish.value,
                    ViewWish::Bind { access: Access::ReadWrite, .. } | ViewWish::Device { .. }
                );
                assert!(!is_writable, "{name}: {}", wish.origin);
            }
        }
    }

    #[test]
    fn an_unknown_name_gets_the_one_meant() {
        let error = load("strickt").unwrap_err();
        assert_eq!(error.to_string(), "no profile is called `strickt`");
        assert_eq!(
            error.hint_text(),
            Some("did you mean `strict`? `bryo policy list` names them all")
        );
    }
}
