//! Work on files in an overlay: through bryo, and through the same driver mounted by hand. Only the
//! work is timed, from inside; what is written goes to memory on both sides, because ext4 is slow
//! for minutes after many deletions.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::row::{Figure, Goal, Row};
use crate::turns::{self, median};
use crate::{Bench, Result};

/// What is done in the tree, and how the table calls it.
const WORKLOADS: [(&str, &str); 4] = [
    ("walk", "find tree -printf %s%m >/dev/null"),
    // By hand it is root of its user namespace, who would restore owners too.
    ("untar", "mkdir new && tar -xf archive.tar --no-same-owner --no-same-permissions -C new"),
    ("git clone", "git clone -q --no-hardlinks repository clone"),
    ("build", "make -s -j1 -C source"),
];

pub(crate) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let lower = bench.scratch.join("lower");
    make_tree(&lower)?;
    fs::create_dir_all(bench.scratch.join("by-hand"))?;
    let mut rows = driver_rows(bench, "kernel", KERNEL_BY_HAND)?;
    rows.extend(driver_rows(bench, "fuse", FUSE_BY_HAND)?);
    Ok(rows)
}

/// `$1` is the scratch directory, `$2` this program.
const KERNEL_BY_HAND: &str = "set -e; cd \"$1/by-hand\"
mount -t tmpfs tmpfs . && cd \"$1/by-hand\" && mkdir upper work merged
mount -t overlay overlay -o \"lowerdir=$1/lower,upperdir=upper,workdir=work,userxattr,volatile\" merged
exec \"$2\" --work \"$1/by-hand/merged\"";
const FUSE_BY_HAND: &str = "set -e; cd \"$1/by-hand\"
mount -t tmpfs tmpfs . && cd \"$1/by-hand\" && mkdir upper work merged
fuse-overlayfs -o \"lowerdir=$1/lower,upperdir=upper,workdir=work,volatile\" merged
\"$2\" --work \"$1/by-hand/merged\"
umount -l merged";

fn driver_rows(bench: &Bench, driver: &str, script: &str) -> Result<Vec<Row>> {
    let runs = bench.effort.choose(11, 3);
    let mut through_bryo = || {
        let mut command = Command::new(&bench.bryo);
        let lower = bench.scratch.join("lower");
        command.args(["run", "--overlay-driver", driver, "--overlay"]).arg(&lower).arg("--");
        command.arg(&bench.itself).arg("--work").arg(&lower);
        times_of(&mut command)
    };
    let mut by_hand = || {
        let mut command = Command::new("unshare");
        command.args(["-Urm", "--propagation", "private", "sh", "-c", script, "sh"]);
        command.arg(&bench.scratch).arg(&bench.itself);
        times_of(&mut command)
    };
    let taken = turns::take(1, runs, &mut [&mut through_bryo, &mut by_hand])?;
    let figure = |side: &[Vec<Duration>], workload: usize| {
        Figure::Time(median(side.iter().map(|times| times[workload]).collect()))
    };
    let row = |(index, (name, _)): (usize, &(&str, &str))| Row {
        case: format!(
            "{name} in an overlay of `--overlay-driver {driver}`, against it mounted by hand"
        ),
        bryo: figure(&taken[0], index),
        peer: figure(&taken[1], index),
        goal: Goal::AtMost(1.05),
        runs,
    };
    Ok(WORKLOADS.iter().enumerate().map(row).collect())
}

fn times_of(command: &mut Command) -> Result<Vec<Duration>> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::piped()).output()?;
    let text = String::from_utf8(output.stdout)?;
    let times: Vec<Duration> =
        text.lines().flat_map(str::parse).map(Duration::from_nanos).collect();
    if output.status.success() && times.len() == WORKLOADS.len() {
        return Ok(times);
    }
    Err(format!("{}: {command:?}\n{}", output.status, turns::first_lines(&output.stderr)).into())
}

/// Inside: does the work and prints nanoseconds, a line each.
pub(crate) fn work(tree: &Path) -> Result<()> {
    for (name, script) in WORKLOADS {
        let start = Instant::now();
        let output = Command::new("sh")
            .args(["-ec", script])
            .current_dir(tree)
            .stdin(Stdio::null())
            .output()?;
        let time = start.elapsed();
        if !output.status.success() {
            return Err(format!("{name} failed: {}", turns::first_lines(&output.stderr)).into());
        }
        writeln!(std::io::stdout(), "{}", time.as_nanos())?;
    }
    Ok(())
}

/// A tree of 4,000 files, an archive and a repository of it, and a program in C.
fn make_tree(lower: &Path) -> Result<()> {
    for directory in 0..40 {
        let directory = lower.join(format!("tree/{directory}"));
        fs::create_dir_all(&directory)?;
        for file in 0..100_usize {
            fs::write(directory.join(file.to_string()), "some text\n".repeat(10 + file * 4))?;
        }
    }
    make_program(&lower.join("source"), 12)?;
    let script = "tar -cf archive.tar tree && cp -r tree repository && cd repository &&
        git init -q && git add . &&
        git -c user.name=bench -c user.email=bench@localhost commit -q -m all";
    turns::prove_that_it_runs(Command::new("sh").args(["-ec", script]).current_dir(lower))
}

/// A program in C of so many files, and its Makefile.
pub(crate) fn make_program(source: &Path, parts: usize) -> Result<()> {
    fs::create_dir_all(source)?;
    let mut objects = String::new();
    for part in 0..parts {
        let file = PathBuf::from(format!("part{part}.c"));
        let text = format!(
            "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n\
             int part{part}(void) {{ return (int)strlen(\"{part}\"); }}\n"
        );
        fs::write(source.join(&file), text)?;
        objects.push_str(&format!(" part{part}.o"));
    }
    fs::write(source.join("main.c"), "int main(void) { return 0; }\n")?;
    let makefile = format!("program: main.o{objects}\n\t$(CC) -o $@ $^\n");
    Ok(fs::write(source.join("Makefile"), makefile)?)
}
