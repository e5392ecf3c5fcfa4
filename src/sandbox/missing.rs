//! A program that the view lacks, looked for on the host: the caller can say how to show it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::base::{Error, Text};
use crate::plan::Plan;
use crate::sys::file;

use super::command;

/// Adds the hint that shows what is missing, if the host has it.
pub(super) fn with_its_place(error: Error, missing: &[u8], plan: &Plan) -> Error {
    let missing = Path::new(OsStr::from_bytes(missing));
    let Some(found) = on_the_host(missing, plan) else { return error };
    let path = Text::from(found.as_os_str());
    error.hint(format!("the host has it: `--ro {path}` shows `{path}` inside"))
}

fn on_the_host(missing: &Path, plan: &Plan) -> Option<PathBuf> {
    let is_a_name = !missing.as_os_str().as_bytes().contains(&b'/');
    let candidates = match is_a_name {
        true => [command::candidates(plan), in_the_callers_path(missing)].concat(),
        false => vec![plan.view.workdir.as_path().join(missing)],
    };
    candidates.into_iter().find(|path| path.is_file() && file::is_executable(path))
}

fn in_the_callers_path(name: &Path) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).filter(|it| it.is_absolute()).map(|it| it.join(name)).collect()
}
