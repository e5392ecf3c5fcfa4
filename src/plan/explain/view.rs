//! What the command sees: a row a place, in the order of the paths, and what it can change for
//! good.

use crate::base::size::Size;
use crate::base::wording::{all_of, count};
use crate::base::{BoxPath, HostPath};
use crate::plan::{Layer, OverlayDriverPlan, OverlayPlan, Plan, Root, ScratchPlan, Step};
use crate::spec::{Access, Door, IntegrityMode};

use super::{Drawing, aligned, shown};

const DEFAULT: &str = "default";

type Row = [String; 3];

pub(super) fn draw(drawing: &mut Drawing, plan: &Plan) {
    let visible: Vec<&Step> = plan.view.visible().collect();
    let mut rows: Vec<(BoxPath, Row)> = vec![(BoxPath::root(), root_row(plan))];
    let (links, rest): (Vec<&Step>, Vec<&Step>) =
        visible.into_iter().partition(|step| is_system_link(step));
    let (etc, rest): (Vec<&Step>, Vec<&Step>) =
        rest.into_iter().partition(|step| is_default_etc(step));
    rows.extend(links_row(&links));
    rows.extend(etc_row(&etc, &plan.view.root));
    rows.extend(rest.into_iter().map(|step| (step.at.clone(), row(step, plan))));
    rows.sort_by(|(one, _), (other, _)| one.cmp(other));
    let rows: Vec<Row> = rows.into_iter().map(|(_, row)| row).collect();
    drawing.lines("sees", aligned(&rows));
    drawing.gap();
    drawing.lines("changes", lasting(plan));
}

/// `/bin` → `usr/bin` and the like.
fn is_system_link(step: &Step) -> bool {
    let is_top = step.at.as_path().components().count() == 2;
    is_top && step.origin == DEFAULT && matches!(step.layer, Layer::Symlink { .. })
}

fn links_row(links: &[&Step]) -> Option<(BoxPath, Row)> {
    let first = links.first()?;
    let paths: Vec<String> = links.iter().map(|step| step.at.to_string()).collect();
    let row = ["link".to_owned(), paths.join(" "), "to their places in /usr".to_owned()];
    Some((first.at.clone(), row))
}

fn is_default_etc(step: &Step) -> bool {
    step.origin == DEFAULT && step.at.is_within(&BoxPath::fixed("/etc"))
}

/// All of /etc that nobody asked for, in one row.
fn etc_row(steps: &[&Step], root: &Root) -> Option<(BoxPath, Row)> {
    let written: Vec<String> = steps
        .iter()
        .filter(|step| matches!(step.layer, Layer::Written { .. }))
        .filter_map(|step| step.at.as_path().file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    let of_host = steps.len() - written.len();
    let parts = [
        (of_host > 0).then(|| format!("{of_host} parts of the host's")),
        (!written.is_empty()).then(|| format!("bryo's own {}", written.join(", "))),
        (*root != Root::Assembled).then(|| "the rest as in /".to_owned()),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        return None;
    }
    let row = ["read-only".to_owned(), "/etc".to_owned(), parts.join("; ")];
    Some((BoxPath::fixed("/etc"), row))
}

fn root_row(plan: &Plan) -> Row {
    let (access, note) = match &plan.view.root {
        Root::Assembled => ("read-only", "holds what is listed here, and nothing else".to_owned()),
        Root::Tree { directory, access } => (word(*access), format!("is {directory}")),
        Root::OverlaidTree { directory, .. } => {
            ("overlay", format!("over {directory}, which stays as it is"))
        }
    };
    [access.to_owned(), "/".to_owned(), note]
}

fn word(access: Access) -> &'static str {
    match access {
        Access::ReadOnly => "read-only",
        Access::ReadWrite => "writable",
    }
}

