//! What is made of the trials of a family: a class for each probe in each scenario, and whether the
//! probe was seen to work at all.

use super::probe::{Company, Door, Family, Probe};
use super::scenario::Scenario;
use super::trial::{Aftermath, Place, attempt};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    /// Somebody said no.
    Denied,
    /// There was nothing to be had.
    Hidden,
    /// It did what it wanted, and the host is as it was.
    Harmless,
    /// It stays behind, and the end of the run tells of it.
    Told,
    /// It comes through, and `SECURITY.md` says so.
    Open,
    Leak,
    /// It said nothing that can be judged.
    Inconclusive,
}

impl Class {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Hidden => "hidden",
            Self::Harmless => "harmless",
            Self::Told => "told",
            Self::Open => "open",
            Self::Leak => "**leak**",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// A probe in one place.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) class: Class,
    /// What it said, for a fault.
    fact: String,
}

/// Whether the probe was seen to come through with its door open.
#[derive(Debug)]
enum Control {
    Works,
    /// The kernel has no such thing, outside of every sandbox either.
    Lacks(String),
    Fails(String),
}

#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) probe: &'static Probe,
    control: Control,
    pub(crate) scenarios: Vec<Verdict>,
}

#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) rows: Vec<Row>,
}

/// Tries the whole family, everywhere.
pub(crate) fn examine(family: &'static Family) -> Findings {
    let all: Vec<&Probe> = family.probes.iter().collect();
    let mut columns = Scenario::ALL.map(|scenario| try_all(family, &all, Place::In(scenario)));
    let mut controls = Vec::new();
    for (door, probes) in doors(family) {
        controls.extend(try_all(family, &probes, Place::With(door)));
    }
    let row = |probe: &'static Probe| {
        let control = control(family, probe, take(&mut controls, probe.id));
        let scenarios = columns.iter_mut().map(|column| take(column, probe.id)).collect();
        Row { probe, control, scenarios }
    };
    Findings { rows: family.probes.iter().map(row).collect() }
}

/// Where the door is of no help, the machine without any sandbox tells why.
fn control(family: &'static Family, probe: &'static Probe, verdict: Verdict) -> Control {
    const UNKNOWN: [&str; 3] = ["ENOSYS", "EAFNOSUPPORT", "EOPNOTSUPP"];
    if verdict.class == Class::Leak {
        return Control::Works;
    }
    let outside = attempt(family, &[probe], Place::With(Door::Outside));
    let fact = outside.fact(probe.id).unwrap_or_default();
    let lacks = fact.starts_with("lacks") || UNKNOWN.iter().any(|errno| fact.ends_with(errno));
    match lacks {
        true => Control::Lacks(format!("{}: {fact}", probe.id)),
        false => Control::Fails(verdict.fact),
    }
}

/// The doors of a family, each with the probes that it is to let through.
fn doors(family: &'static Family) -> Vec<(Door, Vec<&'static Probe>)> {
    let mut doors: Vec<(Door, Vec<&'static Probe>)> = Vec::new();
    for probe in family.probes {
        match doors.iter_mut().find(|(door, _)| *door == probe.door) {
            Some((_, probes)) => probes.push(probe),
            None => doors.push((probe.door, vec![probe])),
        }
    }
    doors
}

fn try_all(
    family: &'static Family,
    probes: &[&'static Probe],
    place: Place,
) -> Vec<(&'static str, Verdict)> {
    let is_alone = |probe: &&&Probe| probe.company == Company::Alone;
    let together: Vec<&'static Probe> =
        probes.iter().filter(|probe| !is_alone(probe)).copied().collect();
    let alone = probes.iter().filter(is_alone).map(|probe| vec![*probe]);
    let mut verdicts = Vec::new();
    for group in std::iter::once(together).chain(alone).filter(|group| !group.is_empty()) {
        let after = attempt(family, &group, place);
        verdicts.extend(group.iter().map(|probe| (probe.id, judge(&after, probe, place))));
    }
    verdicts
}

fn judge(after: &Aftermath, probe: &Probe, place: Place) -> Verdict {
    let fact = after.fact(probe.id);
    let kind = fact.and_then(|fact| fact.split(' ').next());
    let class = match kind {
        _ if (probe.proof)(after, probe) => match place {
            Place::In(scenario) if probe.open.contains(&scenario) => Class::Open,
            _ if probe.told.is_some_and(|name| after.says(name)) => Class::Told,
            _ => Class::Leak,
        },
        Some("reached") => Class::Harmless,
        Some("refused") => Class::Denied,
        Some("absent") => Class::Hidden,
        None if after.is_refused() => Class::Denied,
        _ => Class::Inconclusive,
    };
    Verdict { class, fact: fact.unwrap_or_else(|| after.said()).to_owned() }
}

fn take(verdicts: &mut Vec<(&str, Verdict)>, id: &str) -> Verdict {
    let place = verdicts.iter().position(|(name, _)| *name == id).unwrap();
    verdicts.swap_remove(place).1
}

impl Findings {
    /// Every leak of ours, and every probe that proves nothing.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for Row { probe, control, scenarios } in &self.rows {
            if let Control::Fails(fact) = control {
                let door = probe.door.in_words();
                faults.push(format!("{}: proves nothing: with {door}: {fact}", probe.id));
            }
            let is_lacking = matches!(control, Control::Lacks(_));
            for (scenario, verdict) in Scenario::ALL.iter().zip(scenarios) {
                let ours = *scenario != Scenario::Bubblewrap;
                let is_fault = match verdict.class {
                    Class::Leak => ours,
                    class => class == Class::Inconclusive && !is_lacking,
                };
                if is_fault {
                    let title = scenario.title();
                    let class = verdict.class.word();
                    let fact = &verdict.fact;
                    faults.push(format!("{}: {class} under {title}: {fact}", probe.id));
                }
            }
        }
        faults
    }

    /// What this machine has not, so that nothing could be proved.
    pub(crate) fn lacks(&self) -> Vec<&str> {
        let mut lacks = Vec::new();
        for row in &self.rows {
            if let Control::Lacks(why) = &row.control {
                lacks.push(why.as_str());
            }
        }
        lacks
    }
}
