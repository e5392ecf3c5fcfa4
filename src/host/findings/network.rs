//! User-mode networking: the programs that do it, and the device that they open.

use crate::base::Text;
use crate::host::{Program, Programs, answer, remedy};

use super::Finding;

pub(super) const TOPIC: &str = "user network";

pub(super) fn find(programs: &Programs) -> Finding {
    let drivers = [(&programs.slirp4netns, "slirp4netns"), (&programs.pasta, "pasta")];
    let there: Vec<String> = drivers
        .into_iter()
        .filter_map(|(program, name)| Some(version_of(program.as_ref()?, name)))
        .collect();
    if there.is_empty() {
        let fix = remedy::install("slirp4netns", "slirp4netns");
        return Finding::missing(TOPIC, "neither slirp4netns nor pasta is installed", fix);
    }
    match remedy::TUN.lacks() {
        Some(remedy) => Finding::lacks(TOPIC, remedy),
        None => Finding::works(TOPIC, format!("{}, and /dev/net/tun opens", there.join(", "))),
    }
}

/// `slirp4netns 1.2.0`: the name, and the word with a number on the line that tells of it.
pub(super) fn version_of(program: &Program, name: &str) -> String {
    let said = answer::of_program(program, &["--version"]).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let mut about = said.lines().filter_map(|line| line.strip_prefix(name));
    let has_number = |word: &&str| word.contains(|c: char| c.is_ascii_digit());
    match about.find_map(|rest| rest.split_ascii_whitespace().find(has_number)) {
        Some(version) => format!("{name} {}", Text::from(version)),
        None => name.to_owned(),
    }
}
