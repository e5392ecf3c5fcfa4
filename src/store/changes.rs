//! The changes that were kept: a directory for each try, under a name, with the layers it wrote
//! and a record of what ran.
//!
//! ```text
//! DATA/changes/brave-fern/record.json   what ran, when, how it ended
//! DATA/changes/brave-fern/directory     the working directory, byte for byte
//! DATA/changes/brave-fern/baseline      what lay below the changes when it had ended
//! DATA/changes/brave-fern/base/         what modified texts were, each under its digest
//! DATA/changes/brave-fern/layers/       as `--overlay-dir` keeps them
//! DATA/changes/brave-fern/layers/below  what they lie on, if not on the host alone
//! ```
//!
//! Whoever changes one of them holds its lock, which is that of its layers: a sandbox that is still
//! writing to them holds the same.

use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use super::record::{self, Record};
use super::turn::Turn;
use super::{names, removal, shape, spare};
use crate::base::wording::nearest;
use crate::base::{Context, Error, HostPath, Result, Text, progress};
use crate::sandbox::{self, Lock, Locked};
use crate::sys::small_file::{self, Durability};
use crate::sys::{Errno, entry, file};

const NAME: &str = "changes";
const DIRECTORY: &str = "directory";
/// How much is shown of the command of whoever holds the lock.
const COMMAND_SHOWN: usize = 120;
/// How many names are tried that are taken already.
const TRIES: u32 = 64;

/// All that is kept.
#[derive(Clone, Debug)]
pub struct ChangeStore {
    directory: HostPath,
}

/// One of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    pub name: String,
    directory: HostPath,
}

fn held_by(holders: &[Text]) -> Error {
    let one = |holder: &Text| {
        let what = what_runs(holder).map_or_else(String::new, |command| format!(" (`{command}`)"));
        format!("{holder}{what}")
    };
    let all: Vec<String> = holders.iter().map(one).collect();
    let said = match all.as_slice() {
        [only] => format!("process {only} is"),
        several => format!("processes {} are", several.join(" and ")),
    };
    Error::new(format!("{said} using them")).hint("wait until it has ended")
}

/// The words of its command.
fn what_runs(process: &Text) -> Option<Text> {
    let number: u32 = std::str::from_utf8(process.as_bytes()).ok()?.parse().ok()?;
    let words =
        file::read_path(Path::new(&format!("/proc/{number}/cmdline")), COMMAND_SHOWN).ok()?;
    let mut words: Vec<&[u8]> = words.split(|byte| *byte == 0).collect();
    words.retain(|word| !word.is_empty());
    (!words.is_empty()).then(|| Text::from(OsString::from_vec(words.join(&b' '))))
}

impl ChangeStore {
    #[must_use]
    pub fn of(data: &HostPath) -> Self {
        Self { directory: data.join(NAME) }
    }

    /// A new place, under this name or a free one.
    pub fn make(&self, name: Option<&str>) -> Result<Kept> {
        let clause = || format!("cannot keep changes in `{}`", self.directory);
        entry::make_directories(self.directory.as_path(), 0o700).context(clause)?;
        let base = file::open_path_for_reading(self.directory.as_path()).context(clause)?;
        let tries = if name.is_some() { 1 } else { TRIES };
        for _ in 0..tries {
            let name = name.map_or_else(names::invented, str::to_owned);
            names::check(&name)?;
            match spare::make_place(&base, &self.directory, &name) {
                Ok(()) => return Ok(self.kept(name)),
                Err(e) if e.errno() == Some(Errno::EEXIST) => {}
                Err(e) => return Err(e).context(clause),
            }
        }
        Err(Error::new(match name {
            Some(name) => format!("changes called `{name}` are kept already"),
            None => "every name that was tried is taken".to_owned(),
        })
        .hint("`bryo changes` lists what is kept; `--on NAME` goes on from it"))
    }

    /// Removes what is put aside for the next try.
    pub fn remove_spare(&self) -> Result<()> {
        spare::remove(&self.directory)
    }

    /// Where the layers of a name would be.
    pub fn imagined(&self, name: &str) -> Result<HostPath> {
        names::check(name)?;
        Ok(self.kept(name.to_owned()).layers())
    }

