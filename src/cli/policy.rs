//! `bryo policy allow|forget|list|show`: the answers, as text. Nothing is printed here.

use std::ffi::OsStr;
use std::fmt;

use serde::Serialize;

use crate::base::{Context, Error, HostPath, Result, Text};
use crate::host;
use crate::spec::{PROJECT_POLICY, Policy, profile};
use crate::store::{
    Directories, Forgotten, PolicyFile, ProjectFile, Standing, Trust, TrustEntry, policy_names,
};

/// From where bryo is called.
#[derive(Clone, Debug)]
pub struct Place {
    pub directory: HostPath,
    pub home: HostPath,
    pub directories: Directories,
}

impl Place {
    /// As this process has it. In a directory that was removed there is no policy of a project.
    pub fn read() -> Result<Self> {
        let home = host::home();
        let directory = host::current_directory()?.unwrap_or_else(|| HostPath::absolute("/"));
        let directories = Directories::of(|name| std::env::var_os(name), &home)?;
        Ok(Self { directory, home, directories })
    }

    /// The policy that `--policy NAME` means.
    pub fn open(&self, name: &OsStr) -> Result<PolicyFile> {
        PolicyFile::open(name, &self.directory, &self.home, &self.directories.config)
    }

    /// Whether the file is the one that is found here without being named.
    #[must_use]
    pub fn is_project_policy(&self, file: &PolicyFile) -> bool {
        ProjectFile::path_in(&self.directory) == ProjectFile::path_of(&file.path)
    }
}

/// Allows the policy of a project: the one here, or `file`. One that could not be used is refused
/// now, and not at the next run.
pub fn allow(file: Option<&OsStr>, place: &Place) -> Result<String> {
    let project = read_project(file, place).context(|| "cannot allow a policy".to_owned())?;
    project.parse()?;
    Trust::make(&place.directories.data)?.allow(&project.path, project.text.as_bytes())?;
    Ok(format!("allowed `{}` until it changes\n", project.path))
}

pub fn forget(file: Option<&OsStr>, place: &Place) -> Result<String> {
    let directory =
        project_directory(file, place).context(|| "cannot forget a policy".to_owned())?;
    // The project may be gone; its path is then taken as it was typed.
    let path = ProjectFile::path_in(&directory);
    let forgotten = match Trust::open(&place.directories.data)? {
        None => Forgotten::WasNotKnown,
        Some(trust) => trust.forget(&path)?,
    };
    match forgotten {
        Forgotten::Forgotten => Ok(format!("forgot `{path}`\n")),
        Forgotten::WasNotKnown => Err(Error::new(format!("`{path}` was not allowed"))
            .hint("`bryo policy list` names what is allowed")),
    }
}

/// The text of a profile, of a policy, or of the policy found here; one that cannot be used is an
/// error that names the line.
pub fn show(name: Option<&OsStr>, place: &Place) -> Result<String> {
    let Some(name) = name else {
        let project = read_project(None, place).context(|| "cannot show a policy".to_owned())?;
        project.parse()?;
        return Ok(shown(&project.text));
    };
    if let Some(profile) = name.to_str().and_then(|name| profile::find(name).ok()) {
        return Ok(profile.text.to_owned());
    }
    let file = place.open(name)?;
    file.parse()?;
    Ok(shown(&file.text))
}

/// Line by line, so that a text from elsewhere does not speak to the terminal.
fn shown(text: &str) -> String {
    let tabs = |line: &str| {
        line.split('\t').map(|part| Text::from(part).to_string()).collect::<Vec<_>>().join("\t")
    };
    text.lines().map(|line| tabs(line) + "\n").collect()
}

fn read_project(file: Option<&OsStr>, place: &Place) -> Result<ProjectFile> {
    let directory = project_directory(file, place)?;
    ProjectFile::read(&directory)?
        .ok_or_else(|| Error::new(format!("no `{PROJECT_POLICY}` is in `{directory}`")))
}

