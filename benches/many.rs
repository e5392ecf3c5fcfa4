//! Many sandboxes started at once: how long until each has written a byte, and what memory each
//! takes while all of them wait.

use std::fs;
use std::io::{PipeReader, Read, Write, pipe};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::row::{Figure, Goal, Row};
use crate::turns::{self, median};
use crate::{Bench, Result, peer};

/// What one round gave: the time until all were there, and bytes for each.
#[derive(Clone, Copy, Debug)]
struct Round {
    time: Duration,
    memory: f64,
}

pub(crate) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let mut bryo = Command::new(&bench.bryo);
    bryo.args(["run", "--"]).arg(&bench.itself).arg("--hold");
    let mut bwrap = peer::bwrap(&peer::equal_view(bench)?);
    bwrap.arg(&bench.itself).arg("--hold");
    let mut rows = two_rows(100, bench.effort.choose(11, 2), &mut bryo, &mut bwrap)?;
    rows.extend(two_rows(1000, bench.effort.choose(3, 1), &mut bryo, &mut bwrap)?);
    Ok(rows)
}

fn two_rows(
    number: usize,
    rounds: usize,
    bryo: &mut Command,
    bwrap: &mut Command,
) -> Result<Vec<Row>> {
    let mut with_bryo = || round(number, bryo);
    let mut with_bwrap = || round(number, bwrap);
    let taken = turns::take(1, rounds, &mut [&mut with_bryo, &mut with_bwrap])?;
    let time = |rounds: &[Round]| Figure::Time(median(rounds.iter().map(|it| it.time).collect()));
    let memory =
        |rounds: &[Round]| Figure::Bytes(median(rounds.iter().map(|it| it.memory).collect()));
    let row =
        |case: String, bryo, peer| Row { case, bryo, peer, goal: Goal::AtMost(0.8), runs: rounds };
    Ok(vec![
        row(
            format!(
                "{number} at once, against `bwrap --unshare-all` (equal view): until all have written a byte"
            ),
            time(&taken[0]),
            time(&taken[1]),
        ),
        row(
            format!("{number} at once: memory each, processes and kernel"),
            memory(&taken[0]),
            memory(&taken[1]),
        ),
    ])
}

/// The command inside: says that it is there, and waits to be let go.
pub(crate) fn hold() -> Result<()> {
    std::io::stdout().write_all(b"!")?;
    std::io::stdout().flush()?;
    std::io::stdin().read_exact(&mut [0]).or(Ok(()))
}

fn round(number: usize, command: &mut Command) -> Result<Round> {
    let before = settled_memory()?;
    let (hold, release) = pipe()?;
    let (mut arrivals, arrive) = pipe()?;
    command.stdin(Stdio::from(hold)).stdout(Stdio::from(arrive)).stderr(Stdio::inherit());
    let start = Instant::now();
    let mut children = Vec::with_capacity(number);
    let all_there = start_all(number, command, &mut children)
        .and_then(|()| await_all(number, command, &mut arrivals));
    let time = start.elapsed();
    let after = memory_in_use()?;
    drop(release);
    end_all(&mut children)?;
    all_there?;
    Ok(Round { time, memory: (after - before) / number as f64 })
}

fn start_all(number: usize, command: &mut Command, children: &mut Vec<Child>) -> Result<()> {
    for _ in 0..number {
        children.push(command.spawn()?);
    }
    Ok(())
}

/// A byte from each. The command lets go of its end of the pipe, so that dead ones end the wait.
fn await_all(number: usize, command: &mut Command, arrivals: &mut PipeReader) -> Result<()> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut bytes = vec![0; number];
    arrivals.read_exact(&mut bytes).map_err(|_| "some sandboxes ended early".into())
}

/// They end by themselves once they are let go; what does not is killed, by its own handle.
fn end_all(children: &mut [Child]) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut killed = 0;
    for child in children.iter_mut() {
        while child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                child.kill()?;
                child.wait()?;
                killed += 1;
                break;
            }
            sleep(Duration::from_millis(1));
        }
    }
    if killed > 0 { Err(format!("{killed} sandboxes had to be killed").into()) } else { Ok(()) }
}

/// The kernel takes namespaces apart after their last process has gone: waits for that.
fn settled_memory() -> Result<f64> {
    const STILL: f64 = 2e6;
    let mut before = memory_in_use()?;
    for _ in 0..40 {
        sleep(Duration::from_millis(250));
        let now = memory_in_use()?;
        if (now - before).abs() < STILL {
            return Ok(now);
        }
        before = now;
    }
    Ok(before)
}

/// Bytes of this machine that processes hold and that the kernel holds for them: not the page
/// cache, which others fill meanwhile (proc_meminfo(5)).
fn memory_in_use() -> Result<f64> {
    const PARTS: [&str; 6] =
        ["AnonPages:", "Shmem:", "KernelStack:", "PageTables:", "Slab:", "Percpu:"];
    let text = fs::read_to_string("/proc/meminfo")?;
    let mut kibibytes = 0.0;
    for line in text.lines() {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(number)) = (words.next(), words.next())
            && PARTS.contains(&name)
        {
            kibibytes += number.parse::<f64>()?;
        }
    }
    Ok(kibibytes * 1024.0)
}
