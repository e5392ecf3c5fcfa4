//! One wish for the view becomes one step, or is refused with its reason.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::base::{BoxPath, Error, HostPath, Result, Text};
use crate::host::PathFact;
use crate::plan::view::Layer;
use crate::spec::{Access, FileContent, Origin, Sourced, ViewWish};

use super::defaults::{self, without_question_mark};
use super::repository;
use super::view::Builder;

pub(super) fn grant(view: &mut Builder<'_>, wish: &Sourced<ViewWish>) -> Result<()> {
    if rests_on_working_directory(wish) && !view.shows_working_directory {
        return Ok(());
    }
    // `bryo try` asks for an overlay of the working directory, which has one.
    if let (Origin::Verb(_), Some(cwd)) = (&wish.origin, &view.host.cwd)
        && view.is_in_overlaid_home(cwd)?
    {
        return Ok(());
    }
    let step = layer(view, &wish.value)
        .and_then(|step| check_project(view, &wish.origin, step))
        .map_err(|e| e.within(format!("cannot use `{}`", wish.origin)))?;
    let Some((at, layer)) = step else { return Ok(()) };
    let shown_writable = match &layer {
        Layer::Bind { source, access: Access::ReadWrite } => Some(source.clone()),
        _ => None,
    };
    view.add(at.clone(), layer, &wish.origin);
    if let (Some(source), Some(cwd)) = (shown_writable, &view.host.cwd)
        && cwd.is_within(&source)
    {
        repository::protect(view, &source, &at);
    }
    Ok(())
}

/// A profile says `.` for whatever working directory the sandbox shows, and a project's policy
/// speaks of nothing else: neither may be what shows one that was left out, such as the home of a
/// caller who starts elsewhere.
fn rests_on_working_directory(wish: &Sourced<ViewWish>) -> bool {
    let (ViewWish::Bind { source, .. } | ViewWish::Overlay { source, .. }) = &wish.value else {
        return false;
    };
    match wish.origin {
        Origin::Project { .. } => true,
        Origin::Profile { .. } => without_question_mark(source).0 == Text::from("."),
        Origin::Flag(_) | Origin::Verb(_) | Origin::Policy { .. } => false,
    }
}

/// A policy found in the working directory shows nothing from elsewhere, by a link neither. What
/// is judged here is the path that is opened later without following any.
fn check_project(
    view: &Builder<'_>,
    origin: &Origin,
    step: Option<(BoxPath, Layer)>,
) -> Result<Option<(BoxPath, Layer)>> {
    let source = match &step {
        Some((_, Layer::Bind { source, .. } | Layer::Overlay { lower: source, .. })) => source,
        _ => return Ok(step),
    };
    let cwd = view.host.cwd.as_ref().and_then(|cwd| view.host.paths.of(cwd).real());
    if matches!(origin, Origin::Project { .. }) && !cwd.is_some_and(|cwd| source.is_within(cwd)) {
        return Err(Error::new(format!(
            "it leads to `{source}`, outside of the working directory"
        ))
        .hint("a policy found in the working directory may show nothing else"));
    }
    Ok(step)
}

/// Where and what; `None` if the source may be missing and is.
fn layer(view: &mut Builder<'_>, wish: &ViewWish) -> Result<Option<(BoxPath, Layer)>> {
    match wish {
        ViewWish::Bind { source, dest, access } => {
            let Some((path, real)) = source_of(view, source)? else { return Ok(None) };
            let at = dest_or_same(view, dest.as_ref(), &path)?;
            Ok(Some((at, Layer::Bind { source: real, access: *access })))
        }
        ViewWish::Overlay { source, dest } => {
            let Some((path, real)) = source_of(view, source)? else { return Ok(None) };
            let at = dest_or_same(view, dest.as_ref(), &path)?;
            if !matches!(view.host.paths.of(&path), PathFact::Directory { .. }) {
                return Err(Error::new(format!("`{path}` is not a directory")));
            }
            let upper = view.uppers.next(&real);
            Ok(Some((at, Layer::Overlay { lower: real, upper })))
        }
        ViewWish::Tmpfs { dest: at, size, mode } => {
            let size = size.unwrap_or_else(|| defaults::tmpfs_size(view.host.kernel.memory));
            let mode = mode.unwrap_or(0o755);
            Ok(Some((free_dest(view, at)?, Layer::Tmpfs { size, mode })))
        }
        ViewWish::Hide { path } => Ok(Some((free_dest(view, path)?, Layer::Hidden))),
        ViewWish::File { dest: at, content } => {
            let at = free_dest(view, at)?;
            let content = content_of(view, content)?;
            Ok(Some((at, Layer::File { content, mode: 0o644 })))
        }
        ViewWish::Symlink { target, dest: at } => {
            let layer = Layer::Symlink { target: target.clone() };
            Ok(Some((free_dest(view, at)?, layer)))
        }
        ViewWish::Device { name } => device(view, name),
    }
}

