//! The payload, before it is the user's program. Who am I here: pid 2 inside, a copy of init in
//! the finished view, with init's capabilities until I give them up. Init waits for my end.

use std::convert::Infallible;
use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::base::{Context, Error, ExitCode, Result, Text};
use crate::plan::Plan;
use crate::sys::{Errno, file, process, signal};

use super::identity;
use super::wire::{Report, Wire};

/// Returns only when the command could not be executed: the status to exit with.
pub(super) fn run(plan: &Plan, wire: &Wire) -> u8 {
    let error = match execute(plan, wire) {
        Err(error) => error,
        Ok(never) => match never {},
    };
    let code = error.exit_code();
    let _ = wire.send(&Report::Failed(error));
    code.number()
}

/// Returns only the reason why the command does not run.
fn execute(plan: &Plan, wire: &Wire) -> Result<Infallible> {
    process::set_process_group(0)?;
    identity::become_payload(&plan.identity)?;
    enter_workdir(plan)?;
    give_signals_back()?;
    close_descriptors(plan)?;
    if plan.life.status_fd.is_some() {
        wire.send(&Report::Starting)?;
    }
    Err(exec(plan))
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

fn exec(plan: &Plan) -> Error {
    let program = match plan.command.first() {
        Some(program) => program.clone(),
        None => return Error::new("no command given"),
    };
    let strings = |texts: Vec<Vec<u8>>| -> Vec<CString> {
        texts.into_iter().filter_map(|bytes| CString::new(bytes).ok()).collect()
    };
    let argv = strings(plan.command.iter().map(|arg| arg.as_bytes().to_vec()).collect());
    let environment = strings(
        plan.environment
            .iter()
            .map(|(key, value)| [key.as_bytes(), b"=", value.as_bytes()].concat())
            .collect(),
    );
    let mut found = None;
    for candidate in candidates(plan, &program) {
        let Ok(path) = CString::new(candidate.as_os_str().as_bytes()) else { continue };
        let error = process::execve(&path, &argv, &environment);
        match error.errno {
            Errno::ENOENT | Errno::ENOTDIR if !Path::new(&candidate).exists() => {}
            // A file of that name that may not be executed: another directory may hold a better one.
            Errno::EACCES => {
                found.get_or_insert((candidate, error));
            }
            _ => return cannot_execute(&Text::from(candidate.into_os_string()), error.errno),
        }
    }
    match found {
        Some((path, error)) => cannot_execute(&Text::from(path.into_os_string()), error.errno),
        None => Error::new("no such program inside the sandbox")
            .within(format!("cannot find `{program}`"))
            .code(ExitCode::NotFound),
    }
}

/// The paths that a command's name may mean, as execvp(3) looks for them in the payload's PATH.
fn candidates(plan: &Plan, program: &Text) -> Vec<std::path::PathBuf> {
    if program.as_bytes().contains(&b'/') {
        return vec![Path::new(program.as_os_str()).to_path_buf()];
    }
    let path = plan.environment.iter().find(|(key, _)| key.as_bytes() == b"PATH");
    let path = path.map_or(&b""[..], |(_, value)| value.as_bytes());
    path.split(|b| *b == b':')
        .map(|directory| match directory {
            b"" => Path::new(program.as_os_str()).to_path_buf(),
            directory => Path::new(OsStr::from_bytes(directory)).join(program.as_os_str()),
        })
        .collect()
}

fn cannot_execute(path: &Text, errno: Errno) -> Error {
    Error::new(errno.to_string())
        .within(format!("cannot execute `{path}`"))
        .code(ExitCode::CannotExecute)
}
