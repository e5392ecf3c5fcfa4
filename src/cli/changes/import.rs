//! `bryo changes import`: a layer tar becomes kept changes. One that fails leaves none.

use std::ffi::OsString;
use std::io::{Read, Stdin};
use std::os::fd::{AsFd, OwnedFd};

use clap::{Arg, ArgMatches, Command};

use crate::base::wording::{all_of, count};
use crate::base::{Context, Error, HostPath, Result, Text};
use crate::changes::import::{Import, make_layers, uncompressed};
use crate::changes::{Dialect, Summary, apply, layers_in};
use crate::cli::policy::Place;
use crate::cli::{named, print, run};
use crate::plan::OverlayDriverPlan;
use crate::spec::{Origin, Sourced, Spec, ViewWish};
use crate::store::{ChangeStore, End, Kept, Record};
use crate::sys::poll::{Watch, wait_for};
use crate::sys::signal::{self, SignalQueue};
use crate::sys::{clock, terminal};

use super::export::real;
use super::remarks::Remarks;
use super::{file, is_stream};

pub(super) fn command() -> Command {
    Command::new("import")
        .about("Keep what a layer tar holds as changes, to be looked at and applied")
        .arg(file("The tar, plain or with gzip [default: stdin, as for `-`]"))
        .arg(
            Arg::new("name")
                .long("name")
                .value_name("NAME")
                .help("Keep the changes under this name [default: one that is made up]"),
        )
        .arg(
            Arg::new("onto")
                .long("onto")
                .value_name("DIR")
                .value_parser(clap::value_parser!(OsString))
                .help("Over this directory [default: what the tar notes, else this one]"),
        )
}

pub(super) fn run(matches: &ArgMatches) -> Result<u8> {
    let place = Place::read()?;
    let file = matches.get_one::<OsString>("file").filter(|file| !is_stream(file));
    let shown = file.map(|file| Text::from(file.clone()).to_string());
    let clause = || format!("cannot import `{}`", shown.as_deref().unwrap_or("-"));
    let input = Input::open(file, &place).context(clause)?;
    let mut input = uncompressed(input, shown.as_deref()).context(clause)?;
    let import = Import::open(&mut input).context(clause)?;
    let (root, lowers) = over(&import, matches, &place).context(clause)?;

    let store = ChangeStore::of(&place.directories.data);
    let kept = store.make(matches.get_one::<String>("name").map(String::as_str))?;
    let result = fill(&kept, import, &root, &lowers, shown.as_deref()).context(clause);
    match result {
        Ok(summary) => tell(&kept.name, summary, &lowers),
        Err(error) => {
            let name = kept.name.clone();
            return Err(match kept.remove() {
                Ok(()) => error,
                Err(_) => error.hint(format!("`bryo discard {name}` removes what is left of it")),
            });
        }
    }
    Ok(0)
}

/// To which directory the names of the tar are relative, and over which its layers lie.
fn over(
    import: &Import<'_>,
    matches: &ArgMatches,
    place: &Place,
) -> Result<(HostPath, Vec<HostPath>)> {
    let asked = matches.get_one::<OsString>("onto");
    if let (None, Some((root, lowers))) = (asked, import.noted()) {
        let is_there = |lower: &&HostPath| lower.as_path().is_dir();
        return match lowers.iter().find(|lower| !is_there(lower)) {
            None => Ok((root.clone(), lowers.to_vec())),
            Some(gone) => Err(Error::new(format!("`{gone}`, for which it was made, is not here"))
                .hint("`--onto DIR` puts it over another directory")),
        };
    }
    let onto = match asked {
        Some(onto) => real(onto, place)?,
        None => real(place.directory.as_path().as_os_str(), place)?,
    };
    Ok((onto.clone(), vec![onto]))
}

fn fill(
    kept: &Kept,
    import: Import<'_>,
    root: &HostPath,
    lowers: &[HostPath],
    file: Option<&str>,
) -> Result<Summary> {
    let _lock = kept.lock()?;
    let words = ["bryo", "changes", "import"].into_iter();
    let command: Vec<Text> = words.chain(file).map(Text::from).collect();
    make_layers(&kept.layers(), dialect_for(root), lowers)?;
    let record = kept.begin(&command, root)?;
    let layers = layers_in(&kept.layers())?;
    let mut remarks = Remarks::default();
    import.place(&layers, root, &mut |path, why| remarks.tell(path, why))?;
    remarks.end();
    let began = record.began.into();
    apply::note(&layers, began, &kept.baseline(), &kept.bases())?;
    let ended = Some(End { at: clock::now().into(), status: 0 });
    kept.write(&Record { ended, ..record })?;
    Summary::of(&kept.layers())
}

/// That of the driver which would write a try there, so that one can go on from the changes.
fn dialect_for(lower: &HostPath) -> Dialect {
    let origin = || Origin::Verb("import");
    let source = Text::from(lower.as_path().as_os_str());
    let spec = Spec {
        command: vec![Text::from("true")],
        view: vec![Sourced { value: ViewWish::Overlay { source, dest: None }, origin: origin() }],
        ..Spec::default()
    };
    let plan = run::plan_for(&spec).ok().and_then(|plan| plan.view.overlay);
    match plan.map(|overlay| overlay.driver) {
        Some(OverlayDriverPlan::Fuse { .. }) => Dialect::Fuse,
        Some(OverlayDriverPlan::Kernel) | None => Dialect::Kernel,
    }
}

fn tell(name: &str, summary: Summary, lowers: &[HostPath]) {
    let over = all_of(&lowers.iter().map(ToString::to_string).collect::<Vec<_>>());
    let changes = count(summary.total() as usize, "change");
    print::note(&format!("{changes} in {name}, over {over}: {summary}"));
    named::tell_next(name);
}

/// The bytes of the file or of stdin, until somebody ends the import.
struct Input {
    from: From,
    ends: SignalQueue,
}

enum From {
    File(OwnedFd),
    Stdin(Stdin),
}

impl Input {
    fn open(file: Option<&OsString>, place: &Place) -> Result<Self> {
        let from = match file {
            Some(file) => {
                let path = HostPath::resolve(file, &place.directory, &place.home);
                From::File(crate::sys::file::open_path_for_reading(path.as_path())?)
            }
            None => {
                let stdin = std::io::stdin();
                if terminal::is_terminal(stdin.as_fd()) {
                    return Err(Error::new("stdin is a terminal")
                        .hint("`bryo changes import FILE` reads a file"));
                }
                From::Stdin(stdin)
            }
        };
        Ok(Self { from, ends: SignalQueue::open(&signal::ENDING)? })
    }
}

impl Read for Input {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        let fd = match &self.from {
            From::File(fd) => fd.as_fd(),
            From::Stdin(stdin) => stdin.as_fd(),
        };
        loop {
            let mut watches = [Watch::reading(fd), Watch::reading(self.ends.as_fd())];
            wait_for(&mut watches, None).map_err(|e| std::io::Error::other(e.to_string()))?;
            if watches[1].readable {
                return Err(std::io::Error::other("it was interrupted"));
            }
            if watches[0].readable {
                let errno = |e: crate::sys::CallError| std::io::Error::other(e.to_string());
                return crate::sys::file::read(fd, room).map_err(errno);
            }
        }
    }
}
