//! `bryo try`: a command on the user's real files, and none of them changed. What it writes is
//! kept under a name, to be looked at and then applied or discarded.

use std::ffi::OsString;

use clap::{Arg, ArgMatches, Command};

use crate::base::wording::count;
use crate::base::{Error, HostPath, Result};
use crate::changes::apply::note;
use crate::changes::{Summary, layers_in};
use crate::spec::{Origin, Sourced, Spec, ViewWish};
use crate::store::{ChangeStore, End, Kept, Time};
use crate::sys::facts::Moment;
use crate::sys::process;

use super::policy::Place;
use super::{help, print, run};

/// Where what the verb itself asks for comes from.
const VERB: Origin = Origin::Verb("try");

pub(super) fn command() -> Command {
    let command = Command::new("try")
        .about("Run a command on your real files, and decide afterwards what it may change")
        .override_usage(help::TRY_USAGE)
        .arg(
            Arg::new("name")
                .long("name")
                .value_name("NAME")
                .help("Keep the changes under this name [default: one that is made up]"),
        );
    run::add_arguments(command)
}

pub(super) fn run(matches: &ArgMatches, arguments: &[OsString]) -> Result<u8> {
    let place = Place::read()?;
    let mut spec = run::spec_of(matches, arguments)?;
    overlay_working_directory(&mut spec)?;
    let store = ChangeStore::of(&place.directories.data);
    if run::is_only_shown(matches) {
        let imagined = place.directories.data.join("changes/NAME/layers");
        keep_in(&mut spec, &imagined);
        return run::show(matches, &run::plan_for(&spec)?);
    }
    let kept = store.make(matches.get_one::<String>("name").map(String::as_str))?;
    keep_in(&mut spec, &kept.layers());
    let result = run::plan_for(&spec).and_then(|plan| {
        let mut record = kept.begin(&plan.command, &place.directory)?;
        let outcome = run::launch(&plan)?;
        let now = process::now();
        record.ended = Some(End { at: Time(now.0, now.1), status: outcome });
        let began = Moment { seconds: record.began.0, nanoseconds: record.began.1 };
        note(&layers_in(&kept.layers())?, began, &kept.baseline())?;
        kept.write(&record)?;
        Ok(outcome)
    });
    let kept = match result {
        Ok(_) => kept,
        Err(error) => {
            discard(kept)?;
            return Err(error);
        }
    };
    tell(kept)?;
    result
}

/// Weaker than any wish of the user, who may hide or show a part of it otherwise.
fn overlay_working_directory(spec: &mut Spec) -> Result<()> {
    if let Some(dir) = &spec.overlay_dir {
        return Err(Error::new("`bryo try` keeps what is written itself, under a name")
            .within(format!("cannot use `{}`", dir.origin))
            .hint("name it with `--name NAME`, or use `bryo run`"));
    }
    if spec.rootfs.is_none() {
        let wish = ViewWish::Overlay { source: ".".into(), dest: None };
        spec.view.insert(0, Sourced { value: wish, origin: VERB });
    }
    Ok(())
}

fn keep_in(spec: &mut Spec, layers: &HostPath) {
    let directory = layers.as_path().as_os_str().into();
    spec.overlay_dir = Some(Sourced { value: directory, origin: VERB });
}

fn discard(kept: Kept) -> Result<()> {
    let lock = kept.lock()?;
    kept.remove(lock)
}

/// One line that says what happened, and what can be done next. What changed nothing is not kept.
fn tell(kept: Kept) -> Result<()> {
    let summary = Summary::of(&kept.layers())?;
    if summary.total() == 0 {
        print::note("nothing was changed");
        return discard(kept);
    }
    let name = &kept.name;
    let count = count(summary.total() as usize, "change");
    print::note(&format!(
        "{count} in {name}: {summary}; `bryo diff {name}`, then `bryo apply {name}` or `bryo discard {name}`"
    ));
    Ok(())
}
