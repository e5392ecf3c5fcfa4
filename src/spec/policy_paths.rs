//! The paths of a policy: which of its values are paths, and what they are relative to.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::{EnvironmentWish, FileContent, HomeMode, SeccompWish, Spec, ViewWish};
use crate::base::{HostPath, Text};

/// Stands before a source of a policy or profile that is left out where it does not exist.
pub(super) const IF_PRESENT: u8 = b'?';

/// Makes every relative path absolute in `directory`, where the policy lies. Absolute paths and
/// those in the home stay as they are typed.
pub(super) fn anchor(spec: &mut Spec, directory: &HostPath) {
    for path in paths(spec) {
        match path {
            Path::Source(path) => {
                let (mark, bare) = split_mark(path);
                let anchored = anchored(bare, directory);
                *path = Text::from(OsStr::from_bytes(&[mark, anchored.as_bytes()].concat()));
            }
            Path::Plain(path) => *path = anchored(path.as_bytes(), directory),
        }
    }
}

enum Path<'a> {
    /// May bear the mark [`IF_PRESENT`].
    Source(&'a mut Text),
    Plain(&'a mut Text),
}

/// Every path that the spec holds, on the host and inside; not targets of symbolic links, which
/// are text, and not devices, which are names.
fn paths(spec: &mut Spec) -> Vec<Path<'_>> {
    let mut sources: Vec<&mut Text> = Vec::new();
    let mut paths: Vec<&mut Text> = Vec::new();
    for wish in &mut spec.view {
        match &mut wish.value {
            ViewWish::Bind { source, dest, .. } | ViewWish::Overlay { source, dest } => {
                sources.push(source);
                paths.extend(dest);
            }
            ViewWish::Tmpfs { dest, .. } | ViewWish::Symlink { dest, .. } => paths.push(dest),
            ViewWish::Hide { path } => paths.push(path),
            ViewWish::File { dest, content } => {
                paths.push(dest);
                if let FileContent::CopiedFrom(source) = content {
                    paths.push(source);
                }
            }
            ViewWish::Device { .. } => {}
        }
    }
    for wish in &mut spec.env {
        if let EnvironmentWish::File { path } = &mut wish.value {
            paths.push(path);
        }
    }
    if let Some(SeccompWish::File(file)) = spec.seccomp.as_mut().map(|wish| &mut wish.value) {
        paths.push(file);
    }
    paths.extend(spec.report.as_mut().map(|wish| &mut wish.value));
    if let Some(HomeMode::Directory(directory)) = spec.home.as_mut().map(|home| &mut home.value) {
        paths.push(directory);
    }
    paths.extend(spec.rootfs.as_mut().map(|rootfs| &mut rootfs.value.directory));
    paths.extend(spec.workdir.as_mut().map(|workdir| &mut workdir.value));
    paths.extend(spec.overlay_dir.as_mut().map(|directory| &mut directory.value));
    sources.into_iter().map(Path::Source).chain(paths.into_iter().map(Path::Plain)).collect()
}

fn anchored(path: &[u8], directory: &HostPath) -> Text {
    let path = OsStr::from_bytes(path);
    let bytes = path.as_bytes();
    if bytes.starts_with(b"/") || bytes == b"~" || bytes.starts_with(b"~/") {
        return Text::from(path);
    }
    // No `~` is left, so the home is never asked for.
    Text::from(HostPath::resolve(path, directory, directory).as_path().as_os_str())
}

/// The mark [`IF_PRESENT`], if it is there, and the path behind it.
pub(super) fn split_mark(path: &Text) -> (&[u8], &[u8]) {
    let bytes = path.as_bytes();
    bytes.split_at(usize::from(bytes.first() == Some(&IF_PRESENT)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(wish: ViewWish) -> ViewWish {
        let origin = crate::spec::Origin::Flag("test");
        let mut spec =
            Spec { view: vec![crate::spec::Sourced { value: wish, origin }], ..Spec::default() };
        anchor(&mut spec, &HostPath::absolute("/p"));
        spec.view.remove(0).value
    }

    #[test]
    fn only_relative_paths_are_moved() {
        let anchored =
            |path: &str| anchored(path.as_bytes(), &HostPath::absolute("/p")).to_string();
        assert_eq!(anchored("a/../b"), "/p/b");
        assert_eq!(anchored("."), "/p");
        assert_eq!(anchored("~x"), "/p/~x");
        for stays in ["/a", "~", "~/a"] {
            assert_eq!(anchored(stays), stays);
        }
    }

    #[test]
    fn the_mark_of_a_source_stays_in_front() {
        let overlay = |source: &str| ViewWish::Overlay { source: source.into(), dest: None };
        assert_eq!(moved(overlay("?a")), overlay("?/p/a"));
        assert_eq!(moved(overlay("?~/a")), overlay("?~/a"));
        assert_eq!(moved(overlay("./?a")), overlay("/p/?a"));
        assert_eq!(
            moved(ViewWish::Hide { path: "?a".into() }),
            ViewWish::Hide { path: "/p/?a".into() }
        );
    }

    #[test]
    fn the_target_of_a_link_is_text() {
        assert_eq!(
            moved(ViewWish::Symlink { target: "a".into(), dest: "b".into() }),
            ViewWish::Symlink { target: "a".into(), dest: "/p/b".into() }
        );
    }
}
