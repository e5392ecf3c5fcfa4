//! `bryo doctor --self-test`: whether the sandboxes of this machine hold. Each probe is tried three
//! times, by bryo itself as the payload: without a sandbox, where it must come through, or it proves
//! nothing; then in a sandbox of no flags, and in one with `--root`, or in the one that the given
//! flags make.

use std::ffi::OsString;
use std::fmt::Write;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::{Context, Error, Result};
use crate::probe::{ALL, Clues, Probe, Said, Stage, beat, find};

use super::print;

/// The verb of the payload. It is bryo's own, so it is no part of the command line.
pub(super) const VERB: &str = "__probe";

/// How long a victim waits, should nobody end it.
const VICTIM_WAITS: Duration = Duration::from_secs(30);
const LEAKS: u8 = 1;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    Ok,
    Leak,
    /// It does not come through without a sandbox either.
    NotTried,
}

#[derive(Serialize)]
struct Row {
    probe: &'static str,
    tries: &'static str,
    outcome: Outcome,
    /// The flags of the sandboxes that it leaked from.
    leaks_with: Vec<String>,
    /// Why it was not tried, or what it got.
    said: String,
}

#[derive(Serialize)]
struct Verdict {
    holds: bool,
    probes: Vec<Row>,
}

/// `bryo doctor --self-test [-- FLAGS…]`; the exit status.
pub(super) fn run(flags: &[OsString], json: bool) -> Result<u8> {
    let verdict = examine(flags)?;
    if json {
        print::json(&verdict)?;
    } else {
        print::answer(drawn(&verdict).trim_end());
    }
    Ok(if verdict.holds { 0 } else { LEAKS })
}

fn examine(flags: &[OsString]) -> Result<Verdict> {
    let program = std::env::current_exe()
        .map_err(|e| Error::new(e.to_string()))
        .context(|| "cannot tell where this program is".to_owned())?;
    let sandboxes = match flags {
        [] => vec![vec![], vec![OsString::from("--root")]],
        flags => vec![flags.to_vec()],
    };
    let control = attempt(0, &program, None)?;
    let mut trials = Vec::new();
    for (number, flags) in sandboxes.iter().enumerate() {
        trials.push((flags, attempt(number + 1, &program, Some(flags))?));
    }
    let probes: Vec<Row> = ALL.iter().map(|probe| row(probe, &control, &trials)).collect();
    Ok(Verdict { holds: probes.iter().all(|row| row.outcome != Outcome::Leak), probes })
}

fn row(probe: &Probe, control: &Trial, trials: &[(&Vec<OsString>, Trial)]) -> Row {
    let row = |outcome, leaks_with, said: &str| Row {
        probe: probe.name,
        tries: probe.tries,
        outcome,
        leaks_with,
        said: said.to_owned(),
    };
    let (came_through, said) = control.of(probe);
    if !came_through {
        return row(Outcome::NotTried, Vec::new(), said);
    }
    let leaks: Vec<_> = trials.iter().filter(|(_, trial)| trial.of(probe).0).collect();
    let flags = |flags: &[OsString]| {
        let words: Vec<_> = flags.iter().map(|word| word.to_string_lossy()).collect();
        words.join(" ")
    };
    match leaks.first() {
        None => row(Outcome::Ok, Vec::new(), ""),
        Some((_, trial)) => {
            let with = leaks.iter().map(|(it, _)| flags(it)).collect();
            row(Outcome::Leak, with, trial.of(probe).1)
        }
    }
}

/// What came of all probes in one place, in their order.
struct Trial(Vec<(bool, Said)>);

impl Trial {
    fn of(&self, probe: &Probe) -> (bool, &str) {
        let place = ALL.iter().position(|it| it.name == probe.name);
        let (came_through, said) = &self.0[place.unwrap_or(0)];
        (*came_through, said.text())
    }
}

#[derive(Serialize, Deserialize)]
struct Answer {
    probe: String,
    said: Said,
}

