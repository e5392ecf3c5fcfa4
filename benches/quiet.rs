//! Whether the machine has anything else to do.

use std::fs;
use std::io::Write;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Result;

const PATIENCE: Duration = Duration::from_secs(20);
const BUSY: f64 = 0.10;

/// Waits a little for a quiet machine; says so when there was none.
pub(crate) fn wait_for_a_quiet_machine(row: &str) -> Result<()> {
    let start = Instant::now();
    loop {
        let busy = busy_share()?;
        if busy < BUSY {
            return Ok(());
        }
        if start.elapsed() > PATIENCE {
            let percent = busy * 100.0;
            writeln!(std::io::stderr(), "not quiet: {percent:.0} % busy when `{row}` began")?;
            return Ok(());
        }
    }
}

/// The share of processor time that was not idle, over a moment.
fn busy_share() -> Result<f64> {
    let before = processor_time()?;
    sleep(Duration::from_millis(500));
    let after = processor_time()?;
    let (all, idle) = (after.0 - before.0, after.1 - before.1);
    Ok((all - idle) / all.max(1.0))
}

/// All ticks, and the idle ones (proc_stat(5)).
fn processor_time() -> Result<(f64, f64)> {
    let text = fs::read_to_string("/proc/stat")?;
    let line = text.lines().next().ok_or("/proc/stat is empty")?;
    let ticks: Vec<f64> = line.split_whitespace().skip(1).flat_map(str::parse).collect();
    Ok((ticks.iter().take(8).sum(), ticks.iter().skip(3).take(2).sum()))
}
