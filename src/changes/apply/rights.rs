//! What the user may not do, and what there is no room for, found before anything is done.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use crate::base::{HostPath, Result};
use crate::changes::change::Change;
use crate::changes::layer::Layer;
use crate::changes::walk::Spot;
use crate::sys::facts::{self, Facts, Type};
use crate::sys::{Errno, entry, file, process};

use super::step::Act;

/// What would fail, why, and what helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forbidden {
    pub path: HostPath,
    pub why: String,
    pub remedy: Option<String>,
}

/// A filesystem with too little room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Full {
    pub at: HostPath,
    pub needs: u64,
    pub has: u64,
}

pub(super) struct Rights {
    own: u32,
    /// The directory that was asked last, and the answer.
    asked: Option<(PathBuf, Option<Forbidden>)>,
}

const TAKEN: &str = "the sandbox gave it to a subordinate id, and you may neither read nor move it";
const STICKY: u32 = 0o1000;

impl Rights {
    pub(super) fn new() -> Self {
        Self { own: process::effective_uid(), asked: None }
    }

    /// Another layer: its paths begin elsewhere.
    pub(super) fn begin_layer(&mut self) {
        self.asked = None;
    }

    /// What stands against a change that is meant.
    pub(super) fn forbid(
        &mut self,
        layer: &Layer,
        change: &Change,
        spot: &Spot<'_>,
        acts: &[Act],
    ) -> Result<Option<Forbidden>> {
        let path = || layer.lower.join(spot.path);
        let moves = |act: &Act| !matches!(act, Act::SetDirectory { .. } | Act::Consume { .. });
        if acts.iter().any(moves)
            && let Some(why) = self.forbids_names(layer, spot)
        {
            return Ok(Some(why));
        }
        if let (Some(before), Some(lower)) = (&change.before, spot.lower) {
            let found = match acts.iter().any(moves) {
                true => self.forbids_to_move(before, lower, spot)?,
                false => self.forbids_to_set(before),
            };
            if let Some((why, remedy)) = found {
                let remedy = remedy.map(|command| format!("`{command} {}`", path()));
                return Ok(Some(Forbidden { path: path(), why, remedy }));
            }
        }
        let why = self.forbids_to_take(change, spot)?;
        Ok(why.map(|why| Forbidden { path: path(), why, remedy: None }))
    }

    /// Whether names may be made and removed in the directory.
    fn forbids_names(&mut self, layer: &Layer, spot: &Spot<'_>) -> Option<Forbidden> {
        let above = spot.path.parent().unwrap_or(Path::new(""));
        let lower = spot.lower?;
        if let Some((asked, answer)) = &self.asked
            && asked == above
        {
            return answer.clone();
        }
        let answer = file::may_make_names_in(lower).err().map(|errno| {
            let path = layer.lower.join(above);
            let (why, remedy) = self.why_not(errno, facts::facts(lower).ok());
            let remedy = remedy.map(|command| format!("`{command} {path}`"));
            Forbidden { path, why, remedy }
        });
        self.asked = Some((above.to_path_buf(), answer.clone()));
        answer
    }

    fn why_not(&self, errno: Errno, facts: Option<Facts>) -> (String, Option<&'static str>) {
        match (errno, facts) {
            (Errno::EROFS, _) => {
                ("its filesystem is mounted read-only".to_owned(), Some("mount -o remount,rw"))
            }
            (Errno::EPERM, _) => ("it is immutable".to_owned(), Some("chattr -i")),
            (_, Some(facts)) if facts.uid != self.own => (BELONGS.to_owned(), None),
            (_, Some(facts)) => (format!("its mode is {:04o}", facts.mode), Some("chmod u+rwx")),
            (errno, None) => (errno.to_string(), None),
        }
    }

