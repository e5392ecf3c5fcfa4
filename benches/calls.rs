//! Work that is mostly system calls: what the filter of system calls costs it. The peer is bryo
//! without the filter; everything else is the same on both sides. Nothing is written to the disk.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::row::{Figure, Goal, Row};
use crate::{Bench, Result, filesystem, turns};

/// How the table calls it, what is done in the working directory, and how often, at the full effort.
const WORKLOADS: [(&str, &str, usize); 3] = [
    ("a shell loop of 5,000 execs", "for n in $(seq 5000); do /bin/true; done", 5),
    ("`git status` on 50,000 files", "git -C files status --porcelain", 31),
    (
        "a compile of 60 files in C",
        "make -s -C /tmp -f $PWD/program/Makefile VPATH=$PWD/program",
        5,
    ),
];

pub(crate) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    make_files(&bench.scratch.join("files"))?;
    filesystem::make_program(&bench.scratch.join("program"), 60)?;
    WORKLOADS.iter().map(|workload| row(bench, *workload)).collect()
}

fn row(bench: &Bench, (name, script, full): (&str, &str, usize)) -> Result<Row> {
    let with = |filter: &str| {
        let mut command = Command::new(&bench.bryo);
        command.args(["run", "--seccomp", filter, "--", "sh", "-ec", script]);
        command
    };
    let runs = bench.effort.choose(full, 3);
    let times = turns::median_times(runs, &mut [with("default"), with("none")])?;
    Ok(Row {
        case: format!("{name}, against the same under `--seccomp none`"),
        bryo: Figure::Time(times[0]),
        peer: Figure::Time(times[1]),
        goal: Goal::AtMost(1.05),
        runs,
    })
}

/// A repository of 50,000 files in 500 directories.
fn make_files(repository: &Path) -> Result<()> {
    for directory in 0..500 {
        let directory = repository.join(directory.to_string());
        fs::create_dir_all(&directory)?;
        for file in 0..100 {
            fs::write(directory.join(file.to_string()), "text\n")?;
        }
    }
    let script = "git init -q && git add . &&
        git -c user.name=bench -c user.email=bench@localhost commit -q -m all";
    turns::prove_that_it_runs(Command::new("sh").args(["-ec", script]).current_dir(repository))
}
