//! The command line: one file a verb. A verb turns its flags into a Spec and its answer into text;
//! only `print` speaks.

mod apply;
mod changes;
mod completions;
mod diff;
mod discard;
mod doctor;
mod flags;
mod help;
mod integrity;
mod keyboard;
mod named;
pub mod policy;
mod print;
mod progress;
mod run;
mod selection;
mod self_test;
mod stack;
mod r#try;
mod usage;

use std::ffi::OsString;

use clap::ArgMatches;

use crate::base::{ExitCode, Result};

/// Carries out a command line; the exit status.
#[must_use]
pub fn main(arguments: Vec<OsString>) -> u8 {
    if let Some((_, words)) =
        arguments.split_first_chunk::<2>().filter(|(it, _)| it[1] == self_test::VERB)
    {
        return self_test::be_probe(words);
    }
    let arguments = help::asked_by_verb(arguments);
    let command_line = match help::is_asked(&arguments) {
        true => command()
            .mut_subcommand("run", |run| help::explained(run, &help::RUN))
            .mut_subcommand("try", |r#try| help::explained(r#try, &help::TRY)),
        false => command(),
    };
    let result = match command_line.try_get_matches_from(&arguments) {
        Ok(matches) => carry_out(matches, &arguments),
        Err(error) if error.use_stderr() => {
            let verb = arguments.get(1).and_then(|word| word.to_str());
            Err(usage::error(&error, verb.filter(|it| command().find_subcommand(it).is_some())))
        }
        Err(help) => {
            print::help(&help);
            Ok(0)
        }
    };
    crate::store::outsider::end();
    result
        .and_then(|status| print::check_is_whole().map(|()| status))
        .unwrap_or_else(|error| print::error(&error))
}

fn carry_out(mut matches: ArgMatches, arguments: &[OsString]) -> Result<u8> {
    match matches.remove_subcommand() {
        Some((verb, matches)) => match verb.as_str() {
            "run" => run::run(matches, arguments),
            "try" => r#try::run(&matches, arguments),
            "apply" => apply::run(&matches),
            "diff" => diff::run(&matches),
            "undo" => apply::undo(&matches),
            "changes" => changes::run(&matches),
            "discard" => discard::run(&matches),
            "policy" => policy(&matches),
            "doctor" => doctor::doctor(&matches),
            "completions" => completions::run(&matches, command()),
            _ => {
                print::answer(&format!("bryo {}", env!("CARGO_PKG_VERSION")));
                Ok(0)
            }
        },
        // clap does not return without a verb.
        None => Ok(ExitCode::Failed.number()),
    }
}

fn command() -> clap::Command {
    verbs(clap::Command::new("bryo"))
        .about("Run any program in a private machine made of Linux namespaces, as an ordinary user")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .term_width(help::columns())
        .after_help(
            "`bryo run -- bash` is a shell in a sandbox, `bryo try -- bash` one that changes no file \
             until you say so; `bryo VERB --help` tells the rest",
        )
        .subcommand(run::command())
        .subcommand(r#try::command())
        .subcommand(changes::command())
        .subcommand(diff::command())
        .subcommand(apply::command())
        .subcommand(apply::undo_command())
        .subcommand(discard::command())
        .subcommand(policy_command())
        .subcommand(doctor::command())
        .subcommand(completions::command())
        .subcommand(clap::Command::new("version").about("Print the version"))
}

/// Says it in our word.
fn verbs(command: clap::Command) -> clap::Command {
    command.subcommand_value_name("VERB").subcommand_help_heading("Verbs")
}

fn policy_command() -> clap::Command {
    let file =
        |name| clap::Arg::new("file").value_name(name).value_parser(clap::value_parser!(OsString));
    verbs(clap::Command::new("policy"))
        .about("See policies, and allow the one of a project")
        .after_help(
            "bryo-policy(5) tells what a policy may say, and why a project's must be allowed",
        )
        .subcommand_required(true)
        .subcommand(
            clap::Command::new("allow")
                .about("Use the bryo.toml of this directory until it changes")
                .arg(file("FILE").help("That of another directory")),
        )
        .subcommand(
            clap::Command::new("forget")
                .about("Use it no longer")
                .arg(file("FILE").help("That of another directory, which may be gone")),
        )
        .subcommand(
            clap::Command::new("list")
                .about("Name the profiles, your policies, and what you allowed")
                .arg(flags::switch("json", "As JSON")),
        )
        .subcommand(
            clap::Command::new("show")
                .about("Print a profile, a policy, or the bryo.toml of this directory")
                .arg(file("NAME|FILE").help("A profile, a policy of yours, or a file")),
        )
}

fn policy(matches: &ArgMatches) -> Result<u8> {
    let place = policy::Place::read()?;
    let Some((verb, matches)) = matches.subcommand() else { return Ok(ExitCode::Failed.number()) };
    let file = || matches.get_one::<OsString>("file").map(OsString::as_os_str);
    let answer = match verb {
        "allow" => policy::allow(file(), &place)?,
        "forget" => policy::forget(file(), &place)?,
        "show" => policy::show(file(), &place)?,
        _ => {
            let list = policy::list(&place)?;
            if matches.get_flag("json") {
                return print::json(&list).map(|()| 0);
            }
            list.to_string()
        }
    };
    print::answer(answer.trim_end());
    Ok(0)
}
