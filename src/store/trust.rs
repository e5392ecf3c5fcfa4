//! Which of the policies found in projects the user has allowed: one small file for each, named
//! by the hash of the policy's path, with the hash of the content that was allowed.
//!
//! The directory is private to the user. If it is not, nothing in it is believed.

use std::ffi::OsStr;
use std::fmt;
use std::fs::DirBuilder;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::base::{Context, Error, HostPath, Result};
use crate::sys::file::{self, FileKind, Links};
use crate::sys::{Errno, process};

const NAME: &str = "allowed";

/// A path, a line break and a hash; PATH_MAX is 4096.
const ENTRY_LIMIT: usize = 8192;

/// How a policy stands with the user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    Unknown,
    /// Another content of the same file was allowed.
    Changed,
    Allowed,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Forgotten {
    Forgotten,
    WasNotKnown,
}

/// One policy that was allowed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TrustEntry {
    pub path: HostPath,
    /// SHA-256 of the content, in hexadecimal.
    pub sha256: String,
}

/// The open trust directory.
#[derive(Debug)]
pub struct Trust {
    directory: OwnedFd,
}

impl Trust {
    /// The trust directory below the data directory, if there is one.
    pub fn open(data: &HostPath) -> Result<Option<Self>> {
        let clause = || format!("cannot trust `{data}/{NAME}`");
        let path = match file::canonical(data.as_path()) {
            Err(error) if error.errno == Errno::ENOENT => return Ok(None),
            other => other.context(clause)?,
        };
        let parent = file::open_without_links(&path).context(clause)?;
        check(parent.as_fd(), Reach::NotWritable, data)?;
        match file::open_below(parent.as_fd(), Path::new(NAME), Links::Refuse) {
            Err(error) if error.errno == Errno::ENOENT => Ok(None),
            other => {
                let directory = other.context(clause)?;
                check(directory.as_fd(), Reach::Private, &data.join(NAME))?;
                Ok(Some(Self { directory }))
            }
        }
    }

    /// The trust directory, made if it is missing.
    pub fn make(data: &HostPath) -> Result<Self> {
        let path = data.join(NAME);
        // What is there stays as it is; `open` judges it.
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path.as_path());
        made.map_err(|error| Error::new(error.to_string()))
            .context(|| format!("cannot make the directory `{path}`"))?;
        Self::open(data)?.ok_or_else(|| Error::new(format!("cannot keep the directory `{path}`")))
    }

    pub fn standing(&self, path: &HostPath, content: &[u8]) -> Result<Standing> {
        let name = entry_name(path);
        let entry = match self.read(&name) {
            Err(error) if error.errno() == Some(Errno::ENOENT) => return Ok(Standing::Unknown),
            other => other.context(|| format!("cannot look up `{path}`"))?,
        };
        Ok(match entry {
            entry if entry.path != *path => Standing::Unknown,
            entry if entry.sha256 == hash(content) => Standing::Allowed,
            _ => Standing::Changed,
        })
    }

    /// Allows this content, instead of any before it.
    pub fn allow(&self, path: &HostPath, content: &[u8]) -> Result<()> {
        let entry = TrustEntry { path: path.clone(), sha256: hash(content) };
        self.write(&entry).context(|| format!("cannot remember that `{path}` is allowed"))
    }

    pub fn forget(&self, path: &HostPath) -> Result<Forgotten> {
        let name = entry_name(path);
        match file::remove_file_at(self.directory.as_fd(), Path::new(&name)) {
            Ok(()) => Ok(Forgotten::Forgotten),
            Err(error) if error.errno == Errno::ENOENT => Ok(Forgotten::WasNotKnown),
            Err(error) => Err(error).context(|| format!("cannot forget `{path}`")),
        }
    }

    /// All that was allowed, by path.
    pub fn entries(&self) -> Result<Vec<TrustEntry>> {
        let clause = || "cannot list what is allowed".to_owned();
        let directory = self.open_for_reading(".").context(clause)?;
        let names = file::names_in(directory.as_fd()).context(clause)?;
        let is_entry = |name: &&OsStr| name.len() == 64;
        let mut entries = Vec::new();
        for name in names.iter().map(|name| name.as_os_str()).filter(is_entry) {
            match self.read(&name.to_string_lossy()) {
                // Forgotten meanwhile.
                Err(error) if error.errno() == Some(Errno::ENOENT) => {}
                other => entries.push(other.context(clause)?),
            }
        }
        entries.sort();
        Ok(entries)
    }

    fn open_for_reading(&self, name: &str) -> Result<OwnedFd> {
        Ok(file::open_below_for_reading(self.directory.as_fd(), Path::new(name))?)
    }

    fn read(&self, name: &str) -> Result<TrustEntry> {
        let entry = self.open_for_reading(name)?;
        let content = file::read_all(entry.as_fd(), ENTRY_LIMIT)?;
        parse_entry(&content).ok_or_else(|| {
            Error::new(format!("the entry `{name}` is damaged"))
                .hint("allow the policy again with `bryo policy allow`")
        })
    }

    /// Temporary file, fsync, rename, fsync: a crash leaves the old entry or the new one.
    fn write(&self, entry: &TrustEntry) -> Result<()> {
        let directory = self.directory.as_fd();
        let temporary = format!(".new-{}", process::own_pid());
        let temporary = Path::new(&temporary);
        // Left by a process of the same number that died.
        let _ = file::remove_file_at(directory, temporary);
        let new = file::create_below(directory, temporary, 0o600)?;
        let content =
            [entry.sha256.as_bytes(), b"\n", entry.path.as_path().as_os_str().as_bytes()].concat();
        let written =
            file::write_all(new.as_fd(), &content).and_then(|()| file::sync(new.as_fd())).and_then(
                |()| file::rename_at(directory, temporary, Path::new(&entry_name(&entry.path))),
            );
        if let Err(error) = written {
            let _ = file::remove_file_at(directory, temporary);
            return Err(error.into());
        }
        Ok(file::sync(self.open_for_reading(".")?.as_fd())?)
    }
}

