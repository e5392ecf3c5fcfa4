//! All faults of a kind, by a few workers side by side, and the count of them.

use std::collections::{BTreeMap, HashSet};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{ChildStderr, ChildStdout};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::Signal;

use crate::facts;
use crate::fault::{self, Extent};
use crate::kind::{Ends, Kind, Store};
use crate::story::{Call, Deed, Fault, Role, Step};
use crate::support::{Deadline, Home, Stopwatch};
use crate::tracer::{self, Mark};
use crate::traces::{self, Before};
use crate::verdict::{self, Outcome};
use crate::world::Unchanged;

/// No run may take longer, whatever fails.
const LIMIT: Duration = Duration::from_secs(5);
/// Beside the tests of other kinds.
const WORKERS: usize = 2;
/// More than this part of the faults must be met.
const PART_MET: f64 = 0.95;
/// How often a call that did not come is waited for in another run, and a run judged anew in which
/// the machine stood still.
const AGAIN: u32 = 2;

static INJECTED: AtomicUsize = AtomicUsize::new(0);
static CLEAN: AtomicUsize = AtomicUsize::new(0);

/// As much as there is time for.
pub(crate) fn sweep(kind: &Kind) {
    sweep_by(kind, extent());
}

pub(crate) fn sweep_by(kind: &Kind, extent: Extent) {
    if let Some(lack) = kind.lack() {
        skip!("{lack}");
    }
    let _world = Unchanged::begin();
    let started = Stopwatch::start();
    let home = kind.home();
    let first = launch(kind, &home, None);
    let is_good = first.story.status == 0 && first.left.is_empty();
    assert!(is_good && verdict::is_quiet(&first.stderr), "without a fault: {first:?}");
    assert!(first.facts.contains("status NoNewPrivs:\t1"), "no facts: {}", first.facts);
    let again = launch(kind, &home, None);
    assert_eq!(facts::difference(&first.facts, &again.facts), "lacks [], has []");

    let steps = common(first.story.steps, &again.story.steps);
    let faults = wanted(fault::all(&steps, kind, extent));
    let total =
        Total { next: AtomicUsize::new(0), met: AtomicUsize::new(0), unclean: Mutex::default() };
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| work(kind, &faults, &first.facts, &total));
        }
    });
    total.report(kind, &faults, started.elapsed());
}

/// What both runs did: which calls there are beyond that depends on time, and a fault at one of them
/// is rarely met.
fn common(one: Vec<Step>, other: &[Step]) -> Vec<Step> {
    let others: HashSet<Call> = other.iter().map(|step| step.call).collect();
    one.into_iter().filter(|step| others.contains(&step.call)).collect()
}

fn extent() -> Extent {
    match std::env::var_os("BRYO_FAULTS").is_some_and(|it| it == "complete") {
        true => Extent::Complete,
        false => Extent::Sample,
    }
}

fn wanted(faults: Vec<Fault>) -> Vec<Fault> {
    match std::env::var("BRYO_FAULTS") {
        Ok(part) if part != "complete" => {
            faults.into_iter().filter(|fault| fault.to_string().contains(&part)).collect()
        }
        _ => faults,
    }
}

/// What the workers of a kind share.
struct Total {
    next: AtomicUsize,
    met: AtomicUsize,
    /// The complaints, and the faults that each was about.
    unclean: Mutex<BTreeMap<String, Vec<String>>>,
}

fn work(kind: &Kind, faults: &[Fault], truth: &str, total: &Total) {
    let mut home = kind.home();
    while let Some(fault) = faults.get(total.next.fetch_add(1, Ordering::Relaxed)) {
        for attempt in 0.. {
            let watch = Stopwatch::start();
            let outcome = meet(kind, &home, fault);
            if !outcome.story.met {
                break;
            }
            let Some(complaint) = verdict::complaint(&outcome, truth, fault) else {
                total.count(fault, None);
                break;
            };
            // At once: a sweep may be cut short.
            tell(&format!("{}: {fault}: {complaint}", kind.name));
            let complaint = without_names_of_the_run(&complaint, home.root());
            // What it may have left must not be the next one's.
            home = kind.home();
            if !watch.saw_a_standstill() || attempt == AGAIN {
                total.count(fault, Some(complaint));
                break;
            }
            tell(&format!("once more: the machine stood still for {:?}", watch.lost()));
        }
    }
}

/// A run in which the fault was met, unless that does not come about.
fn meet(kind: &Kind, home: &Home, fault: &Fault) -> Outcome {
    let mut outcome = launch(kind, home, Some(fault));
    // Two runs are never quite the same: what depends on time comes in one and not in another.
    for _ in 0..AGAIN {
        if !outcome.story.met && outcome.story.hung.is_none() {
            outcome = launch(kind, home, Some(fault));
        }
    }
    if is_for_the_next_run(kind, fault) && !outcome.left.is_empty() {
        let before = std::mem::take(&mut outcome.left);
        launch(kind, home, None);
        outcome.left = before.into_iter().filter(|it| traces::is_there(it)).collect();
    }
    outcome
}

