//! `bryo completions bash|zsh|fish`: the script for the shell, made from the same arguments as the
//! parser.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command, ValueHint};
use clap_complete::Shell;

use crate::base::{Error, Result};
use crate::spec::word::Takes;
use crate::spec::words;

use super::print;

const SHELLS: [(&str, Shell); 3] =
    [("bash", Shell::Bash), ("zsh", Shell::Zsh), ("fish", Shell::Fish)];

pub(super) fn command() -> Command {
    Command::new("completions")
        .about("Print the completion script for a shell")
        .arg(
            Arg::new("shell")
                .value_name("SHELL")
                .required(true)
                .value_parser(PossibleValuesParser::new(SHELLS.map(|(name, _)| name)))
                .help("The shell to complete in"),
        )
        .after_help(
            "Where shells look for it:\n  \
             bryo completions bash > ~/.local/share/bash-completion/completions/bryo\n  \
             bryo completions zsh > a directory of $fpath, as _bryo\n  \
             bryo completions fish > ~/.config/fish/completions/bryo.fish",
        )
}

/// `whole` is the command line to complete.
pub(super) fn run(matches: &ArgMatches, whole: Command) -> Result<u8> {
    let asked = matches.get_one::<String>("shell");
    let shell = SHELLS.iter().find(|(name, _)| asked.is_some_and(|asked| asked == name));
    let Some((_, shell)) = shell else { return Err(Error::new("no shell given")) };
    let mut script = Vec::new();
    clap_complete::generate(*shell, &mut hinted(whole), "bryo", &mut script);
    print::answer(String::from_utf8_lossy(&script).trim_end());
    Ok(0)
}

/// The same command line, each value saying what it is: words to choose from, or a path. The
/// parser itself takes any bytes and leaves the judging to the words.
fn hinted(command: Command) -> Command {
    command.mut_args(with_hint).mut_subcommands(hinted)
}

fn with_hint(arg: Arg) -> Arg {
    let shape = match words::find(arg.get_id().as_str()).map(|word| word.takes) {
        Some(Takes::One(shape) | Takes::Each(shape) | Takes::Maybe { value: shape, .. }) => shape,
        Some(Takes::Nothing) => return arg,
        None if arg.get_id() == "file" => return arg.value_hint(ValueHint::AnyPath),
        None if arg.get_id() == "command" => {
            return arg.value_hint(ValueHint::CommandWithArguments);
        }
        None => return arg,
    };
    let is_choice = |part: &str| part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if shape.split('|').all(is_choice) {
        return arg.value_parser(PossibleValuesParser::new(shape.split('|')));
    }
    match shape.split(['[', ':', '|', '=']).find(|part| !is_choice(part)) {
        Some("DIR") => arg.value_hint(ValueHint::DirPath),
        Some("PATH" | "SRC" | "DEST" | "FILE") => arg.value_hint(ValueHint::AnyPath),
        _ => arg,
    }
}
