//! What the sandbox may use up, and who holds it to that: the kernel by cgroup or rlimit, else the
//! caller, which looks from time to time.

use crate::base::size::Size;
use crate::base::wording::all_of;
use crate::base::{Error, Result};
use crate::host::{Host, Inhabitants, Through, Way};
use crate::plan::{CallerPlace, DiskBounds, Group, GroupMaker, Identity, Limits, Rung, Watched};
use crate::spec::{Origin, Sourced, Spec};

use super::{Remarks, defaults, refused, rlimits};

/// With less, the sandbox's own start would be killed: it takes a little more than 2 MiB.
const LEAST_MEMORY: Size = Size(4 * Size::MIB);
const LEAST_TMPFS: Size = Size(Size::MIB);

/// By these a group tells what was used.
const MEASURING: [&str; 4] = ["cpu", "io", "memory", "pids"];

/// A limit that was asked for, the controller that holds it, and what does without one.
struct Wish<'a> {
    word: String,
    origin: Option<&'a Origin>,
    controller: &'static str,
    otherwise: Otherwise,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Otherwise {
    Rlimit,
    Watching,
    Nothing,
}

pub(super) fn decide(
    spec: &Spec,
    host: &Host,
    identity: &Identity,
    remarks: &mut Remarks,
) -> Result<Limits> {
    check_sizes(spec)?;
    let mut limits = wished(spec, host, remarks)?;
    let wishes = wishes(spec, host, identity);
    let (group, why) = group(&wishes, limits.stats, host);
    let held = |controller: &str| {
        group.as_ref().is_some_and(|group| group.controllers.iter().any(|it| it == controller))
    };
    let by_rlimit = rlimits::bound_processes(host, identity);
    limits.watched.pids = !by_rlimit && !held("pids") && watching(host) == Otherwise::Watching;
    let unheld: Vec<&Wish<'_>> = wishes.iter().filter(|wish| !held(wish.controller)).collect();
    let shortfall = Shortfall { spec, host };
    for wish in unheld.iter().filter(|wish| wish.otherwise == Otherwise::Nothing) {
        shortfall.do_without(wish, &mut limits, remarks)?;
    }
    limits.watched.memory = limits.memory.is_some() && !held("memory");
    let watched: Vec<&&Wish<'_>> =
        unheld.iter().filter(|wish| wish.otherwise == Otherwise::Watching).collect();
    shortfall.tell_of_watching(&watched, remarks)?;
    if group.is_some() || limits.watched.anything() || !wishes.is_empty() {
        remarks.rungs.push(rung(group.as_ref(), limits.watched, why));
    }
    limits.group = group;
    limits.rlimits = rlimits::decide(spec, host, &limits)?;
    Ok(limits)
}

/// What was asked for, whoever will hold it.
fn wished(spec: &Spec, host: &Host, remarks: &mut Remarks) -> Result<Limits> {
    Ok(Limits {
        tmpfs: tmpfs(spec, host, remarks),
        memory: spec.memory.as_ref().map(|wish| wish.value),
        cpus: spec.cpus.as_ref().map(|wish| wish.value),
        cpu_weight: spec.cpu_weight.as_ref().map(|wish| wish.value),
        pids: spec.pids.as_ref().map_or(defaults::PIDS, |wish| wish.value.0),
        io_weight: spec.io_weight.as_ref().map(|wish| wish.value),
        io_max: disks(spec, host)?,
        rlimits: Vec::new(),
        group: None,
        watched: Watched::default(),
        stats: spec.stats.as_ref().is_some_and(|wish| wish.value),
    })
}

fn check_sizes(spec: &Spec) -> Result<()> {
    let is_short = |wish: &Option<Sourced<Size>>, least: Size| {
        wish.as_ref().is_some_and(|wish| wish.value < least)
    };
    let sizes = [(&spec.memory, LEAST_MEMORY), (&spec.tmp_size, LEAST_TMPFS)];
    for (wish, least) in sizes {
        if let (true, Some(wish)) = (is_short(wish, least), wish) {
            let why = format!("{} is less than a start needs: {least}", wish.value);
            return Err(refused(wish, why));
        }
    }
    Ok(())
}