/// How far others may reach into a directory that is believed.
#[derive(Clone, Copy)]
enum Reach {
    NotWritable,
    Private,
}

fn check(directory: BorrowedFd<'_>, reach: Reach, path: &HostPath) -> Result<()> {
    let clause = || format!("cannot trust `{path}`");
    let status = file::status(directory).context(clause)?;
    let (forbidden, wanted) = match reach {
        Reach::NotWritable => (0o022, "go-w"),
        Reach::Private => (0o077, "700"),
    };
    if status.kind != FileKind::Directory {
        return Err(Error::new("it is not a directory")).context(clause);
    }
    if status.uid != process::effective_uid() {
        return Err(Error::new(format!("it belongs to uid {}", status.uid))).context(clause);
    }
    if status.mode & forbidden != 0 {
        return Err(Error::new(format!("its mode is {:o}", status.mode))
            .hint(format!("`chmod {wanted} {path}`, after a look at what others left in it")))
        .context(clause);
    }
    Ok(())
}

/// The hash, a line break, and the path to the end, whatever it holds.
fn parse_entry(content: &[u8]) -> Option<TrustEntry> {
    let (sha256, rest) = content.split_at_checked(64)?;
    let path = rest.strip_prefix(b"\n")?;
    let is_hexadecimal = sha256.iter().all(u8::is_ascii_hexdigit);
    let sha256 = String::from_utf8(sha256.to_vec()).ok().filter(|_| is_hexadecimal)?;
    path.starts_with(b"/")
        .then(|| TrustEntry { path: HostPath::absolute(OsStr::from_bytes(path)), sha256 })
}

fn entry_name(path: &HostPath) -> String {
    hash(path.as_path().as_os_str().as_bytes())
}

fn hash(content: &[u8]) -> String {
    Hexadecimal(&Sha256::digest(content)).to_string()
}

struct Hexadecimal<'a>(&'a [u8]);