fn row(step: &Step, plan: &Plan) -> Row {
    let at = &step.at;
    let elsewhere = |source: &HostPath| match source.as_path() == at.as_path() {
        true => String::new(),
        false => format!("is {source}"),
    };
    let (access, note) = match &step.layer {
        Layer::Bind { source, access: Access::ReadWrite } if is_in_another(source, plan) => {
            ("writable", "keeps its place and name".to_owned())
        }
        Layer::Bind { source, access } => (word(*access), elsewhere(source)),
        Layer::Home { source } => ("writable", format!("is {source}, which lasts")),
        Layer::Copy { source } => ("read-only", format!("copy of {source}")),
        Layer::Overlay { lower, .. } => ("overlay", format!("over {lower}, which stays as it is")),
        Layer::Tmpfs { size, .. } => ("private", format!("in memory, at most {}", round(*size))),
        Layer::Private { .. } => ("private", private(at, plan)),
        Layer::Directory { .. } => ("read-only", "an empty directory".to_owned()),
        Layer::File { content, .. } | Layer::Written { content } => {
            ("read-only", format!("a file of {}", count(content.as_bytes().len(), "byte")))
        }
        Layer::Symlink { target } => ("link", format!("to {target}")),
        Layer::Hidden => ("hidden", String::new()),
        Layer::Device { .. } => ("device", "the host's own".to_owned()),
        Layer::Proc => {
            let opens = |door| plan.confinement.opens(door);
            let parts = match opens(Door::Proc) || opens(Door::NestedUserns) {
                true => "and what tells of the machine",
                false => "the risky parts closed",
            };
            ("private", format!("its own processes; {parts}"))
        }
        Layer::Dev => ("private", "null, zero, full, random, tty, shm".to_owned()),
    };
    let origin = match step.origin.as_str() {
        DEFAULT => String::new(),
        origin => format!("[{}]", shown(origin)),
    };
    let note = [note, origin].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
    [access.to_owned(), at.to_string(), note.join("  ")]
}

/// Whether it is shown writable as a part of what is shown writable.
fn is_in_another(source: &HostPath, plan: &Plan) -> bool {
    let is_outer = |place: &HostPath| source != place && source.is_within(place);
    plan.view.writable_places().into_iter().any(is_outer)
}

fn private(at: &BoxPath, plan: &Plan) -> String {
    let what = if *at == plan.identity.home { "an empty home" } else { "empty" };
    format!("{what}, in memory; all of these at most {}", round(plan.limits.tmpfs))
}

/// What outlives the sandbox: writable places of the host, and overlays that are kept.
fn lasting(plan: &Plan) -> Vec<String> {
    let mut sources: Vec<&HostPath> = Vec::new();
    if let Root::Tree { directory, access: Access::ReadWrite } = &plan.view.root {
        sources.push(directory);
    }
    for step in plan.view.visible() {
        match &step.layer {
            Layer::Bind { source, access: Access::ReadWrite }
            | Layer::Home { source }
            | Layer::Device { source } => sources.push(source),
            _ => {}
        }
    }
    // What lies in another of them adds nothing.
    let outermost = sources.iter().enumerate().filter(|(index, source)| {
        !sources
            .iter()
            .enumerate()
            .any(|(other, wider)| source.is_within(wider) && (*source != wider || other < *index))
    });
    let sources: Vec<String> = outermost.map(|(_, source)| source.to_string()).collect();
    let for_good = match sources.as_slice() {
        [] => "nothing on the host".to_owned(),
        some => some.join(", "),
    };
    let mut rows = vec![["for good".to_owned(), for_good]];
    rows.extend(plan.view.overlay.as_ref().map(overlays));
    rows.push(["the rest".to_owned(), "gone at the end".to_owned()]);
    if !plan.view.writable_places().is_empty() {
        rows.push(["looked at".to_owned(), integrity(plan.confinement.integrity).to_owned()]);
    }
    aligned(&rows)
}

/// What is done about what would act outside.
fn integrity(mode: IntegrityMode) -> &'static str {
    match mode {
        IntegrityMode::Report => {
            "afterwards: what git, editors, agents and shells would obey is told"
        }
        IntegrityMode::Strict => {
            "afterwards, all of it: what git, editors, agents and shells would obey fails the run"
        }
        IntegrityMode::Off => {
            "by nobody: what git, editors, agents and shells would obey is not told"
        }
    }
}

fn overlays(overlay: &OverlayPlan) -> [String; 2] {
    let driver = match &overlay.driver {
        OverlayDriverPlan::Kernel => "the kernel".to_owned(),
        OverlayDriverPlan::Fuse { program } => program.to_string(),
    };
    let fate = match &overlay.scratch {
        ScratchPlan::Memory { size } => {
            format!("in memory, at most {}, gone at the end", round(*size))
        }
        ScratchPlan::Disk { parent } => format!("below {parent}, gone at the end"),
        ScratchPlan::Kept { directory } => format!("in {directory}, kept for the next time"),
    };
    let below: Vec<String> = overlay.below.iter().map(ToString::to_string).collect();
    let stacked = match below.as_slice() {
        [] => String::new(),
        below => format!(", stacked on {}", all_of(below)),
    };
    ["overlays".to_owned(), format!("{fate}{stacked}; made by {driver}")]
}

/// A size that reads well: whole GiB from ten of them on, whole MiB from one on.
fn round(size: Size) -> Size {
    let unit = match size.0 {
        large if large >= 10 * Size::GIB => Size::GIB,
        medium if medium >= Size::MIB => Size::MIB,
        _ => 1,
    };
    Size(size.0 / unit * unit)
}
