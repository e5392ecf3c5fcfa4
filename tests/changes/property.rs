//! The property of try and apply: what a command does to random trees in a sandbox, and an apply
//! carries over, is to the byte what it does to equal trees outside; an undo takes it back, and a
//! part applied by its paths and then the rest is the whole.
//!
//! The seeds are the same each time. `BRYO_SEED=N` repeats one; `BRYO_ROUNDS=N` takes so many times
//! the usual number, all of them new.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::Driver;
use super::round::{Round, TREES};

/// At once; the suite runs other tests beside.
const WORKERS: usize = 2;

#[test]
fn kernel() {
    hold_under(Driver::Kernel, 30);
}

#[test]
fn fuse() {
    hold_under(Driver::Fuse, 20);
}

fn hold_under(driver: Driver, rounds: u64) {
    if let Some(why) = driver.lacking() {
        skip!("{why}");
    }
    let seeds = seeds(rounds);
    let (next, faults, strange) = (AtomicU64::new(0), Mutex::new(String::new()), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
                    match Round::new(*seed, driver).run() {
                        Ok(told) => _ = strange.fetch_add(told, Ordering::Relaxed),
                        Err(fault) => {
                            let mut faults = faults.lock().unwrap();
                            let _ = writeln!(faults, "BRYO_SEED={seed}: {fault}");
                        }
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "under {}:\n{faults}", driver.name());
    tell(driver, seeds.len() as u64 * TREES, strange.into_inner());
}

fn seeds(rounds: u64) -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|it| it.parse().ok());
    if let Some(seed) = number("BRYO_SEED") {
        return vec![seed];
    }
    let Some(times) = number("BRYO_ROUNDS") else { return (0..rounds).collect() };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64;
    (now..now + rounds * times).collect()
}

/// Past the capture of the test harness: `scripts/test` repeats the line.
fn tell(driver: Driver, trees: u64, strange: u64) {
    // fuse-overlayfs 1.10 shows old content again where a directory of a lower layer was replaced
    // more than once: what its sandboxes saw is not what a plain run makes. Such trees count apart.
    assert!(strange * 3 < trees, "{strange} of {trees} trees looked otherwise in the sandbox");
    let apart = match strange {
        0 => String::new(),
        strange => format!(" ({strange} more that the driver itself showed wrongly)"),
    };
    let (trees, name) = (trees - strange, driver.name());
    let line = format!("\nchanges: {trees} trees under {name}, all equal{apart}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}
