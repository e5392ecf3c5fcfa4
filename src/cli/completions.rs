//! `bryo completions bash|zsh|fish`: the script for the shell, made from the same arguments as the
//! parser; and what clap cannot know: the names of kept changes, and, but for zsh, the commands to run.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command, ValueHint};
use clap_complete::Shell;

use crate::base::{Error, Result};
use crate::spec::word::Takes;
use crate::spec::{Door, profile, words};

use super::print;

const SHELLS: [(&str, Shell); 3] =
    [("bash", Shell::Bash), ("zsh", Shell::Zsh), ("fish", Shell::Fish)];

const BASH: &str = r#"
_bryo_more() {
    _bryo "$@"
    [[ $2 == -* ]] && return
    case ${COMP_WORDS[1]}:$3 in
        diff:diff | apply:apply | undo:undo | discard:discard | changes:export | try:--on | try:--stack)
            COMPREPLY=($(compgen -W "$(bryo changes --name-only)" -- "$2")) ;;
        run:run | try:try | run:-- | try:--)
            COMPREPLY=($(compgen -c -- "$2")) ;;
    esac
}
complete -F _bryo_more -o bashdefault -o default bryo"#;

const FISH: &str = r#"
complete -c bryo -n "__fish_seen_subcommand_from diff apply undo discard export" -a "(bryo changes --name-only)"
complete -c bryo -n "__fish_seen_subcommand_from run try" -a "(__fish_complete_subcommand --fcs-skip=2)""#;

const ZSH: &str = r#"
_bryo_kept() { compadd -- ${(f)"$(bryo changes --name-only)"} }
"#;

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
    print::answer(&with_names(String::from_utf8_lossy(&script).trim_end(), *shell));
    Ok(0)
}

/// For clap names are those of users: there is nothing nearer.
fn with_names(script: &str, shell: Shell) -> String {
    match shell {
        Shell::Bash => format!("{script}\n{BASH}"),
        Shell::Fish => {
            script.replace("__fish_complete_users", "bryo changes --name-only") + "\n" + FISH
        }
        _ => script.replacen("\n", ZSH, 1).replace(":_users", ":_bryo_kept"),
    }
}

/// The same command line, each value saying what it is: words to choose from, or a path. The
/// parser itself takes any bytes and leaves the judging to the words.
fn hinted(command: Command) -> Command {
    command.mut_args(with_hint).mut_subcommands(hinted)
}

fn with_hint(arg: Arg) -> Arg {
    let id = arg.get_id().as_str().to_owned();
    let shape = match words::find(&id).map(|word| word.takes) {
        Some(_) if id == "allow" => {
            return arg.value_parser(PossibleValuesParser::new(Door::ALL.map(|(_, name, _)| name)));
        }
        Some(Takes::One(shape) | Takes::Each(shape) | Takes::Maybe { value: shape, .. }) => shape,
        Some(Takes::Nothing) => return arg,
        None => {
            return match id.as_str() {
                "file" | "path" => arg.value_hint(ValueHint::AnyPath),
                "command" => arg.value_hint(ValueHint::CommandWithArguments),
                "profile" => arg.value_parser(PossibleValuesParser::new(profile::names())),
                "on" | "stack" => arg.value_hint(ValueHint::Username),
                "name" if arg.is_positional() => arg.value_hint(ValueHint::Username),
                _ => arg,
            };
        }
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