/// Tries all probes on a stage of their own: in the sandbox that these flags make, or in none.
fn attempt(number: usize, program: &Path, flags: Option<&Vec<OsString>>) -> Result<Trial> {
    let stage = Stage::set_up(number, program)?;
    let mut command = Command::new(program);
    if let Some(flags) = flags {
        command.arg("run").args(flags).args(["--timeout", "10s", "--ro"]).arg(stage.path("ro"));
        command.arg("--ro").arg(program).arg("--").arg(program);
    }
    command.arg(VERB).args(stage.clues()).args(ALL.iter().map(|probe| probe.name));
    let (token, canary) = stage.token();
    command.env(token, canary).current_dir(stage.path("work"));
    let cannot = |e: std::io::Error| Error::new(e.to_string()).within("cannot try the probes");
    let stdin = File::open(stage.path("stdin")).map_err(cannot)?;
    let outcome = command.stdin(stdin).stderr(Stdio::piped()).output().map_err(cannot)?;
    let answers = answers(&outcome.stdout);
    if answers.is_empty() {
        let talk = String::from_utf8_lossy(&outcome.stderr);
        let why = talk.lines().find(|line| line.contains("error")).unwrap_or(&talk).to_owned();
        return Err(Error::new(why).within("the sandbox to be tested did not start"));
    }
    let judge = |probe: &Probe| {
        let said = answers.iter().find(|answer| answer.probe == probe.name);
        let said = said.map_or_else(|| Said::Refused("killed".to_owned()), |it| it.said.clone());
        (probe.came_through(&stage, &said), said)
    };
    Ok(Trial(ALL.iter().map(judge).collect()))
}

fn answers(stdout: &[u8]) -> Vec<Answer> {
    let text = String::from_utf8_lossy(stdout);
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// For a person: a line a probe, and the count.
fn drawn(verdict: &Verdict) -> String {
    let mut text = String::new();
    for Row { tries, outcome, leaks_with, said, .. } in &verdict.probes {
        let _ = match outcome {
            Outcome::Ok => writeln!(text, "  ok    {tries}"),
            Outcome::NotTried => {
                writeln!(text, "  -     {tries}: not tried: nor without a sandbox: {said}")
            }
            Outcome::Leak => {
                let with: Vec<_> = leaks_with.iter().map(|it| format!("`bryo run {it}`")).collect();
                let with = with.join(" and ").replace(" `", "`").replace("and`", "and `");
                writeln!(text, "  LEAK  {tries}: from {with}: {said}")
            }
        };
    }
    let count = |outcome| verdict.probes.iter().filter(|row| row.outcome == outcome).count();
    let _ = write!(
        text,
        "\n{} ok, {} leaked, {} not tried\n",
        count(Outcome::Ok),
        count(Outcome::Leak),
        count(Outcome::NotTried)
    );
    text
}

/// `bryo __probe …`: this process is the payload, its victim or its daemon.
pub(super) fn be_probe(words: &[OsString]) -> u8 {
    let words: Vec<String> = words.iter().map(|it| it.to_string_lossy().into_owned()).collect();
    match words.first().map(String::as_str) {
        Some("--victim") => std::thread::sleep(VICTIM_WAITS),
        Some("--beat") => beat(&PathBuf::from(words.get(1).cloned().unwrap_or_default())),
        _ => try_probes(&words),
    }
    0
}

/// Each in a process of its own: some change for good what they are.
fn try_probes(words: &[String]) {
    let Some((clues, names)) = words.split_at_checked(4) else { return };
    match names {
        [name] => {
            let (Some(clues), Some(probe)) = (Clues::read(clues), find(name)) else { return };
            let answer = Answer { probe: name.clone(), said: probe.run(&clues) };
            print::answer(&serde_json::to_string(&answer).unwrap_or_default());
        }
        names => {
            for name in names {
                let mut one = Command::new("/proc/self/exe");
                // One that cannot be started says nothing, and is told so.
                let _ = one.arg(VERB).args(clues).arg(name).status();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(outcome: Outcome, leaks_with: &[&str], said: &str) -> Row {
        let leaks_with = leaks_with.iter().map(|it| (*it).to_owned()).collect();
        Row { probe: "a", tries: "do it", outcome, leaks_with, said: said.to_owned() }
    }

    #[test]
    fn a_line_says_what_came_of_a_probe() {
        let probes = vec![
            row(Outcome::Ok, &[], ""),
            row(Outcome::Leak, &["", "--root"], "written"),
            row(Outcome::NotTried, &[], "no such device"),
        ];
        assert_eq!(
            drawn(&Verdict { holds: false, probes }),
            "  ok    do it\n  LEAK  do it: from `bryo run` and `bryo run --root`: written\n  -     \
             do it: not tried: nor without a sandbox: no such device\n\n1 ok, 1 leaked, 1 not tried\n"
        );
    }

    #[test]
    fn every_probe_is_found_by_its_name() {
        assert!(ALL.iter().all(|probe| find(probe.name).is_some_and(|it| it.tries == probe.tries)));
    }
}
