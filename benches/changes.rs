//! What a try costs, and what is done with its changes: listing, summing up, applying. Trees are
//! made in the scratch directory, on its disk, and are gone after the row. Where work begins with
//! nothing to write to the disk, what others left to write was written before, untimed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::row::{Figure, Goal, Row};
use crate::turns::{self, median, median_times, prove_that_it_runs, start_to_end};
use crate::{Bench, Result};

/// `bryo try` beside `bryo run`.
pub(crate) fn start(bench: &Bench) -> Result<Vec<Row>> {
    // After a run, but not after a try, the directory is looked through for what became dangerous.
    let empty = bench.scratch.join("empty");
    fs::create_dir_all(&empty)?;
    let command = |verb: &str| {
        let mut command = Command::new(&bench.bryo);
        command.args([verb, "--", "/bin/true"]).current_dir(&empty);
        command
    };
    let runs = bench.starts();
    let times = median_times(runs, &mut [command("try"), command("run")])?;
    Ok(vec![Row {
        case: "`bryo try`, nothing changed, against `bryo run`".to_owned(),
        bryo: Figure::Time(times[0]),
        peer: Figure::Time(times[1]),
        goal: Goal::AtMost(1.3),
        runs,
    }])
}

pub(crate) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = listing(bench)?;
    rows.push(summary(bench)?);
    rows.extend(apply_of_small_files(bench)?);
    rows.push(apply_of_a_large_file(bench)?);
    Ok(rows)
}

/// Inside and outside: changes the working directory, by a plan and a number of files.
pub(crate) fn change(plan: &str, count: &str) -> Result<()> {
    let count: usize = count.parse()?;
    match plan {
        "fill" => write_files("old", 0..count, "as it was\n"),
        "mix" => {
            // git holds both sides of what was modified at once, and has room for 32,000 pairs.
            write_files("new", 0..count * 7 / 10, "new\n")?;
            write_files("old", 0..count / 5, "otherwise\n")?;
            (count / 5..count * 3 / 10)
                .try_for_each(|file| Ok(fs::remove_file(path_of("old", file))?))
        }
        // Without content a million of them take no disk but their inodes.
        "fill-empty" => write_files("old", 0..count, ""),
        "add-empty" => write_files("new", 0..count, ""),
        "add" => write_files("new", 0..count, "some text, a line of it\n"),
        "touch" => write_files("old", 0..count, "otherwise\n"),
        _ => Err(format!("no plan is called `{plan}`").into()),
    }
}

/// A hundred in a directory.
fn path_of(top: &str, file: usize) -> PathBuf {
    PathBuf::from(format!("{top}/{}/{file}", file / 100))
}

fn write_files(top: &str, files: std::ops::Range<usize>, text: &str) -> Result<()> {
    for file in files {
        let path = path_of(top, file);
        if file % 100 == 0 {
            fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}

/// A directory to try things in, and one try in it; both are gone with it.
struct Tried<'a> {
    bench: &'a Bench,
    project: PathBuf,
    name: String,
}

impl<'a> Tried<'a> {
    /// Before the try, `before` is done in the directory.
    fn make(bench: &'a Bench, name: &str, before: &[&str], what: &[&str]) -> Result<Self> {
        let project = bench.scratch.join(name);
        fs::create_dir_all(&project)?;
        fs::copy(&bench.itself, project.join("bench"))?;
        let tried = Self { bench, project, name: name.to_owned() };
        if !before.is_empty() {
            tried.plainly(&tried.project, before)?;
        }
        let mut command = tried.bryo("try", &["--keep", "--name", name, "--"]);
        prove_that_it_runs(command.arg("./bench").arg("--change").args(what))?;
        Ok(tried)
    }

    fn bryo(&self, verb: &str, words: &[&str]) -> Command {
        let mut command = Command::new(&self.bench.bryo);
        command.arg(verb).args(words).current_dir(&self.project);
        command
    }

    /// The same without a sandbox, on that directory itself.
    fn plainly(&self, directory: &Path, what: &[&str]) -> Result<()> {
        let mut command = Command::new(&self.bench.itself);
        prove_that_it_runs(command.arg("--change").args(what).current_dir(directory))
    }

    /// The layer on the disk.
    fn upper(&self) -> Result<PathBuf> {
        let home = PathBuf::from(std::env::var_os("HOME").ok_or("there is no HOME")?);
        let kept = home.join(".local/share/bryo/changes").join(&self.name);
        Ok(kept.join("layers/0/upper"))
    }
}

impl Drop for Tried<'_> {
    fn drop(&mut self) {
        let discarded = self.bryo("discard", &[&self.name]).stderr(Stdio::null()).status();
        let _ = discarded.and_then(|_| fs::remove_dir_all(&self.project));
    }
}

