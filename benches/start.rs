//! How long a sandbox takes from start to end when the command itself takes nothing.

use std::process::Command;

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
            Goal::AtMost(0.7),
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

fn bryo(bench: &Bench, flags: &[&str]) -> Command {
    let mut command = Command::new(&bench.bryo);
    command.arg("run").args(flags).args(["--", "/bin/true"]);
    command
}