impl fmt::Display for Hexadecimal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::sync::atomic::{AtomicU32, Ordering};

    /// A directory of the test's own, gone afterwards.
    pub(in crate::store) struct Scratch(HostPath);

    impl Scratch {
        pub(in crate::store) fn new() -> Self {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let next = NEXT.fetch_add(1, Ordering::Relaxed);
            let path =
                std::env::temp_dir().join(format!("bryo-store-{}-{next}", process::own_pid()));
            DirBuilder::new().mode(0o700).create(&path).unwrap();
            Self(HostPath::absolute(path.canonicalize().unwrap()))
        }

        pub(in crate::store) fn path(&self) -> &HostPath {
            &self.0
        }

        pub(in crate::store) fn write(&self, below: &str, text: &str) {
            let path = self.0.join(below);
            std::fs::create_dir_all(path.as_path().parent().unwrap()).unwrap();
            std::fs::write(path.as_path(), text).unwrap();
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(self.0.as_path());
        }
    }

    fn set_mode(path: &HostPath, mode: u32) {
        std::fs::set_permissions(path.as_path(), PermissionsExt::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_content_is_allowed_until_it_changes_or_is_forgotten() {
        let scratch = Scratch::new();
        let data = scratch.path().join("data/bryo");
        assert!(Trust::open(&data).unwrap().is_none());
        let path = HostPath::absolute("/p/a\nb/bryo.toml");
        Trust::make(&data).unwrap().allow(&path, b"one").unwrap();
        let trust = Trust::open(&data).unwrap().unwrap();
        assert_eq!(trust.standing(&path, b"one").unwrap(), Standing::Allowed);
        assert_eq!(trust.standing(&path, b"two").unwrap(), Standing::Changed);
        let other = HostPath::absolute("/q/bryo.toml");
        assert_eq!(trust.standing(&other, b"one").unwrap(), Standing::Unknown);
        trust.allow(&path, b"two").unwrap();
        assert_eq!(trust.standing(&path, b"two").unwrap(), Standing::Allowed);
        assert_eq!(trust.entries().unwrap().iter().map(|e| &e.path).collect::<Vec<_>>(), [&path]);
        assert_eq!(trust.forget(&path).unwrap(), Forgotten::Forgotten);
        assert_eq!(trust.forget(&path).unwrap(), Forgotten::WasNotKnown);
        assert_eq!(trust.standing(&path, b"two").unwrap(), Standing::Unknown);
    }

    #[test]
    fn the_hash_is_sha256() {
        assert_eq!(hash(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn what_is_made_is_private_and_nothing_else_is_left() {
        let scratch = Scratch::new();
        let data = scratch.path().join("data");
        Trust::make(&data).unwrap().allow(&HostPath::absolute("/p"), b"").unwrap();
        let allowed = data.join(NAME);
        assert_eq!(file::status_of_path(allowed.as_path()).unwrap().mode, 0o700);
        let names: Vec<_> = std::fs::read_dir(allowed.as_path()).unwrap().collect();
        assert_eq!(names.len(), 1);
    }

    #[test]
    fn a_directory_that_others_can_reach_is_not_believed() {
        let scratch = Scratch::new();
        let data = scratch.path().join("data");
        drop(Trust::make(&data).unwrap());
        set_mode(&data.join(NAME), 0o750);
        let error = Trust::open(&data).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot trust `{data}/allowed`: its mode is 750"));
        set_mode(&data.join(NAME), 0o700);
        set_mode(&data, 0o777);
        let error = Trust::open(&data).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot trust `{data}`: its mode is 777"));
        assert!(Trust::make(&data).is_err());
    }

    #[test]
    fn a_link_in_the_place_of_the_directory_is_refused() {
        let scratch = Scratch::new();
        scratch.write("data/x", "");
        set_mode(&scratch.path().join("data"), 0o700);
        drop(Trust::make(&scratch.path().join("elsewhere")).unwrap());
        let target = scratch.path().join("elsewhere/allowed");
        let link = scratch.path().join("data/allowed");
        symlink(target.as_path(), link.as_path()).unwrap();
        let error = Trust::open(&scratch.path().join("data")).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::ELOOP));
    }

    #[test]
    fn a_damaged_entry_is_an_error_and_not_a_yes() {
        let scratch = Scratch::new();
        let data = scratch.path().join("data");
        let path = HostPath::absolute("/p/bryo.toml");
        let trust = Trust::make(&data).unwrap();
        scratch.write(&format!("data/allowed/{}", entry_name(&path)), "cut");
        assert!(trust.standing(&path, b"x").unwrap_err().to_string().ends_with("is damaged"));
        trust.allow(&path, b"x").unwrap();
        assert_eq!(trust.standing(&path, b"x").unwrap(), Standing::Allowed);
    }

    proptest::proptest! {
        #[test]
        fn any_entry_is_answered(content in proptest::prelude::any::<Vec<u8>>()) {
            let _ = parse_entry(&content);
        }
    }
}