fn listing(bench: &Bench) -> Result<Vec<Row>> {
    let count = bench.effort.choose(100_000, 5_000);
    let (old, all) = ((count * 3 / 10).to_string(), count.to_string());
    let tried = Tried::make(bench, "listed", &["fill", &old], &["mix", &all])?;
    let mut walk = Command::new("find");
    walk.arg(tried.upper()?).args(["-printf", "%s %m\n"]);
    // The same change to a copy.
    let changed = tried.project.join("changed");
    let copy = ["-a", "old"].map(str::to_owned);
    fs::create_dir(&changed)?;
    prove_that_it_runs(Command::new("cp").args(copy).arg(&changed).current_dir(&tried.project))?;
    tried.plainly(&changed, &["mix", &all])?;
    let plain = tried.project.join("plain");
    fs::create_dir(&plain)?;
    fs::rename(tried.project.join("old"), plain.join("old"))?;
    let versus = |program: &str, words: &[&str]| {
        let mut command = Command::new("sh");
        let script = format!("{program} {} plain changed; [ $? = 1 ]", words.join(" "));
        command.args(["-c", &script]).current_dir(&tried.project);
        command
    };
    let mut commands = [
        tried.bryo("diff", &["--name-only", "listed"]),
        walk,
        versus("git", &["diff", "--no-index", "--no-renames", "--name-only"]),
        versus("diff", &["-rq"]),
    ];
    let (listed, peers) = commands.split_at_mut(2);
    // The tree below is there only while bryo reads it.
    let runs = bench.effort.choose(11, 3);
    let back = || fs::rename(plain.join("old"), tried.project.join("old"));
    let away = || fs::rename(tried.project.join("old"), plain.join("old"));
    back()?;
    let ours = median_times(runs, listed)?;
    away()?;
    let theirs = median_times(bench.effort.choose(5, 1), peers)?;
    let row = |against: &str, peer, goal| Row {
        case: format!("list {count} changes, against {against}"),
        bryo: Figure::Time(ours[0]),
        peer: Figure::Time(peer),
        goal,
        runs,
    };
    Ok(vec![
        row("`find -printf %s` in the layer", ours[1], Goal::AtMost(1.5)),
        row("`git diff --no-index --name-only` of both trees", theirs[0], Goal::Informative),
        row("`diff -rq` of both trees", theirs[1], Goal::Informative),
    ])
}

fn summary(bench: &Bench) -> Result<Row> {
    let count = bench.effort.choose(1_000_000, 20_000);
    let tried =
        Tried::make(bench, "summed", &["fill-empty", &count.to_string()], &["touch", "100"])?;
    let mut walk = Command::new("find");
    walk.args([".", "-printf", "%s\n"]).current_dir(&tried.project);
    let runs = bench.effort.choose(51, 5);
    let ours = median_times(runs, &mut [tried.bryo("diff", &["--summary", "summed"])])?[0];
    let peer = median_times(3, &mut [walk])?[0];
    Ok(Row {
        case: format!("sum up 100 changes above {count} files, against a walk of them"),
        bryo: Figure::Time(ours),
        peer: Figure::Time(peer),
        goal: Goal::TimeAtMost(Duration::from_millis(20)),
        runs,
    })
}

fn apply_of_small_files(bench: &Bench) -> Result<Vec<Row>> {
    let count = bench.effort.choose(100_000, 5_000);
    let all = count.to_string();
    let tried = Tried::make(bench, "applied", &[], &["add", &all])?;
    let (source, target) = (bench.scratch.join("source"), bench.scratch.join("target"));
    fs::create_dir_all(&source)?;
    tried.plainly(&source, &["add", &all])?;
    let mut apply = || {
        let time = after_sync(&mut tried.bryo("apply", &["applied"]))?;
        prove_that_it_runs(&mut tried.bryo("undo", &["applied"]))?;
        Ok(time)
    };
    let peer = |program: &str| {
        let mut command = Command::new(program);
        command.arg("-a").arg(source.join(".")).arg(&target);
        let time = after_sync(&mut command)?;
        fs::remove_dir_all(&target)?;
        Ok(time)
    };
    let (mut cp, mut rsync) = (|| peer("cp"), || peer("rsync"));
    let runs = bench.effort.choose(3, 2);
    let taken = turns::take(0, runs, &mut [&mut apply, &mut cp, &mut rsync])?;
    let times: Vec<Duration> = taken.into_iter().map(median).collect();
    fs::remove_dir_all(&source)?;
    let row = |against: &str, peer: usize, goal| Row {
        case: format!("apply {count} small files, against `{against} -a`"),
        bryo: Figure::Time(times[0]),
        peer: Figure::Time(times[peer]),
        goal,
        runs,
    };
    Ok(vec![row("cp", 1, Goal::AtMost(1.0)), row("rsync", 2, Goal::Informative)])
}

