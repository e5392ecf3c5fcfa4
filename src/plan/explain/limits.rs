//! What the sandbox may use up, and who sees to it.

use crate::plan::{DiskBounds, Limits, Plan};
use crate::spec::{IoBound, Rlimit};

use super::Drawing;

pub(super) fn draw(drawing: &mut Drawing, plan: &Plan) {
    let limits = &plan.limits;
    let mut lines = vec![processes(limits)];
    if let Some(memory) = limits.memory {
        let how = if limits.watched.memory { "; looked after from time to time" } else { "" };
        lines.push(format!("{memory} of memory, swap included{how}"));
    }
    lines.extend(limits.cpus.map(|cpus| match cpus.0 {
        1000 => "the time of 1 processor".to_owned(),
        _ => format!("the time of {cpus} processors"),
    }));
    lines.extend(limits.cpu_weight.map(|it| format!("a processor share of {}, to 100", it.0)));
    lines.extend(limits.io_weight.map(|it| format!("a disk share of {}, to 100", it.0)));
    lines.extend(limits.io_max.iter().map(disk));
    let each: Vec<String> =
        limits.rlimits.iter().filter(|it| it.resource != "nproc").map(rlimit).collect();
    if !each.is_empty() {
        lines.push(format!("each process: {}", each.join(", ")));
    }
    drawing.lines("at most", lines);
}

fn processes(limits: &Limits) -> String {
    let how = if limits.watched.pids { "; looked after from time to time" } else { "" };
    format!("{} processes and threads{how}", limits.pids)
}

fn disk(disk: &DiskBounds) -> String {
    let bounds = disk.bounds.iter().map(|(bound, value)| match bound {
        IoBound::Rbps => format!("{value} bytes read"),
        IoBound::Wbps => format!("{value} bytes written"),
        IoBound::Riops => format!("{value} reads"),
        IoBound::Wiops => format!("{value} writes"),
    });
    format!("{} in a second on disk {}", bounds.collect::<Vec<_>>().join(", "), disk.disk)
}

fn rlimit(limit: &Rlimit) -> String {
    let bound =
        |value: Option<u64>| value.map_or_else(|| "unlimited".to_owned(), |it| it.to_string());
    match limit.soft == limit.hard {
        true => format!("{} {}", limit.resource, bound(limit.soft)),
        false => format!("{} {} to {}", limit.resource, bound(limit.soft), bound(limit.hard)),
    }
}