/// With a limit on memory, half of that at most: what fills /tmp is to hear that it is full, not
/// to be killed.
fn tmpfs(spec: &Spec, host: &Host, remarks: &mut Remarks) -> Size {
    let usual = defaults::tmpfs_size(host.kernel.memory);
    match (&spec.tmp_size, &spec.memory) {
        (None, None) => usual,
        (None, Some(memory)) => usual.min(Size((memory.value.0 / 2).max(LEAST_TMPFS.0))),
        (Some(size), Some(memory)) if size.value >= memory.value => {
            remarks.warnings.push(format!(
                "`{}` is not less than `{}`: what fills /tmp is killed before it is full",
                size.origin, memory.origin
            ));
            size.value
        }
        (Some(size), _) => size.value,
    }
}

fn disks(spec: &Spec, host: &Host) -> Result<Vec<DiskBounds>> {
    let mut disks: Vec<DiskBounds> = Vec::new();
    for wish in &spec.io_max {
        let found = host.disks.get(&wish.value.path);
        let disk = match found.unwrap_or(&Err("it was not looked at".to_owned())) {
            Ok(disk) => disk.clone(),
            Err(why) => return Err(refused(wish, format!("`{}`: {why}", wish.value.path))),
        };
        let bounds = wish.value.bounds.clone();
        match disks.iter_mut().find(|known| known.disk == disk) {
            // The kernel takes the last word of each.
            Some(known) => known.bounds.extend(bounds),
            None => disks.push(DiskBounds { disk, bounds }),
        }
    }
    Ok(disks)
}

/// The caller looks through the sandbox's /proc; there may be none.
fn watching(host: &Host) -> Otherwise {
    if host.no_fresh_proc.is_none() { Otherwise::Watching } else { Otherwise::Nothing }
}

fn wishes<'a>(spec: &'a Spec, host: &Host, identity: &Identity) -> Vec<Wish<'a>> {
    let processes = match rlimits::bound_processes(host, identity) {
        true => Otherwise::Rlimit,
        false => watching(host),
    };
    let wish = |origin: Option<&'a Origin>, controller, otherwise| {
        origin.map(|origin| Wish {
            word: origin.to_string(),
            origin: Some(origin),
            controller,
            otherwise,
        })
    };
    let mut wishes: Vec<Wish<'a>> = [
        wish(spec.memory.as_ref().map(|it| &it.origin), "memory", watching(host)),
        wish(spec.cpus.as_ref().map(|it| &it.origin), "cpu", Otherwise::Nothing),
        wish(spec.cpu_weight.as_ref().map(|it| &it.origin), "cpu", Otherwise::Nothing),
        wish(spec.io_weight.as_ref().map(|it| &it.origin), "io", Otherwise::Nothing),
        wish(spec.io_max.first().map(|it| &it.origin), "io", Otherwise::Nothing),
        wish(spec.pids.as_ref().map(|it| &it.origin), "pids", processes),
    ]
    .into_iter()
    .flatten()
    .collect();
    if spec.pids.is_none() && !spec.require.is_empty() && processes == Otherwise::Watching {
        let word = "the default of `--pids`".to_owned();
        wishes.push(Wish { word, origin: None, controller: "pids", otherwise: processes });
    }
    wishes
}

