//! Whether this machine stands still. A virtual one does now and then, for seconds: its hypervisor
//! runs others, or its disk does not answer. Whoever waits meanwhile is not late.
//!
//! A thread beats: it sleeps, makes a file without a name, and now and then waits for the disk. All
//! that a beat takes beyond what the busiest machine needs for it is lost time.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;

const PAUSE: Duration = Duration::from_millis(20);
/// One of so many waits for the disk, which is work for it.
const DISK: u32 = 50;
/// What a beat may take.
const BEAT: Duration = Duration::from_millis(120);

struct Pulse {
    lost: Duration,
    /// Of the beat that is under way.
    begun: Instant,
}

/// How much time was lost since the first call.
pub(crate) fn lost() -> Duration {
    static PULSE: OnceLock<Mutex<Pulse>> = OnceLock::new();
    let mut is_first = false;
    let pulse = PULSE.get_or_init(|| {
        is_first = true;
        Mutex::new(Pulse { lost: Duration::ZERO, begun: Instant::now() })
    });
    if is_first {
        std::thread::spawn(|| beat(pulse));
    }
    let pulse = pulse.lock().unwrap();
    pulse.lost + beyond(pulse.begun.elapsed())
}

fn beat(pulse: &Mutex<Pulse>) {
    for number in 0u32.. {
        std::thread::sleep(PAUSE);
        // Not every file system has such files; then there is the sleep.
        if let Ok(mut file) = file_without_a_name()
            && number.is_multiple_of(DISK)
        {
            let _ = file.write_all(b"x").and_then(|()| file.sync_all());
        }
        let mut pulse = pulse.lock().unwrap();
        let took = pulse.begun.elapsed();
        pulse.lost += beyond(took);
        pulse.begun = Instant::now();
    }
}

fn beyond(took: Duration) -> Duration {
    took.saturating_sub(BEAT)
}

fn file_without_a_name() -> io::Result<File> {
    let flags = OFlags::TMPFILE.bits().cast_signed();
    OpenOptions::new().write(true).custom_flags(flags).open(std::env::temp_dir())
}
