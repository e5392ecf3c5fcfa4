//! `bryo try`: a command on the user's real files, and none of them changed. What it writes is
//! kept under a name, to be looked at and then applied or discarded.

mod answer;
mod begin;
mod overview;
mod prompt;
mod without_network;

use std::ffi::OsString;

use clap::{Arg, ArgMatches, Command};

use crate::base::{Error, ExitCode, HostPath, Result};
use crate::changes::apply::note;
use crate::changes::{Summary, layers_in};
use crate::host::Needs;
use crate::plan::{self, Plan};
use crate::spec::{Origin, Sourced, Spec, ViewWish};
use crate::store::{ChangeStore, End, Kept, Record};
use crate::sys::{clock, signal};

use super::discard::HalfDone;
use super::keyboard::Person;
use super::policy::Place;
use super::progress::ProgressLine;
use super::{help, named, print, run};
use answer::Answer;
use begin::{Begin, Beginning};
use prompt::Prompt;

/// Where what the verb itself asks for comes from.
const VERB: Origin = Origin::Verb("try");

pub(super) fn command() -> Command {
    let command = Command::new("try")
        .about("Run a command, and decide afterwards what it may change")
        .override_usage(help::TRY_USAGE)
        .next_help_heading("Changes")
        .arg(
            Arg::new("name")
                .long("name")
                .value_name("NAME")
                .help("Keep the changes under this name [default: one that is made up]"),
        );
    let command = answer::add_arguments(begin::add_arguments(command));
    // It keeps what is written itself, and refuses this.
    run::add_arguments(command.next_help_heading(None)).mut_arg("overlay-dir", |it| it.hide(true))
}

pub(super) fn run(matches: &ArgMatches, arguments: &[OsString]) -> Result<u8> {
    let place = Place::read()?;
    let mut spec = run::spec_of(matches, arguments)?;
    if spec.command.is_empty() {
        return Err(Error::new("no command given").hint("`bryo try -- bash` starts a shell"));
    }
    overlay_working_directory(&mut spec)?;
    let store = ChangeStore::of(&place.directories.data);
    let begin = Begin::of(matches);
    if let Some(below) = begin.below(&store)? {
        let directory = below.layers().as_path().as_os_str().into();
        spec.overlay_below = Some(Sourced { value: directory, origin: Origin::Flag("stack") });
    }
    if run::is_only_shown(matches) {
        keep_in(&mut spec, &begin.imagined(&store)?, &begin);
        return run::show(matches, &run::plan_for(&spec)?);
    }
    let beginning = begin.prepare(&store)?;
    keep_in(&mut spec, &beginning.kept.layers(), &begin);
    let (answer, person) = (Answer::of(matches), Person::look());
    let (record, result) = match plan_for(&spec, &place) {
        Ok(plan) => launch(&beginning, &plan, &place.directory),
        Err(error) => (None, Err(error)),
    };
    match (result, record) {
        (Ok(status), Some(record)) => {
            let asked = person.as_ref().filter(|_| answer == Answer::Ask);
            end(beginning, &record, answer, asked.and_then(Prompt::open), &place.home)?;
            Ok(status)
        }
        (Ok(status), None) => Ok(status),
        (Err(error), record) => Err(salvage(beginning, record, error)),
    }
}

