//! What flows through a sandbox in a pipe: its standard streams are the caller's own.

use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::row::{Figure, Goal, Row};
use crate::turns::{self, median};
use crate::{Bench, Result};

pub(crate) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let bytes: u64 = bench.effort.choose(10_000_000_000, 1_000_000_000);
    let runs = bench.effort.choose(5, 3);
    let mut through = || {
        let mut bryo = Command::new(&bench.bryo);
        bryo.args(["run", "--", "cat"]);
        throughput(bytes, bryo)
    };
    let mut beside = || throughput(bytes, Command::new("cat"));
    let rates = turns::take(1, runs, &mut [&mut through, &mut beside])?;
    let medians: Vec<f64> = rates.into_iter().map(median).collect();
    let gigabytes = bytes / 1_000_000_000;
    Ok(vec![Row {
        case: format!("a pipe through `bryo run -- cat`, {gigabytes} GB, against `cat` alone"),
        bryo: Figure::BytesPerSecond(medians[0]),
        peer: Figure::BytesPerSecond(medians[1]),
        goal: Goal::AtLeast(0.95),
        runs,
    }])
}

/// `head -c BYTES /dev/zero | MIDDLE | cat >/dev/null`, in bytes a second.
fn throughput(bytes: u64, mut middle: Command) -> Result<f64> {
    let start = Instant::now();
    let mut source = Command::new("head")
        .args(["-c", &bytes.to_string(), "/dev/zero"])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut middle = middle.stdin(output_of(&mut source)?).stdout(Stdio::piped()).spawn()?;
    let mut sink =
        Command::new("cat").stdin(output_of(&mut middle)?).stdout(Stdio::null()).spawn()?;
    for child in [&mut source, &mut middle, &mut sink] {
        let status = child.wait()?;
        if !status.success() {
            return Err(format!("a part of the pipe ended with {status}").into());
        }
    }
    Ok(bytes as f64 / start.elapsed().as_secs_f64())
}

fn output_of(child: &mut Child) -> Result<Stdio> {
    Ok(Stdio::from(child.stdout.take().ok_or("no pipe")?))
}