fn source_of(view: &Builder<'_>, typed: &Text) -> Result<Option<(HostPath, HostPath)>> {
    let (typed, optional) = without_question_mark(typed);
    let path = view.host_path(&typed)?;
    match view.host.paths.of(&path) {
        PathFact::Directory { real } | PathFact::File { real } | PathFact::Special { real } => {
            Ok(Some((path, real.clone())))
        }
        PathFact::Missing if optional => Ok(None),
        PathFact::Missing => Err(Error::new(format!("`{path}` does not exist"))),
        PathFact::DanglingLink(_) if optional => Ok(None),
        PathFact::DanglingLink(target) => {
            Err(Error::new(format!("`{path}` is a link to `{target}`, which does not exist")))
        }
        PathFact::Forbidden => Err(Error::new(format!("you may not look at `{path}`"))),
    }
}

/// A path inside: absolute, in the home inside, or in the working directory.
pub(super) fn dest(view: &Builder<'_>, typed: &Text) -> Result<BoxPath> {
    let bytes = typed.as_bytes();
    if bytes == b"~" || bytes.starts_with(b"~/") {
        let slashes = bytes[1..].iter().take_while(|b| **b == b'/').count();
        return Ok(view.identity.home.join(OsStr::from_bytes(&bytes[1 + slashes..])));
    }
    if let Some(path) = BoxPath::parse(typed.as_os_str()) {
        return Ok(path);
    }
    if view.spec.rootfs.is_some() {
        return Err(Error::new(format!("`{typed}` is not absolute"))
            .hint("with `--rootfs`, paths inside begin at its `/`"));
    }
    Ok(view.host_path(typed)?.same_inside())
}

fn free_dest(view: &Builder<'_>, typed: &Text) -> Result<BoxPath> {
    let at = dest(view, typed)?;
    check_free(&at)?;
    Ok(at)
}

fn dest_or_same(view: &Builder<'_>, typed: Option<&Text>, source: &HostPath) -> Result<BoxPath> {
    match typed {
        Some(typed) => free_dest(view, typed),
        None => {
            let at = source.same_inside();
            check_free(&at)?;
            Ok(at)
        }
    }
}

fn check_free(at: &BoxPath) -> Result<()> {
    if at.is_root() {
        return Err(Error::new("`/` is what all the rest stands on")
            .hint("a whole root file system goes to `--rootfs DIR`"));
    }
    if at.is_within(&BoxPath::fixed("/proc")) {
        return Err(Error::new(format!(
            "`{at}` is in /proc, which must be the kernel's own for what bryo reads there to be true"
        )));
    }
    Ok(())
}

fn content_of(view: &Builder<'_>, content: &FileContent) -> Result<Text> {
    match content {
        FileContent::Written(text) => Ok(text.clone()),
        FileContent::CopiedFrom(typed) => {
            let path = view.host_path(typed)?;
            match view.host.contents.get(&path) {
                Some(Ok(bytes)) => Ok(Text::from(OsStr::from_bytes(bytes))),
                Some(Err(why)) => {
                    Err(Error::new(why.clone()).within(format!("cannot read `{path}`")))
                }
                None => Err(Error::new(format!("cannot read `{path}`"))),
            }
        }
    }
}

fn device(view: &Builder<'_>, name: &Text) -> Result<Option<(BoxPath, Layer)>> {
    let path = HostPath::absolute("/dev").join(name.as_os_str());
    match view.host.paths.of(&path) {
        PathFact::Special { real } => {
            Ok(Some((path.same_inside(), Layer::Device { source: real.clone() })))
        }
        PathFact::Directory { real } => {
            Ok(Some((path.same_inside(), Layer::Device { source: real.clone() })))
        }
        PathFact::Forbidden => Err(Error::new(format!("you may not look at `{path}`"))),
        _ => Err(Error::new(format!("`{path}` is not a device"))),
    }
}
