//! Two worlds, two types: a path on the host and a path inside the sandbox never share a bare name.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use serde::{Serialize, Serializer};

use super::Text;

/// An absolute path on the host.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HostPath(PathBuf);

/// An absolute path inside the sandbox: normal, no `.`, no `..`, no double slash.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BoxPath(PathBuf);

impl HostPath {
    /// `path` as it is meant in the directory `base`; `~` and `~/…` are the home.
    #[must_use]
    pub fn resolve(path: &OsStr, base: &HostPath, home: &HostPath) -> Self {
        Self(normal(&expand(path, &base.0, &home.0)))
    }

    #[must_use]
    pub fn absolute(path: impl Into<PathBuf>) -> Self {
        Self(normal(&path.into()))
    }

    #[must_use]
    pub fn as_path(&self) -> &Path {
        &self.0
    }

    /// Nothing is itself, without a slash behind it.
    #[must_use]
    pub fn join(&self, below: impl AsRef<Path>) -> Self {
        let below = below.as_ref();
        if below.as_os_str().is_empty() { self.clone() } else { Self(self.0.join(below)) }
    }

    /// Whether this path is `other` or below it.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// The same place, seen under the same name from inside.
    #[must_use]
    pub fn same_inside(&self) -> BoxPath {
        BoxPath(self.0.clone())
    }
}

impl BoxPath {
    #[must_use]
    pub fn root() -> Self {
        Self(PathBuf::from("/"))
    }

    /// An absolute path, made normal; `None` if it is relative.
    #[must_use]
    pub fn parse(path: &OsStr) -> Option<Self> {
        let path = Path::new(path);
        path.is_absolute().then(|| Self(normal(path)))
    }

    /// For the paths written in this program.
    #[must_use]
    pub fn fixed(path: &'static str) -> Self {
        Self(PathBuf::from(path))
    }

    #[must_use]
    pub fn as_path(&self) -> &Path {
        &self.0
    }

    #[must_use]
    pub fn join(&self, below: impl AsRef<Path>) -> Self {
        Self(normal(&self.0.join(below)))
    }

    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.as_os_str() == "/"
    }
}

/// `path` made absolute: below `base`, or below `home` behind a leading `~`.
fn expand(path: &OsStr, base: &Path, home: &Path) -> PathBuf {
    let bytes = path.as_bytes();
    if bytes == b"~" {
        return home.to_path_buf();
    }
    match bytes.strip_prefix(b"~/") {
        Some(rest) => home.join(OsStr::from_bytes(rest)),
        None => base.join(path),
    }
}

/// Lexically normal: `..` takes the name before it away, and ends at the root.
fn normal(path: &Path) -> PathBuf {
    let mut result = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::Normal(name) => result.push(name),
            Component::ParentDir => {
                result.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    result
}

macro_rules! shown_as_text {
    ($type:ty) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Text::from(OsString::from(self.0.as_os_str())).fmt(f)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}

shown_as_text!(HostPath);
shown_as_text!(BoxPath);

#[cfg(test)]
mod tests {
    use super::*;

    fn host(path: &str) -> HostPath {
        HostPath::resolve(
            OsStr::new(path),
            &HostPath::absolute("/work/dir"),
            &HostPath::absolute("/home/ada"),
        )
    }

    #[test]
    fn a_relative_path_is_below_the_base() {
        assert_eq!(host("a/./b/../c").to_string(), "/work/dir/a/c");
        assert_eq!(host(".").to_string(), "/work/dir");
        assert_eq!(host("../..").to_string(), "/");
    }

    #[test]
    fn a_tilde_is_the_home() {
        assert_eq!(host("~").to_string(), "/home/ada");
        assert_eq!(host("~/x").to_string(), "/home/ada/x");
        assert_eq!(host("~x").to_string(), "/work/dir/~x");
    }

    #[test]
    fn a_path_inside_is_absolute_and_ends_at_the_root() {
        assert_eq!(BoxPath::parse(OsStr::new("etc")), None);
        assert_eq!(
            BoxPath::parse(OsStr::new("/../a//b/")).map(|p| p.to_string()),
            Some("/a/b".into())
        );
    }
}