    /// Whether the host's own name may go, in a directory that may be written to.
    fn forbids_to_move(
        &self,
        before: &Facts,
        lower: BorrowedFd<'_>,
        spot: &Spot<'_>,
    ) -> Result<Option<(String, Option<&'static str>)>> {
        if let Some(word) = facts::locked_at(lower, spot.name)? {
            let remedy = if word == "immutable" { "chattr -i" } else { "chattr -a" };
            return Ok(Some((format!("it is {word}"), Some(remedy))));
        }
        if self.own == 0 || before.uid == self.own {
            return Ok(None);
        }
        let above = facts::facts(lower)?;
        if above.mode & STICKY != 0 && above.uid != self.own {
            return Ok(Some((format!("{BELONGS}, in a sticky directory"), None)));
        }
        // What moves to another directory has its `..` written (rename(2), EACCES).
        if before.is_directory() {
            let directory = entry::open_directory_at(lower, spot.name);
            let may = directory.is_ok_and(|fd| file::may_make_names_in(fd.as_fd()).is_ok());
            return Ok((!may).then(|| (BELONGS.to_owned(), None)));
        }
        Ok(None)
    }

    fn forbids_to_set(&self, before: &Facts) -> Option<(String, Option<&'static str>)> {
        let is_foreign = before.is_directory() && self.own != 0 && before.uid != self.own;
        is_foreign.then(|| (format!("{BELONGS}, and so does its mode"), None))
    }

    /// Whether the layer's file can become the user's.
    fn forbids_to_take(&self, change: &Change, spot: &Spot<'_>) -> Result<Option<String>> {
        let Some(after) = &change.after else { return Ok(None) };
        if self.own == 0 || after.uid == self.own {
            return Ok(None);
        }
        Ok((!is_open(spot.upper, spot.name)?).then(|| TAKEN.to_owned()))
    }
}

/// Whether a name of the layer can be read and moved, whoever owns it.
pub(super) fn is_open(directory: BorrowedFd<'_>, name: &OsStr) -> Result<bool> {
    let Some(facts) = facts::facts_at(directory, name)? else { return Ok(false) };
    let can_be_read = match facts.kind {
        Type::Directory => entry::open_directory_at(directory, name)
            .is_ok_and(|fd| file::may_make_names_in(fd.as_fd()).is_ok()),
        Type::Regular => entry::open_file_at(directory, name).is_ok(),
        _ => true,
    };
    Ok(can_be_read && file::may_make_names_in(directory).is_ok())
}

/// Whom, the namespace of `rights` does not tell.
const BELONGS: &str = "it belongs to another user";

/// How much is copied to each filesystem, because the layer is on another one.
#[derive(Default)]
pub(super) struct Room {
    needs: Vec<(u64, HostPath, u64)>,
    /// The filesystems of the host and of the layer, where they are not the same.
    between: Option<(u64, u64)>,
}

impl Room {
    pub(super) fn begin_layer(&mut self, layer: &Layer) -> Result<()> {
        let lower = file::open_without_links(layer.lower.as_path());
        let upper = facts::facts(layer.upper.as_fd())?.inode.device;
        let lower = lower.and_then(|fd| facts::facts(fd.as_fd())).map(|it| it.inode.device);
        self.between = lower.ok().filter(|lower| *lower != upper).map(|lower| (lower, upper));
        Ok(())
    }

    /// Of a change that is meant: what is new is copied to the host, and what was there to the
    /// store.
    pub(super) fn count(&mut self, layer: &Layer, change: &Change, store: &HostPath) {
        let Some((lower, upper)) = self.between else { return };
        let size = |facts: &Option<Facts>| {
            facts.as_ref().filter(|it| it.kind == Type::Regular).map_or(0, |it| it.allocated)
        };
        self.add(lower, &layer.lower, size(&change.after));
        self.add(upper, store, size(&change.before));
    }

    fn add(&mut self, device: u64, at: &HostPath, bytes: u64) {
        match self.needs.iter_mut().find(|(other, ..)| *other == device) {
            Some((_, _, needs)) => *needs += bytes,
            None => self.needs.push((device, at.clone(), bytes)),
        }
    }

    /// The first that has less than it needs.
    pub(super) fn lacking(self) -> Option<Full> {
        self.needs.into_iter().find_map(|(_, at, needs)| {
            let has = file::free_bytes(at.as_path()).ok()?;
            (has < needs).then_some(Full { at, needs, has })
        })
    }
}