/// A caller that is killed before it has a cleaner leaves the directory that it has just made on
/// disk. Nobody is there to remove it but the next run.
fn is_for_the_next_run(kind: &Kind, fault: &Fault) -> bool {
    kind.store == Store::OnDisk && fault.deed == Deed::Signal(Role::Caller, Signal::KILL)
}

/// So that the same complaint about several runs is told once.
fn without_names_of_the_run(complaint: &str, home: &Path) -> String {
    let complaint = complaint.replace(&*home.to_string_lossy(), "HOME");
    let mut words: Vec<_> = complaint.split(' ').map(str::to_owned).collect();
    for word in &mut words {
        if let Some(at) = word.find("/run-") {
            let number = word[at + 5..].bytes().take_while(u8::is_ascii_digit).count();
            word.replace_range(at + 5..at + 5 + number, "PID");
        }
    }
    words.join(" ")
}

impl Total {
    fn count(&self, fault: &Fault, complaint: Option<String>) {
        self.met.fetch_add(1, Ordering::Relaxed);
        if let Some(complaint) = complaint {
            let mut unclean = self.unclean.lock().unwrap();
            unclean.entry(complaint).or_default().push(fault.to_string());
        }
    }

    fn report(&self, kind: &Kind, faults: &[Fault], took: Duration) {
        let unclean = self.unclean.lock().unwrap();
        let met = self.met.load(Ordering::Relaxed);
        let clean = met - unclean.values().map(Vec::len).sum::<usize>();
        INJECTED.fetch_add(met, Ordering::Relaxed);
        CLEAN.fetch_add(clean, Ordering::Relaxed);
        tracer::at_exit(tell_total);
        let (name, all, took) = (kind.name, faults.len(), took.as_secs());
        tell(&format!("{name}: {met} of {all} faults injected, {clean} clean, {took} s"));
        let lines = unclean.iter().map(|(complaint, faults)| {
            let some = faults.iter().take(6).cloned().collect::<Vec<_>>().join("; ");
            format!("{complaint}\n      {} times: {some}", faults.len())
        });
        let lines = lines.collect::<Vec<_>>();
        assert!(lines.is_empty(), "{name}: not clean:\n  {}\n", lines.join("\n  "));
        assert!(met as f64 >= all as f64 * PART_MET, "only {met} of {all} faults were met");
    }
}

/// Past the capture of the test harness.
fn tell(text: &str) {
    let _ = std::io::stderr().write_all(format!("faults: {text}\n").as_bytes());
}

/// Of all kinds that ran, as the last word of this program.
extern "C" fn tell_total() {
    let [injected, clean] = [&INJECTED, &CLEAN].map(|count| count.swap(0, Ordering::Relaxed));
    if injected > 0 {
        tell(&format!("{injected} faults injected, {clean} clean"));
    }
}

fn launch(kind: &Kind, home: &Home, fault: Option<&Fault>) -> Outcome {
    let before = Before::look(home);
    let mark = next_mark();
    let (command, ends) = kind.command(home);
    let screen = match ends {
        Ends::Terminal(master) => Some(read_beside(master)),
        Ends::Pipes => None,
    };
    let (story, mut child) =
        tracer::run(command, kind.streams, mark, fault, Deadline::after(LIMIT));
    kind.tidy_up(home);
    let left = before.left(mark);
    let stderr = child.stderr.take().map(ChildStderr::into).map(read_what_is_there);
    let stdout = child.stdout.take().map(ChildStdout::into).map(read_what_is_there);
    let stdout = stdout.or_else(|| screen?.recv_timeout(LIMIT).ok()).unwrap_or_default();
    let stderr = String::from_utf8_lossy(&stderr.unwrap_or_default()).into_owned();
    Outcome { story, facts: facts::of(&stdout, home.root()), stderr, left }
}

/// A limit in microseconds, far above what any process runs.
fn next_mark() -> Mark {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    (u64::from(std::process::id()) << 32) + 1_000_000_000_000_000 + count
}

fn read_beside(mut master: std::fs::File) -> std::sync::mpsc::Receiver<Vec<u8>> {
    let (tells, hears) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // A terminal whose other side has gone ends with EIO.
        let _ = master.read_to_end(&mut bytes);
        tells.send(bytes)
    });
    hears
}

/// A pipe that something still holds open has no end: that one was found among what is left.
fn read_what_is_there(pipe: std::os::fd::OwnedFd) -> Vec<u8> {
    let mut bytes = Vec::new();
    rustix::io::ioctl_fionbio(&pipe, true).unwrap();
    let _ = std::fs::File::from(pipe).read_to_end(&mut bytes);
    bytes
}
