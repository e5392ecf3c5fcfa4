//! The command line: one file a verb. A verb turns its flags into a Spec and its answer into text;
//! only `print` speaks.

mod flags;
pub mod policy;
mod print;
mod run;

use std::ffi::OsString;

/// Carries out a command line; the exit status.
#[must_use]
pub fn main(arguments: Vec<OsString>) -> u8 {
    let matches = match command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => return print::usage(&error),
    };
    let result = match matches.subcommand() {
        Some(("run", matches)) => run::run(matches),
        Some(("version", _)) => {
            print::answer(&format!("bryo {}", env!("CARGO_PKG_VERSION")));
            Ok(0)
        }
        _ => Ok(125),
    };
    result.unwrap_or_else(|error| print::error(&error))
}

fn command() -> clap::Command {
    clap::Command::new("bryo")
        .about("Run any program in a private machine made of Linux namespaces, as an ordinary user")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommand(run::command())
        .subcommand(clap::Command::new("version").about("Print the version"))
}
