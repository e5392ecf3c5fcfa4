//! Probes of files: hidden ones, read-only ones, and those that are left behind.

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::stage::INTACT;
use super::{Clues, Said, Stage, first_line};

const HOOK: &str = "work/.git/hooks/post-checkout";
const SET_UID: &str = "work/set-uid";

pub(super) fn hidden(clues: &Clues) -> Said {
    Said::of(first_line(&clues.path("hidden/secret")))
}

/// The identity of what the variable HOME names.
pub(super) fn home(_: &Clues) -> Said {
    Said::of(identity_of_home())
}

pub(super) fn is_home(_: &Stage, said: &Said) -> bool {
    identity_of_home().is_ok_and(|own| said == &Said::Reached(own))
}

fn identity_of_home() -> std::io::Result<String> {
    let home = std::env::var_os("HOME").unwrap_or_default();
    fs::metadata(home).map(|it| format!("{}:{}", it.dev(), it.ino()))
}

pub(super) fn read_only(clues: &Clues) -> Said {
    Said::of(overwrite(&clues.path("ro/file")))
}

pub(super) fn ro_changed(stage: &Stage, _: &Said) -> bool {
    is_changed(stage, "ro/file")
}

pub(super) fn stdin(_: &Clues) -> Said {
    Said::of(overwrite(Path::new("/proc/self/fd/0")))
}

pub(super) fn stdin_changed(stage: &Stage, _: &Said) -> bool {
    is_changed(stage, "stdin")
}

/// To hold it is enough, whether or not something else keeps it from being of use.
pub(super) fn descriptor(clues: &Clues) -> Said {
    let link = format!("/proc/self/fd/{}", clues.descriptor);
    Said::of(fs::read_link(link).map(|target| target.display().to_string()))
}

pub(super) fn is_leaked(stage: &Stage, said: &Said) -> bool {
    said == &Said::Reached(stage.path("hidden").display().to_string())
}

pub(super) fn set_uid(clues: &Clues) -> Said {
    let path = clues.path(SET_UID);
    let set = || {
        fs::write(&path, "")?;
        fs::set_permissions(&path, Permissions::from_mode(0o4755)).map(|()| "set")
    };
    Said::of(set())
}

pub(super) fn is_set_uid(stage: &Stage, _: &Said) -> bool {
    fs::metadata(stage.path(SET_UID)).is_ok_and(|it| it.mode() & 0o6000 != 0)
}

pub(super) fn git_hook(clues: &Clues) -> Said {
    Said::of(fs::write(clues.path(HOOK), "").map(|()| "written"))
}

pub(super) fn has_hook(stage: &Stage, _: &Said) -> bool {
    stage.path(HOOK).exists()
}

fn overwrite(path: &Path) -> std::io::Result<&'static str> {
    OpenOptions::new().write(true).open(path)?.write_all(b"ESCAPED").map(|()| "written")
}

fn is_changed(stage: &Stage, below: &str) -> bool {
    !fs::read_to_string(stage.path(below)).is_ok_and(|content| content == INTACT)
}
