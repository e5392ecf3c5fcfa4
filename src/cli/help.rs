//! How `bryo run` and `bryo try` explain themselves: one section a group of flags, each fitting a
//! screen of 24 lines by 80 columns. The words come from the arguments themselves, so none can be
//! forgotten here.

use std::ffi::OsString;
use std::fmt::Write;
use std::os::fd::AsFd;

use clap::{Arg, ArgAction, Command};

use crate::sys::terminal;

/// Where the explanation of a flag begins.
const COLUMN: usize = 30;

/// The heading of flags that are no words of a policy.
const OPTIONS: &str = "Options";

/// What the help of a verb says besides its flags.
pub(super) struct Page {
    about: &'static str,
    after: &'static str,
    examples: &'static str,
}

pub(super) const RUN: Page = Page {
    about: "Run COMMAND in a sandbox of its own, as an ordinary user.\n\n\
        With no flag at all, COMMAND sees the system's programs, read-only; a home and a /tmp that \
        are empty and gone afterwards; and the working directory, writable. It has no network, an \
        environment of a few harmless variables, and no privilege, and it ends when bryo ends. \
        Flags that show files apply in the order given: later ones win.",
    after: "`bryo run --help` adds examples. bryo(1) tells all.",
    examples: "\
Examples:
  bryo run -- ./install.sh                no network, no home: untrusted scripts
  bryo run --profile build -- make        with network and the usual caches
  bryo run --root --rootfs ./debian -- apt-get install -y jq
  bryo run --overlay . -- ./migrate       real files, changes thrown away
  bryo run -p 8080:8000 -- python3 -m http.server
  bryo run --explain -- make              draw the sandbox, run nothing

Exit status: the command's own; 128+n killed by signal n; 124 out of time;
125 bryo failed; 126 cannot execute; 127 not found.

bryo(1) and bryo-policy(5) tell all; `bryo doctor`, what works on this machine.",
};

pub(super) const TRY: Page = Page {
    about: "Run COMMAND on your real files, and change none of them.\n\n\
        It is `bryo run` with the working directory under an overlay: what COMMAND writes there is \
        kept under a name. At the end you are asked what is to become of it, and later `bryo diff`, \
        `bryo apply` and `bryo discard` do the same. It has no network unless you give it one: \
        `--net`, or `--profile build` with the usual caches.",
    after: "`bryo try --help` adds examples. bryo(1) tells all.",
    examples: "\
Examples:
  bryo try --profile build -- npm install     with network and the usual caches
  bryo try --home overlay -- ./install.sh     the real home too, without secrets
  bryo try --root --system -- make install    and /usr, /etc and /opt
  bryo try --apply-if-success -- make format  ask nothing

Afterwards:
  bryo diff NAME                              what it changed
  bryo apply NAME src                         carry a part over, or all of it
  bryo undo NAME                              take that back
  bryo discard NAME                           throw the rest away

Exit status: the command's own, as with `bryo run`; 125 if an apply failed.",
};

pub(super) const USAGE: &str = "bryo run [FLAGS] [--] COMMAND [ARGS]…";

pub(super) const TRY_USAGE: &str = "bryo try [FLAGS] [--] COMMAND [ARGS]…";

/// `bryo help VERB` as `bryo VERB --help`.
pub(super) fn asked_by_verb(mut arguments: Vec<OsString>) -> Vec<OsString> {
    if arguments.get(1).is_some_and(|verb| verb == "help") {
        arguments.remove(1);
        arguments.push("--help".into());
    }
    arguments
}

/// Whether the words may ask for help. Laying it out costs a start half as much as reading the
/// command line does, so that is left out otherwise.
pub(super) fn is_asked(arguments: &[OsString]) -> bool {
    arguments.iter().any(|word| word == "-h" || word == "--help")
}

/// Gives the command its help, laid out for this terminal.
pub(super) fn explained(command: Command, page: &Page) -> Command {
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{}{{after-help}}",
        sections(&command, columns())
    );
    command
        .long_about(page.about)
        .after_help(page.after)
        .after_long_help(page.examples)
        .help_template(template)
}

/// The width to write for: that of the terminal, as far as lines of it are read with ease.
pub(super) fn columns() -> usize {
    terminal::columns(std::io::stdout().as_fd()).unwrap_or(80).clamp(60, 100)
}

fn sections(command: &Command, width: usize) -> String {
    let mut headings: Vec<&str> = Vec::new();
    let is_shown = |arg: &&Arg| !arg.is_positional() && !arg.is_hide_set();
    let flags = || command.get_arguments().filter(is_shown);
    for heading in flags().map(heading_of) {
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    let help = format!("{:<COLUMN$}Print this; --help adds examples\n", "  -h, --help");
    let section = |heading: &&str| {
        let entries = flags().filter(|arg| heading_of(arg) == *heading);
        let entries: String = entries.map(|arg| entry(arg, width)).collect();
        let help = if *heading == OPTIONS { help.as_str() } else { "" };
        format!("{heading}:\n{entries}{help}")
    };
    headings.iter().map(section).collect::<Vec<_>>().join("\n")
}

fn heading_of(arg: &Arg) -> &str {
    arg.get_help_heading().unwrap_or(OPTIONS)
}

/// One flag: its spelling, and beside it, or below if it is long, what it does.
fn entry(arg: &Arg, width: usize) -> String {
    let flag = spelling(arg);
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let mut text = format!("{flag:<COLUMN$}");
    if flag.chars().count() + 2 > COLUMN {
        text = format!("{flag}\n{:COLUMN$}", "");
    }
    for (index, line) in wrapped(&help, width - COLUMN).iter().enumerate() {
        let indent = if index == 0 { 0 } else { COLUMN };
        let _ = writeln!(text, "{:indent$}{line}", "");
    }
    text
}

fn spelling(arg: &Arg) -> String {
    let short = arg.get_short().map_or_else(|| "    ".to_owned(), |letter| format!("-{letter}, "));
    let long = arg.get_long().unwrap_or_default();
    let value = arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
    let value = match (value, arg.get_action()) {
        (None, _) | (_, ArgAction::SetTrue) => String::new(),
        (Some(value), _) if arg.is_require_equals_set() => format!("[={value}]"),
        (Some(value), _) => format!(" {value}"),
    };
    format!("  {short}--{long}{value}")
}

/// At least one line, none wider than asked unless a single word is.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last().map_or(0, |line| line.chars().count());
        match lines.last_mut() {
            Some(line) if last == 0 => line.push_str(word),
            Some(line) if last + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{run, r#try};

    #[test]
    fn each_group_fits_a_screen() {
        for (width, command) in [80, 100]
            .into_iter()
            .flat_map(|width| [run::command(), r#try::command()].map(|command| (width, command)))
        {
            let text = sections(&command, width);
            for section in text.split("\n\n") {
                assert!(section.lines().count() <= 24, "{section}");
                assert!(section.lines().all(|line| line.chars().count() <= width), "{section}");
            }
        }
    }

    #[test]
    fn a_long_text_is_broken_between_words() {
        assert_eq!(wrapped("aa bb cc", 5), ["aa bb", "cc"]);
        assert_eq!(wrapped("aaaaaaaa b", 5), ["aaaaaaaa", "b"]);
        assert_eq!(wrapped("", 5), [""]);
    }
}
