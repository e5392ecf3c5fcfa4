//! `bryo doctor`: what this machine gives a sandbox, and what would give the rest.

use std::ffi::OsString;
use std::fmt::Write;

use clap::{Arg, ArgMatches, Command};

use crate::base::{Error, Result, Text};
use crate::host::findings::{Examination, Finding, State, examine};

use super::flags::switch;
use super::{print, self_test};

/// `bryo run` would fail here. Not 125: doctor itself has done its work.
const SICK: u8 = 1;

/// The profile as it is shipped, for the places in which bryo is installed.
const PROFILE: &str = include_str!("../../scripts/apparmor/bryo");

/// Where it attaches: to any of those places.
const INSTALLED: &str = "profile bryo @{bryo} ";

pub(super) fn command() -> Command {
    Command::new("doctor")
        .about("Tell what works on this machine, and how to get the rest")
        .after_help("Exit status: 0 if `bryo run` works here and holds, 1 if it does not.")
        .arg(switch("json", "Answer in JSON"))
        .arg(
            switch(
                "apparmor-profile",
                "Print the AppArmor profile that Ubuntu 24.04 wants for this program",
            )
            .conflicts_with("json"),
        )
        .arg(
            switch("self-test", "Attack a sandbox from inside, and tell what came through")
                .conflicts_with("apparmor-profile"),
        )
        .arg(
            Arg::new("flags")
                .value_name("FLAGS")
                .num_args(1..)
                .last(true)
                .requires("self-test")
                .value_parser(clap::value_parser!(OsString))
                .help("Test the sandbox that these flags of `bryo run` make"),
        )
}

pub(super) fn doctor(matches: &ArgMatches) -> Result<u8> {
    if matches.get_flag("self-test") {
        let flags = matches.get_many::<OsString>("flags").into_iter().flatten().cloned();
        return self_test::run(&flags.collect::<Vec<_>>(), matches.get_flag("json"));
    }
    if matches.get_flag("apparmor-profile") {
        print::answer(profile_for_this_program()?.trim_end());
        return Ok(0);
    }
    let examination = examine();
    if matches.get_flag("json") {
        print::json(&examination)?;
    } else {
        print::answer(drawn(&examination).trim_end());
    }
    Ok(if examination.runs { 0 } else { SICK })
}

/// The shipped profile; for a bryo that lies elsewhere, with its own path.
fn profile_for_this_program() -> Result<String> {
    let cannot = |why: String| Error::new(why).within("cannot tell where this program is");
    let program = std::env::current_exe().map_err(|e| cannot(e.to_string()))?;
    let path = program.to_str().ok_or_else(|| cannot("its path is not UTF-8".to_owned()))?;
    if is_installed(path) {
        return Ok(PROFILE.to_owned());
    }
    // In AppArmor's quotes the rest of its pattern letters are escaped (apparmor.d(5)).
    let quoted = path.chars().fold(String::new(), |mut quoted, letter| {
        if "\"\\*?[]{}^@".contains(letter) {
            quoted.push('\\');
        }
        quoted.push(letter);
        quoted
    });
    Ok(PROFILE.replace(INSTALLED, &format!("profile bryo \"{quoted}\" ")))
}

fn is_installed(path: &str) -> bool {
    matches!(path, "/usr/bin/bryo" | "/usr/local/bin/bryo")
        || path
            .strip_prefix("/home/")
            .and_then(|rest| rest.split_once('/'))
            .is_some_and(|(_, below)| below == ".local/bin/bryo")
}

/// For a person: a line a finding, its fix below it, and what follows from all of them.
fn drawn(examination: &Examination) -> String {
    let Examination { kernel, user, uid, findings, abilities, runs } = examination;
    let mut text = format!("bryo on Linux {}, as {user} (uid {uid})\n\n", Text::from(&**kernel));
    let width = findings.iter().map(|it| it.topic.len()).max().unwrap_or(0);
    for finding in findings {
        draw_finding(&mut text, finding, width);
    }
    for (works, title) in [(true, "works here"), (false, "does not work here")] {
        let these: Vec<_> = abilities.iter().filter(|it| it.works == works).collect();
        let width = these.iter().map(|it| it.command.len()).max().unwrap_or(0);
        for (index, ability) in these.into_iter().enumerate() {
            if index == 0 {
                let _ = write!(text, "\n{title}:\n");
            }
            let _ = writeln!(text, "  {:width$}  {}", ability.command, ability.said);
        }
    }
    if !runs {
        text.push_str("\nno sandbox can be made here until the above is put right\n");
    }
    text
}

fn draw_finding(text: &mut String, finding: &Finding, width: usize) {
    let mark = match finding.state {
        State::Works => "ok",
        State::Degraded => "part",
        State::Missing => "no",
    };
    let _ = writeln!(text, "  {mark:4}  {:width$}  {}", finding.topic, finding.said);
    if let Some(fix) = &finding.fix {
        let _ = writeln!(text, "  {:4}  {:width$}  fix: {fix}", "", "");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_profile_names_its_places_once() {
        assert_eq!(PROFILE.matches(INSTALLED).count(), 1);
        assert!(is_installed("/home/ada/.local/bin/bryo"));
        assert!(!is_installed("/home/ada/x/.local/bin/bryo"));
        assert!(!is_installed("/tmp/bryo"));
    }

    #[test]
    fn a_machine_without_sandboxes_says_so_last() {
        let finding = Finding {
            topic: "user namespaces",
            state: State::Missing,
            said: "closed".to_owned(),
            fix: Some("open them".to_owned()),
        };
        let text = drawn(&Examination {
            kernel: "6".to_owned(),
            user: "ada".to_owned(),
            uid: 1,
            findings: vec![finding],
            abilities: Vec::new(),
            runs: false,
        });
        assert_eq!(
            text,
            "bryo on Linux 6, as ada (uid 1)\n\n  no    user namespaces  closed\n                         fix: open them\n\nno sandbox can be made here until the above is put right\n"
        );
    }
}