/// What is known of the kernel since another try need not be tried again.
fn plan_for(spec: &Spec, place: &Place) -> Result<Plan> {
    let memory = Some(place.directories.data.join("kernel-overlay-works"));
    run::plan_by(spec, &Needs { memory, ..plan::needs(spec) })
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

fn keep_in(spec: &mut Spec, layers: &HostPath, begin: &Begin) {
    let directory = layers.as_path().as_os_str().into();
    let origin = if begin.goes_on() { Origin::Flag("on") } else { VERB };
    spec.overlay_dir = Some(Sourced { value: directory, origin });
}

/// The record is there before the sandbox is, so that whatever ends bryo leaves a place that can be
/// used.
fn launch(
    beginning: &Beginning,
    plan: &Plan,
    directory: &HostPath,
) -> (Option<Record>, Result<u8>) {
    let mut record = match beginning.record(plan, directory) {
        Ok(record) => record,
        Err(error) => {
            let clause = format!("cannot keep changes as `{}`", beginning.kept.name);
            return (None, Err(error.explained(&clause)));
        }
    };
    let result = run::launch(plan).inspect(|status| {
        record.ended = Some(End { at: clock::now().into(), status: *status });
        if let Some(hint) = without_network::hint(plan, *status) {
            print::hint(&hint);
        }
    });
    (Some(record), result)
}

/// What lay below when the sandbox ended, to be compared when it is applied.
fn note_baseline(kept: &Kept, record: &Record) -> Result<()> {
    let began = record.began.into();
    note(&layers_in(&kept.layers())?, began, &kept.baseline(), &kept.bases())
}

/// A command that never ran leaves nothing; what one wrote before its sandbox broke is kept.
fn salvage(beginning: Beginning, record: Option<Record>, error: Error) -> Error {
    let never_ran = error.exit_code() != ExitCode::Failed || record.is_none();
    let name = beginning.kept.name.clone();
    let is_empty = || {
        !beginning.kept.was_written_to()
            || Summary::of(&beginning.kept.layers()).is_ok_and(|it| it.total() == 0)
    };
    if never_ran || is_empty() {
        return match beginning.take_back() {
            Ok(()) => error,
            Err(_) => error.hint(format!("`bryo discard {name}` removes what is left of it")),
        };
    }
    is_kept(error, &name)
}

fn is_kept(error: Error, name: &str) -> Error {
    error.hint(format!("what was written until then is kept: `bryo diff {name}`"))
}

/// One line that says what happened; then what is to become of the changes.
fn end(
    beginning: Beginning,
    record: &Record,
    answer: Answer,
    prompt: Option<Prompt>,
    home: &HostPath,
) -> Result<()> {
    let name = beginning.kept.name.clone();
    let counted = count(beginning, record, answer).map_err(|error| is_kept(error, &name))?;
    let Some((kept, summary)) = counted else { return Ok(()) };
    if prompt.is_some() {
        overview::show(&kept, home)?;
    }
    print::note(&answer::line(&name, summary));
    match prompt {
        Some(prompt) => prompt.ask(kept),
        None => carry_out(answer, kept, record),
    }
}

/// The changes, counted and noted; `None`: there are none to decide about.
fn count(beginning: Beginning, record: &Record, answer: Answer) -> Result<Option<(Kept, Summary)>> {
    let _line = ProgressLine::begin();
    let kept = &beginning.kept;
    let name = &kept.name;
    let summary = Summary::of(&kept.layers());
    let stays = answer == Answer::Keep || beginning.is_named;
    match &summary {
        Ok(summary) if summary.total() == 0 && !stays => {
            print::note("nothing was changed");
            return beginning.take_back().map(|()| None);
        }
        Ok(summary) if summary.total() == 0 => {
            print::note(&format!("nothing was changed; {name} is kept all the same"));
        }
        Ok(_) => {}
        Err(error) => {
            print::warning(&format!("the changes are kept in {name}, but not counted: {error}"))
        }
    }
    kept.write(record)?;
    let Some(summary) = summary.ok().filter(|it| it.total() > 0) else { return Ok(None) };
    note_baseline(kept, record)?;
    Ok(Some((beginning.kept, summary)))
}

/// What was said ahead. Asking takes a person.
fn carry_out(answer: Answer, kept: Kept, record: &Record) -> Result<()> {
    // The sandbox has left signals blocked; what begins now can be ended.
    signal::unblock_all()?;
    let status = record.ended.map_or(0, |end| end.status);
    match answer {
        Answer::Apply => answer::apply(&kept.name).map(drop),
        Answer::ApplyIfSuccess if status == 0 => answer::apply(&kept.name).map(drop),
        Answer::Discard => discard(kept),
        Answer::ApplyIfSuccess | Answer::Keep | Answer::Ask => {
            if answer == Answer::ApplyIfSuccess {
                print::note(&format!("nothing was applied, since the command ended with {status}"));
            }
            named::tell_next(&kept.name);
            Ok(())
        }
    }
}

fn discard(kept: Kept) -> Result<()> {
    let _line = ProgressLine::begin();
    super::discard::whole(kept, HalfDone::Stays)
}
