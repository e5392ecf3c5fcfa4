//! What clap found wrong with a command line, in the form of every other error of bryo.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::base::Error;

/// The error in our words, met behind this verb. Help and version are no errors: they have been
/// answered before this.
pub(super) fn error(found: &clap::Error, verb: Option<&str>) -> Error {
    let text = |kind: ContextKind| match found.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => texts.first().cloned(),
        _ => None,
    };
    let subcommand = || text(ContextKind::InvalidSubcommand).unwrap_or_default();
    let argument = text(ContextKind::InvalidArg).map_or_else(subcommand, |arg| word(&arg));
    let value = text(ContextKind::InvalidValue).unwrap_or_default();
    let (message, meant) = match found.kind() {
        ErrorKind::UnknownArgument if !argument.starts_with('-') => {
            (format!("`{argument}` is a word too many"), None)
        }
        ErrorKind::UnknownArgument => {
            (format!("there is no flag `{argument}`"), text(ContextKind::SuggestedArg))
        }
        ErrorKind::InvalidSubcommand => {
            let here = called_here(&argument).filter(|_| verb.is_none()).map(str::to_owned);
            let meant = here.or_else(|| text(ContextKind::SuggestedSubcommand));
            (format!("there is no verb `{argument}`"), meant)
        }
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            ("no verb given".to_owned(), None)
        }
        ErrorKind::InvalidValue if value.is_empty() => {
            (format!("`{argument}` needs a value"), None)
        }
        ErrorKind::InvalidValue => {
            (format!("`{value}` is no value for `{argument}`"), text(ContextKind::SuggestedValue))
        }
        ErrorKind::NoEquals => (format!("`{argument}` takes its value behind `=`"), None),
        ErrorKind::ArgumentConflict => match text(ContextKind::PriorArg).map(|arg| word(&arg)) {
            Some(other) if other != argument => {
                (format!("`{argument}` and `{other}` do not go together"), None)
            }
            _ => (format!("`{argument}` was given twice"), None),
        },
        ErrorKind::MissingRequiredArgument => (format!("`{argument}` is missing"), None),
        _ => (first_line(found), None),
    };
    let hint = match (meant, verb) {
        (Some(meant), _) => format!("did you mean `{}`?", word(&meant)),
        (None, Some("changes")) if found.kind() == ErrorKind::InvalidSubcommand => {
            "`bryo diff NAME` shows the changes of that name".to_owned()
        }
        (None, Some(verb)) => format!("`bryo {verb} --help` lists what it takes"),
        (None, None) => "`bryo --help` lists the verbs".to_owned(),
    };
    Error::new(message).hint(hint)
}

/// What other programs call the verbs of this one.
fn called_here(verb: &str) -> Option<&'static str> {
    Some(match verb {
        "exec" | "start" | "shell" | "sh" => "run",
        "attempt" | "test" | "preview" | "sandbox" => "try",
        "list" | "ls" | "status" | "log" | "ps" => "changes",
        "show" | "review" | "view" | "inspect" => "diff",
        "commit" | "merge" | "accept" | "keep" | "install" | "save" => "apply",
        "revert" | "unapply" | "rollback" | "reset" => "undo",
        "drop" | "rm" | "remove" | "delete" | "clean" | "reject" => "discard",
        "check" | "info" => "doctor",
        _ => return None,
    })
}

/// The flag alone: clap shows it with what it takes, `--ids <auto|subids|single>`. What is no flag
/// stands in brackets, `[NAME]`.
fn word(argument: &str) -> String {
    let argument = argument.trim_start_matches(['<', '[']);
    let end = argument.find([' ', '[', '=', ']', '>']).unwrap_or(argument.len());
    argument[..end].to_owned()
}

fn first_line(found: &clap::Error) -> String {
    let text = found.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}
