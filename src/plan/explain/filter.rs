//! The filter of system calls, in a line for each way to make them.

use crate::plan::filter::{AbiFilter, Action};
use crate::plan::{Plan, Seccomp};

use super::Drawing;

pub(super) fn draw(drawing: &mut Drawing, plan: &Plan) {
    let Some(filter) = &plan.confinement.filter else {
        return drawing.line("calls", "every system call");
    };
    let mut lines: Vec<String> = filter.abis.iter().map(calls).collect();
    if let Seccomp::File { path } = &plan.confinement.seccomp {
        lines.push(format!("as `{path}` has it"));
    }
    drawing.lines("calls", lines);
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
