//! Filters in the JSON form of the OCI runtime specification ("seccomp"), and in the form of the
//! profiles that docker and podman share, whose rules hold for some machines and capabilities only.
//!
//! What a rule asks for and cannot be done is an error that names it: never a rule left out.

use std::collections::HashMap;

use serde::Deserialize;

use crate::base::syscall::{self, Abi};
use crate::base::{Context, Error, Result};

use super::oci_words::{self, Architecture};
use super::{AbiFilter, Action, Condition, Filter, Flag, Rule, Verdict, multiplexed};

/// What a profile may ask about the sandbox that it is for.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    pub native: Abi,
    /// What the payload keeps, by names as `net_raw`.
    pub capabilities: &'a [&'static str],
    /// Major and minor number of the kernel's release.
    pub kernel: (u32, u32),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Profile {
    default_action: String,
    default_errno_ret: Option<u64>,
    default_errno: Option<String>,
    architectures: Option<Vec<String>>,
    arch_map: Option<Vec<ArchMap>>,
    flags: Option<Vec<String>>,
    listener_path: Option<String>,
    listener_metadata: Option<String>,
    syscalls: Option<Vec<Entry>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ArchMap {
    architecture: String,
    sub_architectures: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    name: Option<String>,
    names: Option<Vec<String>>,
    action: String,
    errno_ret: Option<u64>,
    errno: Option<String>,
    args: Option<Vec<Argument>>,
    #[serde(rename = "comment")]
    _comment: Option<String>,
    includes: Option<Selection>,
    excludes: Option<Selection>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Argument {
    index: u8,
    value: u64,
    #[serde(default)]
    value_two: u64,
    op: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Selection {
    caps: Option<Vec<String>>,
    arches: Option<Vec<String>>,
    min_kernel: Option<String>,
}

/// The filter that the profile makes of these circumstances.
pub fn read_profile(content: &[u8], circumstances: &Circumstances<'_>) -> Result<Filter> {
    let profile: Profile =
        serde_json::from_slice(content).map_err(|e| Error::new(format!("it is malformed: {e}")))?;
    if profile.listener_path.is_some_and(|it| !it.is_empty())
        || profile.listener_metadata.is_some_and(|it| !it.is_empty())
    {
        return Err(Error::new("it asks for a listener (`listenerPath`), and bryo starts none"));
    }
    let others = oci_words::action(
        &profile.default_action,
        profile.default_errno_ret,
        profile.default_errno.as_deref(),
    )
    .context(|| "in `defaultAction`".to_owned())?;
    let mut rules = Rules { others, ..Rules::default() };
    for entry in profile.syscalls.iter().flatten() {
        rules
            .add(entry, circumstances)
            .context(|| format!("in the rule for `{}`", entry.first_name()))?;
    }
    Ok(Filter {
        abis: abis(&profile.architectures, &profile.arch_map, circumstances.native)?
            .into_iter()
            .map(|abi| rules.of(abi))
            .collect(),
        foreign: Action::ENOSYS,
        flags: flags(profile.flags.as_deref().unwrap_or_default())?,
    })
}

/// The machine's own ABI, and those that the profile opens beside it. One for which there is no
/// table stays closed, which is stricter than what was asked.
fn abis(
    architectures: &Option<Vec<String>>,
    map: &Option<Vec<ArchMap>>,
    native: Abi,
) -> Result<Vec<Abi>> {
    let mut beside = Vec::new();
    match (architectures, map) {
        (Some(list), Some(map)) if !list.is_empty() && !map.is_empty() => {
            return Err(Error::new("`architectures` and `archMap` contradict each other"));
        }
        (list, map) => {
            for name in list.iter().flatten() {
                beside.push(oci_words::architecture(name)?);
            }
            for entry in map.iter().flatten() {
                let is_native =
                    oci_words::architecture(&entry.architecture)? == Architecture::Known(native);
                for name in entry.sub_architectures.iter().flatten() {
                    let architecture = oci_words::architecture(name)?;
                    beside.extend(is_native.then_some(architecture));
                }
            }
        }
    }
    let compat = native.compat().filter(|abi| beside.contains(&Architecture::Known(*abi)));
    Ok([Some(native), compat].into_iter().flatten().collect())
}

fn flags(names: &[String]) -> Result<Vec<Flag>> {
    let known = names.iter().filter_map(|name| oci_words::flag(name).transpose());
    known.collect::<Result<_>>().context(|| "in `flags`".to_owned())
}

/// What the profile says of each call by name.
struct Rules {
    by_name: HashMap<String, Vec<Rule>>,
    others: Action,
}

impl Default for Rules {
    fn default() -> Self {
        Self { by_name: HashMap::new(), others: Action::ENOSYS }
    }
}

impl Rules {
    fn add(&mut self, entry: &Entry, circumstances: &Circumstances<'_>) -> Result<()> {
        let names = entry.names()?;
        let action = oci_words::action(&entry.action, entry.errno_ret, entry.errno.as_deref())?;
        let cases = cases(entry.args.as_deref().unwrap_or_default())?;
        let includes = selected(&entry.includes, circumstances)?;
        let excludes = selected(&entry.excludes, circumstances)?;
        for name in names {
            // What is not known cannot be made to differ from the rest. That does no harm where
            // the rest is no less strict.
            if action.rank() > self.others.rank() && !syscall::is_known(name) {
                return Err(Error::new(format!("there is no system call `{name}`")));
            }
            if includes.all() && !excludes.any() {
                let rules = cases.iter().map(|when| Rule { when: when.clone(), action });
                self.by_name.entry(name.to_owned()).or_default().extend(rules);
            }
        }
        Ok(())
    }

    fn of(&self, abi: Abi) -> AbiFilter {
        let known = |(number, name)| Some((number, combined(self.by_name.get(name)?, self.others)));
        let calls = abi.calls().filter_map(known).collect();
        let mut filter = AbiFilter { abi, calls, others: self.others };
        multiplexed::close(&mut filter);
        filter
    }
}

/// One answer of many rules. Where several apply the strictest wins, as the kernel has it with
/// several filters, in whatever order they stand.
fn combined(rules: &[Rule], others: Action) -> Verdict {
    let always = rules.iter().filter(|rule| rule.when.is_empty()).map(|rule| rule.action);
    let always = always.reduce(|one, next| if next.rank() > one.rank() { next } else { one });
    let least = always.map_or(0, Action::rank);
    let mut conditional: Vec<Rule> = rules
        .iter()
        .filter(|rule| !rule.when.is_empty() && rule.action.rank() >= least)
        .cloned()
        .collect();
    conditional.sort_by_key(|rule| std::cmp::Reverse(rule.action.rank()));
    Verdict { rules: conditional, otherwise: always.unwrap_or(others) }
}

/// The cases in which a rule applies: one in which all of its arguments are as they should, or, if
/// it speaks of one argument more than once, a case for each (so do runc and crun).
fn cases(arguments: &[Argument]) -> Result<Vec<Vec<Condition>>> {
    let conditions: Vec<Condition> = arguments
        .iter()
        .map(|it| oci_words::condition(it.index, &it.op, it.value, it.value_two))
        .collect::<Result<_>>()?;
    let speaks_twice = conditions.iter().enumerate().any(|(place, condition)| {
        conditions[..place].iter().any(|other| other.argument == condition.argument)
    });
    Ok(match speaks_twice {
        true => conditions.into_iter().map(|condition| vec![condition]).collect(),
        false => vec![conditions],
    })
}

/// What came of each thing that a rule asks about the circumstances.
struct Selected(Vec<bool>);

impl Selected {
    fn all(&self) -> bool {
        self.0.iter().all(|holds| *holds)
    }

    fn any(&self) -> bool {
        self.0.iter().any(|holds| *holds)
    }
}

fn selected(selection: &Option<Selection>, circumstances: &Circumstances<'_>) -> Result<Selected> {
    let mut selected = Vec::new();
    let Some(selection) = selection else { return Ok(Selected(selected)) };
    for capability in selection.caps.iter().flatten() {
        let name = oci_words::capability(capability)?;
        selected.push(circumstances.capabilities.contains(&name));
    }
    if let Some(arches) = selection.arches.as_ref().filter(|arches| !arches.is_empty()) {
        let own = oci_words::docker_name(circumstances.native);
        selected.push(arches.iter().any(|arch| arch == own));
    }
    if let Some(release) = selection.min_kernel.as_deref().filter(|it| !it.is_empty()) {
        selected.push(circumstances.kernel >= oci_words::kernel(release)?);
    }
    Ok(Selected(selected))
}

impl Entry {
    fn names(&self) -> Result<Vec<&str>> {
        match (&self.name, self.names.as_deref().unwrap_or_default()) {
            (Some(name), []) => Ok(vec![name]),
            (None, names @ [_, ..]) => Ok(names.iter().map(String::as_str).collect()),
            (Some(_), _) => Err(Error::new("it has both `name` and `names`")),
            (None, []) => Err(Error::new("it names no system call")),
        }
    }

    fn first_name(&self) -> &str {
        let first = self.names.as_deref().unwrap_or_default().first();
        self.name.as_ref().or(first).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests;
