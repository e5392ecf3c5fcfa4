//! The payload, before it is the user's program. Who am I here: pid 2 inside, a copy of init in
//! the finished view, with init's capabilities until I give them up. Init waits for my end.

use crate::base::{Context, Error, ExitCode, Result};
use crate::plan::Plan;
use crate::sys::memory::SharedNumber;
use crate::sys::{Errno, file, process, signal};

use super::command::{Attempt, Refusal};
use super::confine::{self, Prepared};
use super::terminal::Inside;
use super::wire::{Report, Wire};
use super::{identity, limits};

/// Returns only when the command could not be executed: the status to exit with. What the kernel
/// refused at the very end is left in `refusal`, for init to tell.
pub(super) fn run(
    plan: &Plan,
    wire: &Wire,
    terminal: Option<&Inside>,
    confinement: &Prepared<'_>,
    refusal: &SharedNumber,
) -> u8 {
    match execute(plan, wire, terminal, confinement) {
        Ok(refused) => refusal.set(refused.encoded()),
        Err(error) => {
            let error = error.explained("cannot prepare the command");
            // A wire that cannot carry it has lost its caller, and all of us end with it.
            let _ = wire.send(&Report::Failed(error));
        }
    }
    ExitCode::Failed.number()
}

/// Returns only the reason why the command does not run.
fn execute(
    plan: &Plan,
    wire: &Wire,
    terminal: Option<&Inside>,
    confinement: &Prepared<'_>,
) -> Result<Refusal> {
    process::set_process_group(0)?;
    if let Some(terminal) = terminal {
        terminal.become_the_streams().context(|| "cannot use the terminal".to_owned())?;
    }
    let keyring = confine::leave_keyring(plan)?;
    identity::become_payload(&plan.identity)?;
    limits::rlimits::set(plan)?;
    enter_workdir(plan)?;
    give_signals_back()?;
    close_descriptors(plan)?;
    let attempt = Attempt::prepare(plan);
    confinement.enter_fence()?;
    confinement.report(plan, keyring, wire)?;
    confinement.load_filter()?;
    Ok(attempt.execute())
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