/// The directory of a project that is named by its policy or by itself.
fn project_directory(file: Option<&OsStr>, place: &Place) -> Result<HostPath> {
    let Some(file) = file else { return Ok(place.directory.clone()) };
    let path = HostPath::resolve(file, &place.directory, &place.home);
    if path.as_path().file_name() != Some(OsStr::new(PROJECT_POLICY)) {
        if path.as_path().is_dir() {
            return Ok(path);
        }
        let shown = Text::from(file);
        return Err(Error::new(format!(
            "only a file named `{PROJECT_POLICY}` is looked for in a project, not `{shown}`"
        ))
        .hint(format!("`bryo run --policy {shown}` uses any file, without being asked first")));
    }
    let parent = path.as_path().parent().unwrap_or(path.as_path());
    Ok(HostPath::absolute(parent))
}

/// Everything that `--profile`, `--policy` and a working directory can bring into a run. Shown
/// for a person, serialised for a program.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Listing {
    pub profiles: Vec<Named>,
    pub policies: Vec<Named>,
    pub allowed: Vec<Allowed>,
    #[serde(skip)]
    config: HostPath,
}

/// A profile or a policy of the user's own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Named {
    pub name: Text,
    pub description: Option<Text>,
    /// Why it cannot be used.
    pub error: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Allowed {
    pub path: HostPath,
    pub sha256: String,
    pub state: AllowedState,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AllowedState {
    Used,
    Changed,
    Gone,
}

pub fn list(place: &Place) -> Result<Listing> {
    let Directories { config, data } = &place.directories;
    let profiles = profile::names().map(|name| named(name.into(), profile::load(name)));
    let policies = policy_names(config)?;
    let policies = policies.iter().map(|name| {
        let path = config.join(name).as_path().as_os_str().to_owned();
        let path = [path, ".toml".into()].join(OsStr::new(""));
        named(name.as_os_str().into(), place.open(&path).and_then(|file| file.parse()))
    });
    let trust = Trust::open(data)?;
    let entries = trust.as_ref().map_or(Ok(Vec::new()), Trust::entries)?;
    Ok(Listing {
        profiles: profiles.collect(),
        policies: policies.collect(),
        allowed: entries.into_iter().map(|entry| allowed(entry, data)).collect(),
        config: config.clone(),
    })
}

fn named(name: Text, policy: Result<Policy>) -> Named {
    match policy {
        Ok(policy) => Named { name, description: policy.description.map(Text::from), error: None },
        Err(error) => Named { name, description: None, error: Some(error.to_string()) },
    }
}

fn allowed(entry: TrustEntry, data: &HostPath) -> Allowed {
    let directory = entry.path.as_path().parent().unwrap_or(entry.path.as_path());
    let state = match ProjectFile::read(&HostPath::absolute(directory)) {
        Ok(Some(file)) => match file.standing(data) {
            Ok(Standing::Allowed) => AllowedState::Used,
            _ => AllowedState::Changed,
        },
        _ => AllowedState::Gone,
    };
    Allowed { path: entry.path, sha256: entry.sha256, state }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "profiles, for --profile")?;
        write_named(f, &self.profiles)?;
        if !self.policies.is_empty() {
            writeln!(f, "\nyour policies in {}, for --policy", self.config)?;
            write_named(f, &self.policies)?;
        }
        if !self.allowed.is_empty() {
            writeln!(f, "\nallowed in projects")?;
        }
        for Allowed { path, state, .. } in &self.allowed {
            let note = match state {
                AllowedState::Used => "",
                AllowedState::Changed => "  (has changed and is not used)",
                AllowedState::Gone => "  (is gone)",
            };
            writeln!(f, "  {path}{note}")?;
        }
        Ok(())
    }
}

fn write_named(f: &mut fmt::Formatter<'_>, list: &[Named]) -> fmt::Result {
    let width = list.iter().map(|named| named.name.to_string().chars().count()).max().unwrap_or(0);
    for Named { name, description, error } in list {
        let about = match (description, error) {
            (_, Some(error)) => error.clone(),
            (Some(description), None) => description.to_string(),
            (None, None) => String::new(),
        };
        writeln!(f, "{}", format!("  {:width$}  {about}", name.to_string()).trim_end())?;
    }
    Ok(())
}
