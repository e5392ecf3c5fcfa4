//! What holds behind the view, and which doors in it are open.

use crate::plan::{Files, Landlock, Plan};
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
