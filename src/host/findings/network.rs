//! User-mode networking: the programs that do it, and the device that they open.

use crate::base::Text;
use crate::host::{Program, Programs, answer, remedy};

use super::Finding;
use super::network_driver::{PASTA, SLIRP4NETNS, complaint_of};

pub(super) const TOPIC: &str = "user network";

const DENIED: &str =
    "an administrator can look in `dmesg` for what was denied, by an AppArmor profile for one";

pub(super) fn find(programs: &Programs) -> Finding {
    let drivers: [(_, _, &[&str]); 2] =
        [(&programs.slirp4netns, "slirp4netns", &SLIRP4NETNS), (&programs.pasta, "pasta", &PASTA)];
    if programs.slirp4netns.is_none() && programs.pasta.is_none() {
        let fix = remedy::install("slirp4netns", "slirp4netns");
        return Finding::missing(TOPIC, "neither slirp4netns nor pasta is installed", fix);
    }
    if let Some(remedy) = remedy::TUN.lacks() {
        return Finding::lacks(TOPIC, remedy);
    }
    let (mut working, mut complaints) = (Vec::new(), Vec::new());
    for (program, name, arguments) in drivers {
        let Some(program) = program else { continue };
        match complaint_of(program, arguments) {
            None => working.push(version_of(program, name)),
            Some(why) => complaints.push(format!("{name} fails: {why}")),
        }
    }
    judged(&working, &complaints)
}

fn judged(working: &[String], complaints: &[String]) -> Finding {
    let complaints = complaints.join("; ");
    match (working.is_empty(), complaints.is_empty()) {
        (true, _) => Finding::missing(TOPIC, complaints, DENIED),
        (false, false) => {
            Finding::degraded(TOPIC, format!("{} works, {complaints}", working.join(", ")), DENIED)
        }
        (false, true) => {
            Finding::works(TOPIC, format!("{}, and /dev/net/tun opens", working.join(", ")))
        }
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
