//! The policies of the user: found by path, or by name in the configuration directory.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::base::wording::nearest;
use crate::base::{Context, Error, HostPath, Result, Text};
use crate::spec::{Policy, policy};
use crate::sys::{Errno, file};

/// More than a person writes, less than a mistyped path can flood the memory with.
pub(super) const SIZE_LIMIT: usize = 1 << 20;

/// One policy file, read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyFile {
    pub path: HostPath,
    /// As the user knows it.
    pub shown: String,
    pub text: String,
}

impl PolicyFile {
    /// What `--policy NAME` means. A bare word is a policy of the user's own directory before it
    /// is a file: a file that a project laid into the working directory must not take the place
    /// of the policy the user has in mind. Whatever holds a `/` or ends in `.toml` is a file.
    pub fn open(
        name: &OsStr,
        directory: &HostPath,
        home: &HostPath,
        config: &HostPath,
    ) -> Result<Self> {
        let bytes = name.as_bytes();
        let path = HostPath::resolve(name, directory, home);
        if bytes.contains(&b'/') || bytes.ends_with(b".toml") {
            return read(path, &Text::from(name));
        }
        let own = config.join([bytes, b".toml"].map(OsStr::from_bytes).join(OsStr::new("")));
        if exists(&own) {
            let shown = Text::from(own.as_path().as_os_str());
            return read(own, &shown);
        }
        if exists(&path) {
            return read(path, &Text::from(name));
        }
        Err(not_found(name, config))
    }

    /// What it says.
    pub fn parse(&self) -> Result<Policy> {
        let parent = self.path.as_path().parent().unwrap_or(Path::new("/"));
        policy::parse(&self.shown, &self.text, &HostPath::absolute(parent))
    }
}

fn exists(path: &HostPath) -> bool {
    file::status_of_path(path.as_path()).is_ok()
}

fn read(path: HostPath, shown: &Text) -> Result<PolicyFile> {
    let clause = || format!("cannot read the policy `{shown}`");
    let content = file::read_path(path.as_path(), SIZE_LIMIT + 1).context(clause)?;
    let text = text_of(content).context(clause)?;
    Ok(PolicyFile { path, shown: shown.to_string(), text })
}

pub(super) fn text_of(content: Vec<u8>) -> Result<String> {
    if content.len() > SIZE_LIMIT {
        return Err(Error::new("it is larger than 1 MiB"));
    }
    String::from_utf8(content).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        Error::new(format!("line {line}: it is not UTF-8"))
    })
}

fn not_found(name: &OsStr, config: &HostPath) -> Error {
    let shown = Text::from(name);
    let error = Error::new(format!(
        "cannot find the policy `{shown}`: neither `{config}/{shown}.toml` nor a file `{shown}` is \
         there"
    ));
    let names = policy_names(config).unwrap_or_default();
    match nearest(&shown.to_string(), names.iter().filter_map(|name| name.to_str())) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("`bryo policy list` names them all"),
    }
}

/// The names of the policies in the configuration directory, in order; none where it is missing.
pub fn policy_names(config: &HostPath) -> Result<Vec<std::ffi::OsString>> {
    let directory = match file::open_path_for_reading(config.as_path()) {
        Err(error) if error.errno == Errno::ENOENT => return Ok(Vec::new()),
        other => other,
    };
    let clause = || format!("cannot list the policies of `{config}`");
    let directory = directory.context(clause)?;
    let names = file::names_in(std::os::fd::AsFd::as_fd(&directory)).context(clause)?;
    let mut names: Vec<_> = names
        .iter()
        .filter_map(|name| name.as_bytes().strip_suffix(b".toml"))
        .filter(|name| !name.is_empty())
        .map(|name| OsStr::from_bytes(name).to_owned())
        .collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::trust::tests::Scratch;

    fn open(scratch: &Scratch, name: &str) -> Result<PolicyFile> {
        let at = |below: &str| scratch.path().join(below);
        PolicyFile::open(OsStr::new(name), &at("cwd"), &at("home"), &at("config"))
    }

    fn laid_out() -> Scratch {
        let scratch = Scratch::new();
        scratch.write("config/work.toml", "hostname = 'own'");
        scratch.write("config/note.txt", "");
        scratch.write("cwd/work", "hostname = 'planted'");
        scratch.write("cwd/other", "hostname = 'file'");
        scratch.write("cwd/p.toml", "ro = 'data'");
        scratch
    }

    #[test]
    fn a_bare_name_is_the_users_own_policy_before_it_is_a_file() {
        let scratch = laid_out();
        let host = |name: &str| {
            open(&scratch, name).unwrap().parse().unwrap().spec.hostname.map(|h| h.value)
        };
        assert_eq!(host("work").as_deref(), Some("own"));
        assert_eq!(host("./work").as_deref(), Some("planted"));
        assert_eq!(host("other").as_deref(), Some("file"));
        let names = policy_names(&scratch.path().join("config")).unwrap();
        assert_eq!(names, ["work"]);
        assert!(policy_names(&scratch.path().join("gone")).unwrap().is_empty());
    }

    #[test]
    fn what_is_not_there_gets_the_name_probably_meant() {
        let scratch = laid_out();
        let error = open(&scratch, "wrok").unwrap_err();
        let config = scratch.path().join("config");
        assert_eq!(
            error.to_string(),
            format!(
                "cannot find the policy `wrok`: neither `{config}/wrok.toml` nor a file `wrok` is \
                 there"
            )
        );
        assert_eq!(error.hint_text(), Some("did you mean `work`?"));
        let error = open(&scratch, "gone.toml").unwrap_err().to_string();
        assert!(error.starts_with("cannot read the policy `gone.toml`: open("), "{error}");
    }

    #[test]
    fn relative_paths_are_meant_beside_the_file() {
        let scratch = laid_out();
        let wish = open(&scratch, "p.toml").unwrap().parse().unwrap().spec.view.remove(0);
        let data = scratch.path().join("cwd/data").to_string();
        assert!(format!("{:?}", wish.value).contains(&data));
        assert_eq!(wish.origin.to_string(), "p.toml:1: ro");
    }

    #[test]
    fn what_is_no_text_is_named_with_its_line() {
        let scratch = laid_out();
        std::fs::write(scratch.path().join("cwd/b.toml").as_path(), b"# a\n# \xff\n").unwrap();
        assert_eq!(
            open(&scratch, "b.toml").unwrap_err().to_string(),
            "cannot read the policy `b.toml`: line 2: it is not UTF-8"
        );
        scratch.write("cwd/big.toml", &"#".repeat(SIZE_LIMIT + 1));
        assert_eq!(
            open(&scratch, "big.toml").unwrap_err().to_string(),
            "cannot read the policy `big.toml`: it is larger than 1 MiB"
        );
    }
}