    /// The one of that name.
    pub fn find(&self, name: &Text) -> Result<Kept> {
        let all = self.all()?;
        if let Some(kept) = all.iter().find(|kept| kept.name.as_bytes() == name.as_bytes()) {
            return Ok(kept.clone());
        }
        let names = || all.iter().map(|kept| kept.name.as_str());
        let typed = name.to_string();
        let begun: Vec<&str> = names().filter(|it| it.starts_with(&typed)).collect();
        if let ([only], false) = (begun.as_slice(), typed.is_empty()) {
            return Ok(self.kept((*only).to_owned()));
        }
        let error = Error::new(format!("no changes are called `{name}`"));
        Err(match (begun.len(), nearest(&typed, names())) {
            (2.., _) if !typed.is_empty() => {
                Error::new(format!("`{name}` may be {}", crate::base::wording::any_of(&begun)))
            }
            (_, Some(near)) => error.hint(format!("did you mean `{near}`?")),
            _ => error.hint("`bryo changes` lists what is kept"),
        })
    }

    /// The one that bears exactly this name.
    pub(super) fn one(&self, name: &str) -> Result<Kept> {
        names::check(name)?;
        let kept = self.kept(name.to_owned());
        match file::status_of_path(kept.directory.as_path()) {
            Ok(_) => Ok(kept),
            Err(_) => Err(Error::new(format!("no changes are called `{name}`"))),
        }
    }

    /// Everything that is kept, by name.
    pub fn all(&self) -> Result<Vec<Kept>> {
        Ok(self.entries()?.0)
    }

    /// What else lies in the store: no directory, or one with a name that bryo does not give.
    pub fn foreign(&self) -> Result<Vec<Text>> {
        Ok(self.entries()?.1)
    }

    fn entries(&self) -> Result<(Vec<Kept>, Vec<Text>)> {
        let clause = || format!("cannot read `{}`", self.directory);
        let base = match file::open_path_for_reading(self.directory.as_path()) {
            Ok(base) => base,
            Err(e) if e.errno == Errno::ENOENT => return Ok((Vec::new(), Vec::new())),
            Err(e) => return Err(e).context(clause),
        };
        let (mut all, mut foreign) = (Vec::new(), Vec::new());
        for name in file::names_in(base.as_fd()).context(clause)? {
            let is_ours = file::is_directory_at(base.as_fd(), Path::new(&name));
            match name.to_str().filter(|name| is_ours && names::check(name).is_ok()) {
                Some(name) => all.push(self.kept(name.to_owned())),
                None => foreign.push(Text::from(name)),
            }
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        foreign.sort();
        Ok((all, foreign))
    }

    fn kept(&self, name: String) -> Kept {
        Kept { directory: self.directory.join(&name), name }
    }
}

impl std::fmt::Display for ChangeStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.directory.fmt(f)
    }
}

impl Kept {
    #[must_use]
    pub fn directory(&self) -> &HostPath {
        &self.directory
    }

    /// Whether a sandbox ever had them.
    #[must_use]
    pub fn was_written_to(&self) -> bool {
        file::status_of_path(self.layers().join("driver").as_path()).is_ok()
    }

    /// Notes the beginning, by the clock of this filesystem, which stamps files.
    pub fn begin(&self, command: &[Text], directory: &HostPath) -> Result<Record> {
        let base = self.open()?;
        let path = directory.as_path().as_os_str().as_bytes();
        let note = small_file::write(base.as_fd(), DIRECTORY, path, Durability::InMemory)?;
        let began = crate::sys::facts::facts(note.as_fd())?.changed;
        let record = Record::of(command, began.into());
        // A machine that dies now takes the run with it, and the place is worth nothing.
        self.put(&record, base.as_fd(), Durability::InMemory)?;
        Ok(record)
    }

    /// On the disk when it returns.
    pub fn write(&self, record: &Record) -> Result<()> {
        let base = self.open()?;
        match small_file::bring_to_disk(base.as_fd(), DIRECTORY) {
            Err(e) if e.errno != Errno::ENOENT => Err(e.into()),
            _ => self.put(record, base.as_fd(), Durability::OnDisk),
        }
    }

    fn put(&self, record: &Record, base: BorrowedFd<'_>, durability: Durability) -> Result<()> {
        let clause = || format!("cannot write the record of `{}`", self.name);
        record.write(base, durability).context(clause)
    }

    pub fn record(&self) -> Result<Record> {
        let clause = || format!("cannot read the record of `{}`", self.name);
        Record::read(self.open().context(clause)?.as_fd()).context(clause)
    }