/// The group that holds most of it, and why it is that one; or why there is none.
fn group(wishes: &[Wish<'_>], stats: bool, host: &Host) -> (Option<Group>, String) {
    let wanted: Vec<&str> = wishes
        .iter()
        .filter(|wish| wish.otherwise != Otherwise::Rlimit)
        .map(|wish| wish.controller)
        .collect();
    if wanted.is_empty() && !stats {
        return (None, "they bound each process, and the number of processes".to_owned());
    }
    let welcome: &[&str] = if stats { &MEASURING } else { &["pids"] };
    let way = host.cgroups.way(&wanted, welcome).or_else(|why| {
        let can = |name: &&str| host.cgroups.way(&[*name], &[]).is_ok();
        let some: Vec<&str> = wanted.into_iter().filter(can).collect();
        if some.is_empty() && !stats { Err(why) } else { host.cgroups.way(&some, welcome) }
    });
    match way {
        Err(why) => (None, why),
        Ok(Way { through, controllers }) => {
            let (made, why) = maker(through, &controllers);
            (Some(Group { made, controllers }), why)
        }
    }
}

fn maker(through: Through, controllers: &[String]) -> (GroupMaker, String) {
    match through {
        Through::Own { parent, inhabitants } => {
            let why = format!("`{parent}` is yours");
            let caller = match inhabitants {
                Inhabitants::ThisProcess if !controllers.is_empty() => CallerPlace::MovesAside,
                _ => CallerPlace::Stays,
            };
            (GroupMaker::Bryo { parent, caller }, why)
        }
        Through::Scope { socket, mount } => {
            (GroupMaker::Systemd { socket, mount }, "your systemd makes scopes".to_owned())
        }
    }
}

/// What is said of limits that nobody holds.
struct Shortfall<'a> {
    spec: &'a Spec,
    host: &'a Host,
}

impl Shortfall<'_> {
    fn why(&self, wish: &Wish<'_>) -> String {
        let way = self.host.cgroups.way(&[wish.controller], &[]);
        way.err().unwrap_or_else(|| "no cgroup holds all that was asked for".to_owned())
    }

    /// What cannot even be watched is refused, or left out where that was asked for.
    fn do_without(
        &self,
        wish: &Wish<'_>,
        limits: &mut Limits,
        remarks: &mut Remarks,
    ) -> Result<()> {
        let is_best_effort = self.spec.best_effort.as_ref().is_some_and(|wish| wish.value);
        if !is_best_effort || !self.spec.require.is_empty() {
            let error = Error::new(self.why(wish)).within(format!("cannot use `{}`", wish.word));
            return Err(error.hint(self.host.cgroups.remedy(&self.host.account.name)));
        }
        remarks.warnings.push(format!("`{}` is not held: {}", wish.word, self.why(wish)));
        match wish.origin.map(Origin::word) {
            Some("memory") => limits.memory = None,
            Some("pids") => {}
            Some("cpus") => limits.cpus = None,
            Some("cpu-weight") => limits.cpu_weight = None,
            Some("io-weight") => limits.io_weight = None,
            _ => limits.io_max.clear(),
        }
        Ok(())
    }

    fn tell_of_watching(&self, watched: &[&&Wish<'_>], remarks: &mut Remarks) -> Result<()> {
        if watched.is_empty() {
            return Ok(());
        }
        let why = watched.first().map(|wish| self.why(wish)).unwrap_or_default();
        let words: Vec<&str> = watched.iter().map(|wish| wish.word.as_str()).collect();
        let words = all_of(&words);
        match self.spec.require.first() {
            Some(require) => {
                let why = format!("{words} could only be watched: {why}");
                let remedy = self.host.cgroups.remedy(&self.host.account.name);
                Err(refused(require, why).hint(remedy))
            }
            None => {
                let verb = if watched.len() == 1 { "is" } else { "are" };
                remarks.warnings.push(format!("{words} {verb} only watched: {why}"));
                Ok(())
            }
        }
    }
}

fn rung(group: Option<&Group>, watched: Watched, why: String) -> Rung {
    let mut took: Vec<&str> = match group.map(|group| &group.made) {
        Some(GroupMaker::Bryo { .. }) => vec!["own cgroup"],
        Some(GroupMaker::Systemd { .. }) => vec!["systemd scope"],
        None => vec!["rlimits"],
    };
    took.extend(watched.anything().then_some("watching"));
    let why = match why.is_empty() || (group.is_none() && watched.pids && !watched.memory) {
        true => "the command may use several ids, each with a count of its own".to_owned(),
        false => why,
    };
    Rung { need: "limits", took: took.join(" and "), why }
}
