//! `bryo changes export`: kept changes as a layer of an OCI image.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command};

use crate::base::wording::count;
use crate::base::{Context, Error, HostPath, Result, Text};
use crate::changes::export::{export, root_of};
use crate::changes::layers_in;
use crate::cli::policy::Place;
use crate::cli::progress::ProgressLine;
use crate::cli::{named, print};
use crate::store::{ChangeStore, Turn};
use crate::sys::{CallError, process, terminal};

use super::remarks::Remarks;
use super::{file, is_stream};

pub(super) fn command() -> Command {
    Command::new("export")
        .about("Write kept changes as a layer tar of an OCI image")
        .arg(
            Arg::new("name")
                .value_name("NAME")
                .required(true)
                .value_parser(clap::value_parser!(OsString))
                .help("Which changes; the beginning of a name is enough"),
        )
        .arg(file("Where to [default: stdout, as for `-`]"))
        .arg(
            Arg::new("from")
                .long("from")
                .value_name("DIR")
                .value_parser(clap::value_parser!(OsString))
                .help("Make its names relative to this directory [default: the tried one]"),
        )
}

pub(super) fn run(matches: &ArgMatches) -> Result<u8> {
    let _line = ProgressLine::begin();
    let place = Place::read()?;
    let name = matches.get_one::<OsString>("name").cloned().unwrap_or_default();
    let kept = ChangeStore::of(&place.directories.data).find(&Text::from(name))?;
    let clause = || format!("cannot export `{}`", kept.name);
    let _lock = kept.lock()?;
    if Turn::half_done(&kept)?.is_some() {
        return Err(named::cut_short(&kept).within(clause()));
    }
    let file = matches.get_one::<OsString>("file").filter(|file| !is_stream(file));
    let mut out = match file {
        Some(file) => Out::file(&HostPath::resolve(file, &place.directory, &place.home)),
        None => Out::stdout(&kept.name),
    }
    .map_err(|e| e.within(clause()))?;
    let layers = layers_in(&kept.layers())?;
    let root = match matches.get_one::<OsString>("from") {
        Some(from) => real(from, &place).map_err(|e| e.within(clause()))?,
        None => root_of(&layers),
    };
    let mut remarks = Remarks::default();
    let told = export(&layers, &root, &mut out.to, &mut |path, why| {
        remarks.tell(path, &format!("not exported: {why}"));
    });
    match told {
        Ok(number) => {
            remarks.end();
            print::note(&format!("exported {} of {}", count(number as usize, "change"), kept.name));
            Ok(0)
        }
        Err(error) => {
            out.discard();
            Err(error.within(clause()))
        }
    }
}

pub(super) fn real(path: &OsStr, place: &Place) -> Result<HostPath> {
    let path = HostPath::resolve(path, &place.directory, &place.home);
    Ok(HostPath::absolute(crate::sys::file::canonical(path.as_path())?))
}

/// Where the tar goes.
struct Out {
    to: BufWriter<File>,
    /// If it is a file of its own.
    path: Option<PathBuf>,
}

const ROOM: usize = 1 << 18;

impl Out {
    fn stdout(name: &str) -> Result<Self> {
        let [_, stdout, _] = process::standard_streams();
        if terminal::is_terminal(stdout) {
            return Err(Error::new("a tar is nothing for a terminal")
                .hint(format!("`bryo changes export {name} {name}.tar`")));
        }
        // That of the standard library looks for ends of lines.
        let to = File::from(process::duplicate(stdout)?);
        Ok(Self { to: BufWriter::with_capacity(ROOM, to), path: None })
    }

    fn file(path: &HostPath) -> Result<Self> {
        let file = File::create(path.as_path())
            .map_err(|e| CallError::of(e, "open".to_owned()))
            .context(|| format!("cannot write `{path}`"))?;
        let path = Some(path.as_path().to_owned());
        Ok(Self { to: BufWriter::with_capacity(ROOM, file), path })
    }

    /// Half a tar is none.
    fn discard(self) {
        if let Some(path) = self.path
            && self.to.get_ref().metadata().is_ok_and(|it| it.is_file())
        {
            let _ = std::fs::remove_file(path);
        }
    }
}
