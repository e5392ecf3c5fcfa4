//! What holds behind the view, and which doors in it are open.

use crate::plan::filter::{AbiFilter, Action};
use crate::plan::{Files, Landlock, Plan, Seccomp};
use crate::spec::Door;

use super::Drawing;

pub(super) fn draw(drawing: &mut Drawing, plan: &Plan) {
    let confinement = &plan.confinement;
    let nested = match confinement.opens(Door::NestedUserns) {
        true => "user namespaces of its own open",
        false => "no user namespaces of its own",
    };
    let mut lines = vec![files(&confinement.landlock)];
    lines.extend(others(&confinement.landlock));
    lines.push(format!("a keyring of its own; {nested}"));
    if !confinement.doors.is_empty() {
        let names: Vec<&str> = confinement.doors.iter().map(|door| door.name()).collect();
        lines.push(format!("doors open: {}", names.join(", ")));
    }
    if let Some(report) = &confinement.report {
        lines.push(format!("what holds is written to {report}"));
    }
    drawing.lines("confined", lines);
    drawing.lines("calls", system_calls(plan));
}

fn system_calls(plan: &Plan) -> Vec<String> {
    let Some(filter) = &plan.confinement.filter else {
        return vec!["every system call".to_owned()];
    };
    let mut lines: Vec<String> = filter.abis.iter().map(calls).collect();
    if let Seccomp::File { path } = &plan.confinement.seccomp {
        lines.push(format!("as `{path}` has it"));
    }
    lines
}

fn files(landlock: &Landlock) -> String {
    match &landlock.files {
        Files::Rules(rules) => {
            format!("files by Landlock: {} places open, all else closed", rules.len())
        }
        Files::Relay => "files by the view alone; streams that are files go by pipe".to_owned(),
    }
}

fn others(landlock: &Landlock) -> Option<String> {
    let mut closed = Vec::new();
    if landlock.scopes {
        closed.push("signals and abstract sockets end with the sandbox");
    }
    if landlock.tcp_closed {
        closed.push("no TCP");
    }
    (!closed.is_empty()).then(|| format!("{} (Landlock)", closed.join("; ")))
}

/// `x86-64: 286 allowed, 17 by their arguments, 80 refused; numbers not known are refused`.
fn calls(filter: &AbiFilter) -> String {
    let known = filter.abi.calls().count();
    let answers = |wanted: fn(Action) -> bool| {
        let named = filter.calls.iter().filter(|(_, it)| it.rules.is_empty());
        let named = named.filter(|(_, it)| wanted(it.otherwise)).count();
        let rest = known.saturating_sub(filter.calls.len());
        if wanted(filter.others) { named + rest } else { named }
    };
    let allowed = answers(|action| action.rank() <= Action::Log.rank());
    let by_arguments = filter.calls.iter().filter(|(_, it)| !it.rules.is_empty()).count();
    let refused = known - allowed - by_arguments;
    let others = match filter.others {
        Action::Allow | Action::Log => "allowed",
        _ => "refused",
    };
    format!(
        "{}: {allowed} allowed, {by_arguments} by their arguments, {refused} refused; later ones {others}",
        filter.abi.name()
    )
}
