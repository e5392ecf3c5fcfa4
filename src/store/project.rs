//! The policy found in the working directory: read once, so that what is judged, hashed and used
//! is the same bytes, and used only if the user has allowed them.

use std::os::fd::AsFd;
use std::path::Path;

use super::policy_file::{SIZE_LIMIT, text_of};
use super::trust::{Standing, Trust};
use crate::base::{Context, Error, HostPath, Result};
use crate::spec::project::parse;
use crate::spec::{PROJECT_POLICY, Policy};
use crate::sys::Errno;
use crate::sys::file::{self, FileKind};

/// What there is to use in a working directory.
#[derive(Clone, PartialEq, Debug)]
pub enum Found {
    Nothing,
    /// There is a policy, and the run goes on without it: one line that says why.
    Unused(String),
    Allowed(Box<Policy>),
}

/// The policy of a project, read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProjectFile {
    /// Where it is, with every link followed: the key of the trust in it.
    pub path: HostPath,
    directory: HostPath,
    pub text: String,
}

/// Looks for the policy of the working directory, and for the user's word on it. Only an allowed
/// policy that cannot be used is an error: nothing that a project holds may stop a run that does
/// not use it.
pub fn consult(directory: &HostPath, data: &HostPath) -> Result<Found> {
    let file = match ProjectFile::read(directory) {
        Ok(Some(file)) => file,
        Ok(None) => return Ok(Found::Nothing),
        Err(error) => return Ok(unused(&error.to_string())),
    };
    match file.standing(data) {
        Ok(Standing::Allowed) => file.parse().map(|policy| Found::Allowed(Box::new(policy))),
        Ok(Standing::Changed) => {
            Ok(unused("it has changed since you allowed it; read it, then `bryo policy allow`"))
        }
        Ok(Standing::Unknown) => {
            Ok(unused("you have not allowed it; read it, then `bryo policy allow`"))
        }
        Err(error) => Ok(unused(&error.to_string())),
    }
}

fn unused(reason: &str) -> Found {
    Found::Unused(format!("the policy `{PROJECT_POLICY}` found here is not used: {reason}"))
}

impl ProjectFile {
    /// The policy of a directory, if it has one.
    pub fn read(directory: &HostPath) -> Result<Option<Self>> {
        let path = directory.join(PROJECT_POLICY);
        let clause = || format!("cannot read `{path}`");
        let directory = HostPath::absolute(file::canonical(directory.as_path()).context(clause)?);
        let root = file::open_without_links(directory.as_path()).context(clause)?;
        // As seen from the directory, so that a link leads nowhere else, and never waiting: the
        // name may be that of a FIFO.
        let fd = match file::open_below_for_reading(root.as_fd(), Path::new(PROJECT_POLICY)) {
            Err(error) if error.errno == Errno::ENOENT => return Ok(None),
            other => other.context(clause)?,
        };
        if file::status(fd.as_fd()).context(clause)?.kind != FileKind::Regular {
            return Err(Error::new("it is not a regular file")).context(clause);
        }
        let content = file::read_all(fd.as_fd(), SIZE_LIMIT + 1).context(clause)?;
        let text = text_of(content).context(clause)?;
        Ok(Some(Self { path: directory.join(PROJECT_POLICY), directory, text }))
    }

    /// Where the policy of a directory is, whether or not there is one: the key of the trust.
    #[must_use]
    pub fn path_in(directory: &HostPath) -> HostPath {
        match file::canonical(directory.as_path()) {
            Ok(real) => HostPath::absolute(real).join(PROJECT_POLICY),
            Err(_) => directory.join(PROJECT_POLICY),
        }
    }

    /// The path of a policy in the same form.
    #[must_use]
    pub fn path_of(policy: &HostPath) -> HostPath {
        match (policy.as_path().parent(), policy.as_path().file_name()) {
            (Some(parent), Some(name)) if name == PROJECT_POLICY => {
                Self::path_in(&HostPath::absolute(parent))
            }
            _ => policy.clone(),
        }
    }

    pub fn standing(&self, data: &HostPath) -> Result<Standing> {
        match Trust::open(data)? {
            None => Ok(Standing::Unknown),
            Some(trust) => trust.standing(&self.path, self.text.as_bytes()),
        }
    }

    /// What it says, held to what a policy found in a project may say.
    pub fn parse(&self) -> Result<Policy> {
        parse(&self.text, &self.directory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::trust::tests::Scratch;
    use std::os::unix::fs::symlink;

    struct Project(Scratch);

    impl Project {
        fn with(policy: &str) -> Self {
            let scratch = Scratch::new();
            scratch.write("p/bryo.toml", policy);
            scratch.write("secret", "");
            Self(scratch)
        }

        fn at(&self, below: &str) -> HostPath {
            self.0.path().join(below)
        }

        fn consult(&self) -> Result<Found> {
            consult(&self.at("p"), &self.at("data"))
        }

        fn allow(&self) {
            let file = ProjectFile::read(&self.at("p")).unwrap().unwrap();
            Trust::make(&self.at("data")).unwrap().allow(&file.path, file.text.as_bytes()).unwrap();
        }
    }

    #[test]
    fn only_what_was_allowed_is_used() {
        let project = Project::with("hostname = 'p'");
        assert_eq!(
            project.consult().unwrap(),
            Found::Unused(
                "the policy `bryo.toml` found here is not used: you have not allowed it; read it, \
                 then `bryo policy allow`"
                    .to_owned()
            )
        );
        project.allow();
        assert!(matches!(project.consult().unwrap(), Found::Allowed(_)));
        project.0.write("p/bryo.toml", "hostname = 'q'");
        assert_eq!(
            project.consult().unwrap(),
            Found::Unused(
                "the policy `bryo.toml` found here is not used: it has changed since you allowed \
                 it; read it, then `bryo policy allow`"
                    .to_owned()
            )
        );
    }

    #[test]
    fn a_policy_moved_elsewhere_is_not_allowed_there() {
        let project = Project::with("hostname = 'p'");
        project.allow();
        project.0.write("q/bryo.toml", "hostname = 'p'");
        let found = consult(&project.at("q"), &project.at("data")).unwrap();
        assert!(matches!(found, Found::Unused(_)));
    }

    #[test]
    fn nothing_there_is_nothing() {
        let scratch = Scratch::new();
        let found = consult(scratch.path(), &scratch.path().join("data")).unwrap();
        assert_eq!(found, Found::Nothing);
    }

    #[test]
    fn what_is_there_and_is_no_policy_stops_no_run() {
        for lay in [
            |path: &Path| std::fs::create_dir(path).unwrap(),
            |path: &Path| drop(std::os::unix::net::UnixListener::bind(path).unwrap()),
            |path: &Path| std::fs::write(path, b"\xff").unwrap(),
            |path: &Path| symlink("bryo.toml", path).unwrap(),
            |path: &Path| {
                let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
                assert!(made.success());
            },
        ] {
            let project = Project::with("");
            std::fs::remove_file(project.at("p/bryo.toml").as_path()).unwrap();
            lay(project.at("p/bryo.toml").as_path());
            assert!(matches!(project.consult().unwrap(), Found::Unused(_)));
        }
    }

    #[test]
    fn a_policy_that_is_a_link_is_read_within_the_project() {
        let project = Project::with("");
        std::fs::remove_file(project.at("p/bryo.toml").as_path()).unwrap();
        symlink("../secret", project.at("p/bryo.toml").as_path()).unwrap();
        assert_eq!(project.consult().unwrap(), Found::Nothing);
    }
}
