//! bryo beside its peers: starts commands in turn, takes times, prints rows of a Markdown table.
//! `scripts/bench` calls it, as an ordinary user in a scratch directory that becomes the working
//! directory of everything it starts. It must never judge a figure: it fails only when something
//! cannot run.

mod calls;
mod changes;
mod filesystem;
mod many;
mod network;
mod peer;
mod pipe;
mod quiet;
mod rootfs;
mod row;
mod start;
mod turns;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use row::Row;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// How much is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Effort {
    Full,
    /// A look, not a figure to publish.
    Quick,
}

impl Effort {
    fn choose<T>(self, full: T, quick: T) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
        }
    }
}

/// What every row needs to know.
struct Bench {
    bryo: PathBuf,
    /// This program, as sandboxes see it too: it is below the working directory.
    itself: PathBuf,
    /// The working directory.
    scratch: PathBuf,
    effort: Effort,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<()> {
    match words {
        // What this program does inside the sandboxes that it measures.
        ["--hold"] => many::hold(),
        ["--ask", address] => network::ask(address),
        ["--work", tree] => filesystem::work(tree.as_ref()),
        ["--change", plan, count] => changes::change(plan, count),
        ["--peak", command @ ..] => changes::peak(command),
        ["--quick", group] => measure(group, Effort::Quick),
        [group] => measure(group, Effort::Full),
        _ => Err("call scripts/bench instead".into()),
    }
}

fn measure(group: &str, effort: Effort) -> Result<()> {
    let bench = Bench::new(effort)?;
    quiet::wait_for_a_quiet_machine(group)?;
    let rows = match group {
        "view" => start::default_view(&bench)?,
        "ids" => start::subordinate_ids(&bench)?,
        "confinement" => start::confinement(&bench)?,
        "calls" => calls::rows(&bench)?,
        "rootfs" => rootfs::rows(&bench)?,
        "net" => network::rows(&bench)?,
        "many" => many::rows(&bench)?,
        "pipe" => pipe::rows(&bench)?,
        "overlay" => filesystem::rows(&bench)?,
        "try" => changes::start(&bench)?,
        "changes" => changes::rows(&bench)?,
        "memory" => changes::memory(&bench)?,
        _ => return Err(format!("no row is called `{group}`").into()),
    };
    print_rows(&rows)
}

fn print_rows(rows: &[Row]) -> Result<()> {
    let mut out = std::io::stdout();
    for row in rows {
        writeln!(out, "{row}")?;
    }
    Ok(())
}

impl Bench {
    fn new(effort: Effort) -> Result<Self> {
        let bryo = std::env::var_os("BRYO_BIN").ok_or("BRYO_BIN does not name bryo")?;
        Ok(Self {
            bryo: bryo.into(),
            itself: std::env::current_exe()?,
            scratch: std::env::current_dir()?,
            effort,
        })
    }

    /// How often what takes milliseconds is started.
    fn starts(&self) -> usize {
        self.effort.choose(200, 20)
    }
}