    /// The working directory of the try, to which its paths are relative.
    pub fn working_directory(&self) -> Result<HostPath> {
        let base = self.open()?;
        let fd = entry::open_file_at(base.as_fd(), DIRECTORY.as_ref())?;
        let path = OsString::from_vec(file::read_all(fd.as_fd(), 1 << 16)?);
        Ok(HostPath::absolute(path))
    }

    /// Notes what runs now, on top of what is kept.
    pub fn go_on(&self, store: &ChangeStore, before: &Record, command: &[Text]) -> Result<Record> {
        let _lock = self.lock()?;
        let clause = || format!("cannot go on with the changes `{}`", self.name);
        store.expect_nothing_above(self).context(clause)?;
        if Turn::half_done(self)?.is_some() {
            return Err(Error::new("an apply of them was cut short")
                .within(format!("cannot go on with `{}`", self.name))
                .hint(format!("`bryo undo {}` takes it back", self.name)));
        }
        let record = before.again(command);
        self.write(&record)?;
        Ok(record)
    }

    /// Nobody else changes them, and no sandbox writes to them, until it is dropped.
    pub fn lock(&self) -> Result<Lock> {
        let clause = || format!("cannot use the changes `{}`", self.name);
        self.check_owner().context(clause)?;
        shape::check(self.open()?.as_fd()).context(clause)?;
        match self.try_lock().context(clause)? {
            Locked::Ours(lock) => Ok(lock),
            Locked::Held(holders) => Err(held_by(&holders)).context(clause),
        }
    }

    /// Whoever owns them can change what they say at any time: nobody else's rights, root's least of
    /// all, are to carry them out.
    fn check_owner(&self) -> Result<()> {
        let owner = crate::sys::facts::facts(self.open()?.as_fd())?.uid;
        if owner == crate::sys::process::effective_uid() {
            return Ok(());
        }
        Err(Error::new(format!("they are those of another user, with uid {owner}"))
            .hint("apply them as that user, or try the command again as yourself"))
    }

    /// Whether a sandbox, or somebody who changes them, has them now.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        Lock::is_held(&self.layers())
    }

    /// Nobody writes to them until it is dropped.
    pub fn lock_with_others(&self) -> Result<Lock> {
        let clause = || format!("cannot use the changes `{}`", self.name);
        match Lock::try_take_with_others(&self.layers()).context(clause)? {
            Locked::Ours(lock) => Ok(lock),
            Locked::Held(holders) => Err(held_by(&holders)).context(clause),
        }
    }

    fn try_lock(&self) -> Result<Locked> {
        entry::make_directories(self.layers().as_path(), 0o700)?;
        Lock::try_take(&self.layers())
    }

    /// What was written is all there, though the machine may have gone down since.
    pub fn check_is_whole(&self) -> Result<()> {
        sandbox::check_is_whole(&self.layers())
    }

    /// Removes all of it, unless somebody uses it, or something lies on it. What is damaged too
    /// much to be locked goes as well.
    pub fn remove(self) -> Result<()> {
        let clause = || format!("cannot remove the changes `{}`", self.name);
        let _lock = match self.try_lock() {
            Ok(Locked::Held(holders)) => return Err(held_by(&holders)).context(clause),
            Ok(Locked::Ours(lock)) => Some(lock),
            Err(_) => None,
        };
        progress::stage("discarding");
        let parent = self.directory.as_path().parent().unwrap_or(Path::new("/"));
        let store = ChangeStore { directory: HostPath::absolute(parent) };
        store.expect_nothing_above(&self).context(clause)?;
        let base = file::open_path_for_reading(parent).context(clause)?;
        removal::remove(base.as_fd(), self.name.as_ref()).context(clause)
    }

    /// The same for a try that has changed nothing: its place may do for the next one.
    pub fn put_aside(self) -> Result<()> {
        let is_stripped = match self.try_lock() {
            Ok(Locked::Ours(_lock)) => self
                .open()
                .and_then(|place| spare::strip(&place, &self.layers(), &[record::NAME, DIRECTORY])),
            _ => Ok(false),
        };
        let store = HostPath::absolute(self.directory.as_path().parent().unwrap_or(Path::new("/")));
        match is_stripped {
            Ok(true) if spare::put_aside(&store, &self.name) => Ok(()),
            _ => self.remove(),
        }
    }

    fn open(&self) -> Result<OwnedFd> {
        let clause = || format!("cannot open the changes `{}`", self.name);
        file::open_path_for_reading(self.directory.as_path()).context(clause)
    }
}