fn apply_of_a_large_file(bench: &Bench) -> Result<Row> {
    let size: u64 = bench.effort.choose(5_000_000_000, 50_000_000);
    let tried = Tried::make(bench, "large", &[], &["add", "0"])?;
    let script = format!("fallocate -l {size} large");
    let mut write = tried.bryo("try", &["--keep", "--on", "large", "--", "sh", "-c", &script]);
    prove_that_it_runs(&mut write)?;
    let mut apply = || {
        let time = after_sync(&mut tried.bryo("apply", &["large"]))?;
        prove_that_it_runs(&mut tried.bryo("undo", &["large"]))?;
        Ok(time)
    };
    let moved = tried.project.join("moved");
    prove_that_it_runs(Command::new("fallocate").args(["-l", &size.to_string()]).arg(&moved))?;
    let away = bench.scratch.join("moved");
    let mut rename = || {
        let time = after_sync(Command::new("mv").arg(&moved).arg(&away))?;
        fs::rename(&away, &moved)?;
        Ok(time)
    };
    let runs = bench.effort.choose(11, 3);
    let taken = turns::take(1, runs, &mut [&mut apply, &mut rename])?;
    let times: Vec<Duration> = taken.into_iter().map(median).collect();
    Ok(Row {
        case: format!("apply a file of {} MB, against `mv`", size / 1_000_000),
        bryo: Figure::Time(times[0]),
        peer: Figure::Time(times[1]),
        goal: Goal::TimeAtMost(Duration::from_millis(50)),
        runs,
    })
}

fn after_sync(command: &mut Command) -> Result<Duration> {
    prove_that_it_runs(&mut Command::new("sync"))?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    start_to_end(command)
}

/// How much memory each verb takes at most.
pub(crate) fn memory(bench: &Bench) -> Result<Vec<Row>> {
    let count = bench.effort.choose(1_000_000, 20_000);
    let tried = Tried::make(bench, "many", &[], &["add-empty", &count.to_string()])?;
    let verbs: [(&str, &[&str]); 6] = [
        ("list", &["diff", "--name-only", "many"]),
        ("diff --stat", &["diff", "--stat", "many"]),
        ("diff", &["diff", "many"]),
        ("apply", &["apply", "many"]),
        ("undo", &["undo", "many"]),
        ("discard", &["discard", "many"]),
    ];
    verbs
        .iter()
        .map(|(told, words)| {
            let start = Instant::now();
            let bytes = peak_of(tried.bryo(words[0], &words[1..]), &bench.itself)?;
            Ok(Row {
                case: format!("{told} {count} changes: memory at most, and how long it took"),
                bryo: Figure::Bytes(bytes),
                peer: Figure::Time(start.elapsed()),
                goal: Goal::BytesAtMost(32.0 * 1024.0 * 1024.0),
                runs: 1,
            })
        })
        .collect()
}

/// In a process of its own, which has no other child.
fn peak_of(command: Command, itself: &Path) -> Result<f64> {
    let mut peak = Command::new(itself);
    peak.arg("--peak").arg(command.get_program()).args(command.get_args());
    if let Some(directory) = command.get_current_dir() {
        peak.current_dir(directory);
    }
    let output = peak.stdin(Stdio::null()).stderr(Stdio::piped()).output()?;
    if !output.status.success() {
        return Err(format!("{command:?}\n{}", turns::first_lines(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// Runs a command and prints how many bytes of memory it had at most (getrusage(2)).
pub(crate) fn peak(words: &[&str]) -> Result<()> {
    use nix::sys::resource::{UsageWho, getrusage};
    let [program, arguments @ ..] = words else { return Err("no command".into()) };
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).status()?;
    if !status.success() {
        return Err(format!("{status}: {words:?}").into());
    }
    let kib = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
    Ok(std::io::Write::write_fmt(&mut std::io::stdout(), format_args!("{}\n", kib * 1024))?)
}
