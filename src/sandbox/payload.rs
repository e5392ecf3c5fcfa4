//! The payload, before it is the user's program. Who am I here: pid 2 inside, a copy of init in
//! the finished view, with init's capabilities until I give them up. Init waits for my end.

use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::base::{Context, Error, ExitCode, Result};
use crate::plan::Plan;
use crate::sys::{Errno, file, process, signal};

use super::interpreter::{self, Unfit};
use super::terminal::Inside;
use super::wire::{Report, Wire};
use super::{identity, limits};

/// Returns only when the command could not be executed: the status to exit with.
pub(super) fn run(plan: &Plan, wire: &Wire, terminal: Option<&Inside>) -> u8 {
    let report = match execute(plan, terminal) {
        Err(error) => Report::Failed(error),
        Ok(Unfit { error, missing: None }) => Report::Failed(error),
        Ok(Unfit { error, missing: Some(path) }) => {
            Report::Missing { error, path: path.as_os_str().as_bytes().to_vec() }
        }
    };
    // A wire that cannot carry it has lost its caller, and all of us end with it.
    let _ = wire.send(&report);
    ExitCode::Failed.number()
}

/// Returns only the reason why the command does not run.
fn execute(plan: &Plan, terminal: Option<&Inside>) -> Result<Unfit> {
    process::set_process_group(0)?;
    if let Some(terminal) = terminal {
        terminal.become_the_streams().context(|| "cannot use the terminal".to_owned())?;
    }
    identity::become_payload(&plan.identity)?;
    limits::rlimits::set(plan)?;
    enter_workdir(plan)?;
    give_signals_back()?;
    close_descriptors(plan)?;
    Ok(exec(plan))
}

fn enter_workdir(plan: &Plan) -> Result<()> {
    let workdir = &plan.view.workdir;
    file::change_directory(workdir.as_path()).map_err(|e| {
        let missing = e.errno == Errno::ENOENT;
        let error = Error::from(e).within(format!("cannot start in `{workdir}`"));
        if missing {
            error.hint(format!("show it to the sandbox with `--rw {workdir}` or `--ro {workdir}`"))
        } else {
            error
        }
    })
}

/// Blocked signals and an ignored SIGPIPE are bryo's (and Rust's) own; a program expects neither.
fn give_signals_back() -> Result<()> {
    signal::set_default(signal::SIGPIPE)?;
    Ok(signal::unblock_all()?)
}

fn close_descriptors(plan: &Plan) -> Result<()> {
    process::close_on_exec_from(3)?;
    for fd in &plan.pass_descriptors {
        process::keep_across_exec(*fd).context(|| format!("cannot pass descriptor {fd}"))?;
    }
    Ok(())
}

fn exec(plan: &Plan) -> Unfit {
    let argv: Vec<CString> =
        plan.command.iter().filter_map(|word| string(word.as_bytes())).collect();
    let environment: Vec<CString> = plan
        .environment
        .iter()
        .filter_map(|(key, value)| string(&[key.as_bytes(), b"=", value.as_bytes()].concat()))
        .collect();
    let mut unfit = None;
    for candidate in candidates(plan) {
        let Some(path) = string(candidate.as_os_str().as_bytes()) else { continue };
        let mut errno = process::execve(&path, &argv, &environment).errno;
        if errno == Errno::ENOEXEC && interpreter::is_plain_text(&candidate) {
            errno = exec_by_shell(path, &argv, &environment);
        }
        match errno {
            Errno::ENOENT | Errno::ENOTDIR | Errno::ENAMETOOLONG if !candidate.exists() => {}
            // A file of that name that may not be executed: another directory may hold a better one.
            Errno::EACCES => {
                unfit.get_or_insert_with(|| interpreter::why_unfit(&candidate, errno));
            }
            _ => return interpreter::why_unfit(&candidate, errno),
        }
    }
    unfit.unwrap_or_else(|| not_found(plan))
}

/// As execvp(3) does with a text that does not say what it is for.
fn exec_by_shell(script: CString, argv: &[CString], environment: &[CString]) -> Errno {
    let arguments = argv.iter().skip(1).cloned();
    let argv: Vec<CString> = [c"/bin/sh".to_owned(), script].into_iter().chain(arguments).collect();
    match process::execve(c"/bin/sh", &argv, environment).errno {
        Errno::ENOENT => Errno::ENOEXEC,
        errno => errno,
    }
}

fn string(bytes: &[u8]) -> Option<CString> {
    CString::new(bytes).ok()
}

fn not_found(plan: &Plan) -> Unfit {
    let program = plan.command.first().cloned().unwrap_or_default();
    let error = Error::new("no such program inside the sandbox")
        .within(format!("cannot find `{program}`"))
        .code(ExitCode::NotFound);
    Unfit { error, missing: Some(PathBuf::from(program.as_os_str())) }
}

/// The paths that the command's name may mean, as execvp(3) looks for them in the payload's PATH.
pub(super) fn candidates(plan: &Plan) -> Vec<PathBuf> {
    let Some(program) = plan.command.first() else { return Vec::new() };
    if program.as_bytes().contains(&b'/') {
        return vec![PathBuf::from(program.as_os_str())];
    }
    let path = plan.environment.iter().find(|(key, _)| key.as_bytes() == b"PATH");
    let path = path.map_or(&b""[..], |(_, value)| value.as_bytes());
    path.split(|b| *b == b':')
        .map(|directory| Path::new(OsStr::from_bytes(directory)).join(program.as_os_str()))
        .collect()
}
