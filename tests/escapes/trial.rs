//! One start of a family: what each probe said, and what has become of the host.

use std::collections::BTreeMap;
use std::time::Duration;

use super::probe::{Door, Family, Probe};
use super::scenario::{self, Scenario};
use super::stage::Stage;
use crate::support::{Bryo, Stopwatch, Terminal};

const LIMIT: Duration = Duration::from_secs(50);

/// How long something may hold the terminal when the session has ended.
const SCREEN_CLOSES: Duration = Duration::from_secs(2);

/// Who starts it, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    In(Scenario),
    With(Door),
}

pub(crate) struct Aftermath {
    stage: Stage,
    facts: BTreeMap<String, String>,
    report: String,
    said: String,
}

/// How often it is tried anew because the machine stood still: each probe has an alarm of its own,
/// and services listen for a part of a second.
const AGAIN: u32 = 5;

/// Tries these probes of a family together.
pub(crate) fn attempt(family: &'static Family, probes: &[&Probe], place: Place) -> Aftermath {
    let mut watch = Stopwatch::start();
    let mut aftermath = start(family, probes, place);
    for _ in 0..AGAIN {
        if !watch.saw_a_standstill() {
            break;
        }
        watch = Stopwatch::start();
        aftermath = start(family, probes, place);
    }
    aftermath
}

fn start(family: &'static Family, probes: &[&Probe], place: Place) -> Aftermath {
    let stage = Stage::new(family);
    let words = words(&stage, family, probes, place);
    let said = match is_at_terminal(family, place) {
        false => without_terminal(&stage, &words),
        true => at_terminal(&stage, &words),
    };
    let report = std::fs::read_to_string(stage.path("report")).unwrap_or_default();
    Aftermath { facts: facts(&said), stage, report, said }
}

/// bubblewrap too is tried at a terminal, if that is what the family is about.
fn is_at_terminal(family: &Family, place: Place) -> bool {
    match place {
        Place::In(Scenario::Bubblewrap) => family.name == "terminal",
        Place::In(scenario) => scenario == Scenario::Terminal,
        Place::With(door) => door == Door::OutsideAtTerminal,
    }
}

/// `env NAME=VALUE… session WORD… -- LAUNCHER… FAMILY WORD… -- ID…`
fn words(stage: &Stage, family: &Family, probes: &[&Probe], place: Place) -> Vec<String> {
    let mut words: Vec<String> = vec![
        "env".to_owned(),
        format!("ESCAPE_TOKEN={}", stage.canary()),
        format!("SSH_AUTH_SOCK={}", stage.services().agent().display()),
        stage.path("work/session").display().to_string(),
        format!("report={}", stage.path("report").display()),
        stage.seconds(),
    ];
    let (flags, session) = probes.first().map_or((&[][..], &[][..]), |it| (it.flags, it.session));
    words.extend(family.session.iter().chain(session).map(|word| stage.fill(word)));
    words.push("--".to_owned());
    let flags = [family.flags, flags].concat();
    words.extend(launcher(stage, &flags, place));
    words.push(stage.path(&format!("work/{}", family.name)).display().to_string());
    words.extend(stage.words());
    words.push("--".to_owned());
    words.extend(probes.iter().map(|probe| probe.id.to_owned()));
    words
}

fn launcher(stage: &Stage, flags: &[&str], place: Place) -> Vec<String> {
    match place {
        Place::In(scenario) => scenario.launcher(stage, flags),
        Place::With(Door::Outside | Door::OutsideAtTerminal) => Vec::new(),
        Place::With(Door::Flags(door)) => {
            Scenario::Default.launcher(stage, &[flags, door].concat())
        }
        Place::With(Door::Bubblewrap(door)) => scenario::bubblewrap(stage, door),
        Place::With(Door::Unshared(door, script)) => scenario::unshared(stage, door, script),
    }
}

fn without_terminal(stage: &Stage, words: &[String]) -> String {
    let run = Bryo::program("/usr/bin/env").at(stage.home()).args(&words[1..]).limit(LIMIT);
    let outcome = run.start().finish();
    String::from_utf8_lossy(&outcome.stderr).into_owned()
}

fn at_terminal(stage: &Stage, words: &[String]) -> String {
    let mut terminal = Terminal::spawn(stage.home(), words);
    terminal.wait(LIMIT);
    terminal.last_screen(SCREEN_CLOSES)
}

/// `probe: ID FACT`, from among what else was said.
fn facts(said: &str) -> BTreeMap<String, String> {
    let line = |line: &str| {
        // What was pushed into a terminal is echoed before it.
        let (_, fact) = line.trim_end_matches('\r').split_once("probe: ")?;
        let (id, fact) = fact.split_once(' ')?;
        Some((id.to_owned(), fact.to_owned()))
    };
    said.split('\n').filter_map(line).collect()
}

impl Aftermath {
    pub(crate) fn stage(&self) -> &Stage {
        &self.stage
    }

    pub(crate) fn canary(&self) -> &str {
        self.stage.canary()
    }

    /// What the probe said, if it came to that.
    pub(crate) fn fact(&self, id: &str) -> Option<&str> {
        self.facts.get(id).map(String::as_str)
    }

    /// What the session found out afterwards: the rest of the line that begins so.
    pub(crate) fn reported(&self, word: &str) -> &str {
        let mut lines = self.report.lines();
        lines.find_map(|line| line.strip_prefix(word)).unwrap_or_default().trim()
    }

    /// Whether bryo refused to start it at all.
    pub(crate) fn is_refused(&self) -> bool {
        self.reported("status") == "125" && self.facts.is_empty()
    }

    /// Whether a line of the launcher's names this.
    pub(crate) fn says(&self, name: &str) -> bool {
        // At a terminal its first line may follow blanks and a return to the first column.
        let lines = self.said.split(['\n', '\r']);
        lines.filter(|line| line.starts_with("bryo: ")).any(|line| line.contains(name))
    }

    /// All that was said, for a fault.
    pub(crate) fn said(&self) -> &str {
        self.said.trim()
    }
}
