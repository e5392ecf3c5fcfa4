//! `bryo run`: one command in one sandbox.

use std::ffi::OsString;

use clap::{Arg, ArgMatches, Command};

use crate::base::{Error, Result, Text};
use crate::host::{Host, Needs, remedy};
use crate::plan::{self, Plan};
use crate::sandbox;
use crate::spec::{Layers, NetworkMode, Policy, Spec, profile};
use crate::store::{self, Found, PolicyFile};
use crate::sys::Errno;

use super::flags::switch;
use super::policy::Place;
use super::{flags, help, integrity, print};

pub(super) fn command() -> Command {
    let command = Command::new("run")
        .about("Run a command in a sandbox of its own")
        .override_usage(help::USAGE);
    add_arguments(command)
}

/// Everything that can be asked of a sandbox, and the command.
pub(super) fn add_arguments(command: Command) -> Command {
    let command = command
        .arg(switch("plan", "Print the plan as JSON and run nothing"))
        .arg(
            switch("explain", "Draw the sandbox that would be made, and run nothing")
                .conflicts_with("plan"),
        )
        .arg(
            Arg::new("policy")
                .long("policy")
                .value_name("FILE|NAME")
                .value_parser(clap::value_parser!(OsString))
                .help("Use this policy, under what the flags say"),
        )
        .arg(
            Arg::new("profile")
                .long("profile")
                .value_name("NAME")
                .help("Start from default, strict, build or shell"),
        )
        .arg(
            Arg::new("command")
                .value_name("COMMAND")
                .num_args(0..)
                .trailing_var_arg(true)
                .value_parser(clap::value_parser!(OsString))
                .help("The command and its arguments"),
        );
    flags::add_words(command)
}

/// Flags over policy over profile, and what the project's own policy takes away.
fn papers(matches: &ArgMatches) -> Result<Spec> {
    let flags = flags::spec_of(matches)?;
    let place = Place::read()?;
    let file = matches.get_one::<OsString>("policy").map(|name| place.open(name)).transpose()?;
    let policy = file.as_ref().map_or_else(|| Ok(Policy::default()), PolicyFile::parse)?;
    let profile = match matches.get_one::<String>("profile").or(policy.profile.as_ref()) {
        Some(name) => profile::load(name)?.spec,
        None => Spec::default(),
    };
    let project = project_spec(&place, file.as_ref())?;
    Ok(Layers { flags, policy: policy.spec, project, profile }.merged())
}

/// What the policy found here says, unless the user has named it: then it is the user's own word.
fn project_spec(place: &Place, named: Option<&PolicyFile>) -> Result<Spec> {
    if named.is_some_and(|file| place.is_project_policy(file)) {
        return Ok(Spec::default());
    }
    match store::consult(&place.directory, &place.directories.data)? {
        Found::Nothing => Ok(Spec::default()),
        Found::Allowed(policy) => Ok(policy.spec),
        Found::Unused(note) => {
            print::note(&note);
            Ok(Spec::default())
        }
    }
}

pub(super) fn run(matches: ArgMatches, arguments: &[OsString]) -> Result<u8> {
    let plan = plan_for(&spec_of(&matches, arguments)?)?;
    if is_only_shown(&matches) {
        return show(&matches, &plan);
    }
    // All that was asked is in the plan; the processes of the sandbox need no copy of the rest.
    drop(matches);
    launch(&plan)
}

/// Whether the plan is wanted, and no sandbox.
pub(super) fn is_only_shown(matches: &ArgMatches) -> bool {
    matches.get_flag("plan") || matches.get_flag("explain")
}

pub(super) fn show(matches: &ArgMatches, plan: &Plan) -> Result<u8> {
    if matches.get_flag("plan") {
        print::json(plan)?;
    } else {
        print::answer(plan::explain(plan).trim_end());
    }
    Ok(0)
}

/// Runs the plan to its end; the exit status.
pub(super) fn launch(plan: &Plan) -> Result<u8> {
    for warning in &plan.warnings {
        print::warning(warning);
    }
    let ended = sandbox::launch(plan);
    print::a_command_has_written();
    let outcome = ended.outcome.map_err(with_remedy);
    if let Ok(outcome) = &outcome {
        if let Some(excess) = outcome.excess.filter(|_| !outcome.timed_out) {
            print::error(&excess.told());
        }
        if let Some(usage) = outcome.usage {
            print::stats(&usage.to_string());
        }
    }
    integrity::tell(&ended.integrity);
    let status = outcome?.exit_status();
    ended.integrity.verdict()?;
    Ok(status)
}

/// All that was asked.
pub(super) fn spec_of(matches: &ArgMatches, arguments: &[OsString]) -> Result<Spec> {
    let mut spec = papers(matches)?;
    let command = matches.get_many::<OsString>("command").into_iter().flatten();
    spec.command = command.map(|word| Text::from(word.clone())).collect();
    check_network_mode_is_attached(arguments, &spec.command)?;
    Ok(spec)
}

pub(super) fn plan_for(spec: &Spec) -> Result<Plan> {
    plan_by(spec, &plan::needs(spec))
}

/// The same, by needs that were added to.
pub(super) fn plan_by(spec: &Spec, needs: &Needs) -> Result<Plan> {
    let host = Host::read(needs).map_err(with_remedy)?;
    plan::resolve(spec, &host).inspect_err(|error| {
        if let Some(number) = &spec.status_fd {
            sandbox::report_failure(number.value, error);
        }
    })
}

/// A launch that fails for what the machine lacks says the same as `bryo doctor`.
fn with_remedy(error: Error) -> Error {
    match remedy::for_error(&error) {
        Some(remedy) => error.hint(format!("{}: {}", remedy.said, remedy.fix)),
        None if matches!(error.errno(), Some(Errno::EPERM | Errno::ENOSYS)) => {
            error.hint("`bryo doctor` tells what this machine forbids or lacks")
        }
        None => error,
    }
}

/// `--net host CMD` would run a command `host`, which many machines even have. Whoever means that
/// program writes `--net -- host`.
fn check_network_mode_is_attached(arguments: &[OsString], command: &[Text]) -> Result<()> {
    let begin = arguments.len().saturating_sub(command.len());
    let before = begin.checked_sub(1).and_then(|at| arguments.get(at));
    let word = arguments.get(begin).and_then(|word| word.to_str()).unwrap_or_default();
    if before.is_none_or(|word| word != "--net") || !NetworkMode::WORDS.contains(&word) {
        return Ok(());
    }
    let error = Error::new(format!("`{word}` behind `--net` would be the command"));
    Err(error.within("cannot use `--net`").hint(format!(
        "the value goes behind `=`: write `--net={word}`, or `--net -- {word}` for the program"
    )))
}
