//! `bryo run`: one command in one sandbox.

use std::ffi::OsString;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::base::{Error, Result, Text};
use crate::host::Host;
use crate::plan;
use crate::sandbox;

use super::{flags, print};

pub(super) fn command() -> Command {
    let command = Command::new("run")
        .about("Run a command in a sandbox of its own")
        .arg(
            Arg::new("plan")
                .long("plan")
                .action(ArgAction::SetTrue)
                .help("Print the plan as JSON and run nothing"),
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

pub(super) fn run(matches: &ArgMatches) -> Result<u8> {
    let mut spec = flags::spec_of(matches)?;
    spec.command = matches
        .get_many::<OsString>("command")
        .into_iter()
        .flatten()
        .map(|word| Text::from(word.clone()))
        .collect();
    let host = Host::read(&plan::needs(&spec));
    let plan = plan::resolve(&spec, &host)?;
    if matches.get_flag("plan") {
        let json = serde_json::to_string_pretty(&plan).map_err(|e| Error::new(e.to_string()))?;
        print::answer(&json);
        return Ok(0);
    }
    for warning in &plan.warnings {
        print::warning(warning);
    }
    Ok(sandbox::launch(&plan)?.exit_status())
}
