//! How long a sandbox takes from start to end when the command itself takes nothing.

use std::process::Command;
use std::time::Duration;

use crate::row::{Figure, Goal, Row};
use crate::{Bench, Result, peer, turns};

pub(crate) fn default_view(bench: &Bench) -> Result<Vec<Row>> {
    let mut equal = peer::bwrap(&peer::equal_view(bench)?);
    let mut short = peer::bwrap(&peer::short_recipe(bench)?);
    equal.arg("/bin/true");
    short.arg("/bin/true");
    let runs = bench.starts();
    let times = turns::median_times(runs, &mut [bryo(bench, &[]), equal, short])?;
    let row = |case: &str, peer: usize, goal| Row {
        case: case.to_owned(),
        bryo: Figure::Time(times[0]),
        peer: Figure::Time(times[peer]),
        goal,
        runs,
    };
    Ok(vec![
        row(
            "`bryo run`: default view, against `bwrap --unshare-all`, equal view",
            1,
            Goal::AtMost(0.75),
        ),
        row("the same, against `bwrap --unshare-all`, whole /usr and /etc", 2, Goal::Informative),
    ])
}

pub(crate) fn subordinate_ids(bench: &Bench) -> Result<Vec<Row>> {
    let mut unshare = Command::new("unshare");
    unshare.args(["-Urmpniuf", "--mount-proc", "--map-auto", "/bin/true"]);
    let runs = bench.starts();
    let bryo = bryo(bench, &["--root", "--ids", "subids"]);
    let times = turns::median_times(runs, &mut [bryo, unshare])?;
    Ok(vec![Row {
        case: "`bryo run --root --ids subids`, against `unshare -Urmpniuf --mount-proc --map-auto`"
            .to_owned(),
        bryo: Figure::Time(times[0]),
        peer: Figure::Time(times[1]),
        goal: Goal::AtMost(0.75),
        runs,
    }])
}

/// What two of the layers behind the namespaces cost a start.
pub(crate) fn confinement(bench: &Bench) -> Result<Vec<Row>> {
    let unfiltered = bryo(bench, &["--seccomp", "none"]);
    let limited = bryo(bench, &["--memory", "512M"]);
    let runs = bench.starts();
    let times = turns::median_times(runs, &mut [bryo(bench, &[]), unfiltered, limited])?;
    let row = |case: &str, bryo: usize, peer: usize, goal| Row {
        case: case.to_owned(),
        bryo: Figure::Time(times[bryo]),
        peer: Figure::Time(times[peer]),
        goal,
        runs,
    };
    let filter = Goal::AtMostLater(Duration::from_micros(200));
    Ok(vec![
        row("`bryo run`, against `bryo run --seccomp none`", 0, 1, filter),
        row("`bryo run --memory 512M`, against `bryo run`", 2, 0, Goal::Informative),
    ])
}

fn bryo(bench: &Bench, flags: &[&str]) -> Command {
    let mut command = Command::new(&bench.bryo);
    command.arg("run").args(flags).args(["--", "/bin/true"]);
    command
}
