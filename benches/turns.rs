//! Rivals taking turns, so that whatever else the machine does falls on all of them: A B A B ….

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;

/// Runs the rivals in turn, first unmeasured, and answers with what each turn gave.
pub(crate) fn take<T>(
    warm_up: usize,
    turns: usize,
    rivals: &mut [&mut dyn FnMut() -> Result<T>],
) -> Result<Vec<Vec<T>>> {
    for _ in 0..warm_up {
        for rival in rivals.iter_mut() {
            rival()?;
        }
    }
    let mut taken: Vec<Vec<T>> = rivals.iter().map(|_| Vec::with_capacity(turns)).collect();
    for turn in 0..turns {
        for place in 0..rivals.len() {
            // Nobody always comes after the same one.
            let index = (turn + place) % rivals.len();
            taken[index].push(rivals[index]()?);
        }
    }
    Ok(taken)
}

/// Medians of wall-clock times from start to end.
pub(crate) fn median_times(turns: usize, commands: &mut [Command]) -> Result<Vec<Duration>> {
    for command in commands.iter_mut() {
        prove_that_it_runs(command)?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    }
    let mut rivals: Vec<_> = commands.iter_mut().map(|command| || start_to_end(command)).collect();
    let mut rivals: Vec<&mut dyn FnMut() -> Result<Duration>> =
        rivals.iter_mut().map(|rival| rival as &mut dyn FnMut() -> Result<Duration>).collect();
    Ok(take(turns.div_ceil(10), turns, &mut rivals)?.into_iter().map(median).collect())
}

/// Runs it once, to tell what it has to say when it fails.
pub(crate) fn prove_that_it_runs(command: &mut Command) -> Result<()> {
    let output =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).output();
    let output = output.map_err(|error| format!("cannot start {command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{}: {command:?}\n{}", output.status, first_lines(&output.stderr)).into())
}

/// What a failed command said, in bounds.
pub(crate) fn first_lines(said: &[u8]) -> String {
    String::from_utf8_lossy(said).lines().take(5).collect::<Vec<_>>().join("\n")
}

pub(crate) fn start_to_end(command: &mut Command) -> Result<Duration> {
    let start = Instant::now();
    let status = command.status()?;
    let time = start.elapsed();
    if !status.success() {
        return Err(format!("{status}: {command:?}").into());
    }
    Ok(time)
}

pub(crate) fn median<T: PartialOrd + Copy>(mut values: Vec<T>) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    values[values.len() / 2]
}
