//! What a run left behind that acts outside: hooks, settings that programs of the user obey,
//! set-user-id bits, links that lead out. Looked for in every place of the host that the command
//! could write to, once nothing of the sandbox lives any more; compared with what was there
//! before. Nothing of it is run, followed, changed or removed.

mod directory;
mod finding;
mod git;
mod manifest;
mod names;
mod settings;
mod walk;

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::base::{Error, HostPath, Result};
use crate::plan::{Layer, Plan, Step};
use crate::spec::{Access, IntegrityMode};
use crate::sys::clock::{self, Moment};
use crate::sys::{file, process};

pub use finding::{Change, Finding, What};
pub use names::obeyed_by;

use manifest::Manifest;
use walk::{Care, Patience, Question};

/// What was found after a run.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Integrity {
    /// The gravest first; no more than a thousand of each place, and fewer where their paths are long.
    pub findings: Vec<Finding>,
    /// How many more there are.
    pub more: usize,
    /// The first place that was not looked through to its end, and why.
    pub cut: Option<Cut>,
    #[serde(skip)]
    is_strict: bool,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Cut {
    pub place: HostPath,
    pub why: &'static str,
    /// How many entries were looked at.
    pub looked_at: usize,
}

/// How much work a report may be, and which part of a longer run.
const PATIENCE: Duration = Duration::from_millis(20);
const SHARE: u32 = 20;
const LONGEST: Duration = Duration::from_secs(2);
/// How much longer it may take where the machine has other work, or the disk is slow.
const BUSY: u32 = 10;

/// The time before the run, as far as it will matter.
pub(super) struct Watch<'a> {
    plan: &'a Plan,
    began: Instant,
    since: Moment,
    places: Vec<(HostPath, Manifest)>,
}

impl<'a> Watch<'a> {
    pub(super) fn begin(plan: &'a Plan) -> Self {
        let guarded: Vec<&HostPath> = plan.view.visible().filter_map(guarded_directory).collect();
        let places = match plan.confinement.integrity {
            IntegrityMode::Off => Vec::new(),
            IntegrityMode::Report | IntegrityMode::Strict => plan.view.writable_places(),
        };
        let places = places
            .into_iter()
            // A single file that is shown writable was named by the user.
            .filter_map(|place| Some((place.clone(), Manifest::of(place, &guarded)?)));
        let places: Vec<(HostPath, Manifest)> = places.collect();
        let now = clock::now_for_files();
        let since = match places.iter().any(|(_, manifest)| manifest.is_of_whole_seconds) {
            true => earliest_stamp(now),
            false => now,
        };
        Self { plan, began: Instant::now(), since, places }
    }

    /// Looks at what became of the places.
    pub(super) fn end(self) -> Integrity {
        let mode = self.plan.confinement.integrity;
        let mut result =
            Integrity { is_strict: mode == IntegrityMode::Strict, ..Integrity::default() };
        if self.places.is_empty() {
            return result;
        }
        let shown: Vec<HostPath> = self.shown();
        let question = Question {
            since: self.since,
            care: match mode {
                IntegrityMode::Strict => Care::Everything,
                _ => {
                    let share = (self.began.elapsed() / SHARE).min(LONGEST);
                    let time = PATIENCE.max(share);
                    Care::Within(Patience {
                        work: process::time_worked() + time,
                        end: Instant::now() + time * BUSY,
                    })
                }
            },
            ids: &self.plan.identity.uid_map,
            own_id: process::uid(),
            shown: &shown,
        };
        for (place, manifest) in &self.places {
            let walk = walk::walk(place, manifest, &question);
            result.findings.extend(walk.findings);
            result.more += walk.untold;
            let cut = |why| Cut { place: place.clone(), why, looked_at: walk.looked_at };
            result.cut = result.cut.or(walk.cut.map(cut));
        }
        self.find_awaited(&mut result);
        result
            .findings
            .sort_by(|one, other| (&one.what, &one.path).cmp(&(&other.what, &other.path)));
        result
    }

    /// What settings named, and was made now; no name of its own tells of it.
    fn find_awaited(&self, result: &mut Integrity) {
        for path in &self.plan.confinement.awaited {
            let may_be_made = self.places.iter().any(|(place, _)| path.is_within(place));
            let is_told = result.findings.iter().any(|it| path.is_within(&it.path));
            if may_be_made && !is_told && file::status_of_path(path.as_path()).is_ok() {
                let (path, change) = (path.clone(), Change::New);
                result.findings.push(Finding { path, change, what: What::GitSetting });
            }
        }
    }

    /// Where a link may lead: what the command could write to is looked at itself, and what was
    /// shown read-only is no secret and not written to.
    fn shown(&self) -> Vec<HostPath> {
        let read_only = self.plan.view.visible().filter_map(|step| match &step.layer {
            Layer::Bind { source, access: Access::ReadOnly } => Some(source.clone()),
            Layer::Symlink { .. } if step.origin == "default" => {
                Some(HostPath::absolute(step.at.as_path()))
            }
            _ => None,
        });
        read_only.chain(self.places.iter().map(|(place, _)| place.clone())).collect()
    }
}

/// What a file may bear that is changed from now on, where times are kept in whole seconds, or in two
/// of them as by FAT.
fn earliest_stamp(now: Moment) -> Moment {
    Moment { seconds: now.seconds & !1, nanoseconds: 0 }
}

/// A directory that a repository is found by, if the step is one of those that guard it.
fn guarded_directory(step: &Step) -> Option<&HostPath> {
    match &step.layer {
        Layer::Bind { source, access: Access::ReadWrite } if step.origin == "default" => {
            Some(source)
        }
        _ => None,
    }
}

impl Integrity {
    /// Whether nothing was found, and everything looked at.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.cut.is_none()
    }

    /// With `--integrity strict`, a run that leaves something behind has failed.
    pub fn verdict(&self) -> Result<()> {
        if !self.is_strict || self.is_clean() {
            return Ok(());
        }
        let why = match (&self.cut, self.findings.is_empty()) {
            (Some(cut), true) => {
                format!("not all of `{}` could be looked at: {}", cut.place, cut.why)
            }
            _ => "it left behind what acts outside of the sandbox".to_owned(),
        };
        let hint = "look at what is named above before you use the directory; with \
                    `--overlay .`, nothing that a command writes there lasts";
        Err(Error::new(why).within("the run counts as failed").hint(hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_stamp_of_whole_seconds_is_older_than_the_run() {
        let now = Moment { seconds: 7, nanoseconds: 900_000_000 };
        for stamp in [6, 7, 8] {
            assert!(Moment { seconds: stamp, nanoseconds: 0 } >= earliest_stamp(now));
        }
    }
}
