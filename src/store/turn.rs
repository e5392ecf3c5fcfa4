//! One apply of kept changes: its paper, and what it replaced, in a directory of its own below the
//! changes. The newest can be gone on with if it was cut short, or taken back.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use super::changes::Kept;
use crate::base::{Context, Error, HostPath, Result, progress};
use crate::sys::{CallError, Errno, entry, file};

const UNDO: &str = "undo";
/// Beside the turns: one that is being removed.
const FORGOTTEN: &str = "forgotten";

#[derive(Clone, Debug)]
pub struct Turn {
    directory: HostPath,
}

/// How far an apply has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Its paper is being written; nothing was touched.
    Planned,
    /// Steps were taken, not all.
    Begun,
    Applied,
    /// Steps were taken back, not all.
    TakenBackInPart,
}

impl Stage {
    const ALL: [(Self, &str); 4] = [
        (Self::Planned, "planned"),
        (Self::Begun, "begun"),
        (Self::Applied, "applied"),
        (Self::TakenBackInPart, "taken-back-in-part"),
    ];

    fn file(self) -> &'static str {
        Self::ALL.iter().find(|(stage, _)| *stage == self).map_or("", |(_, name)| name)
    }
}

impl Turn {
    /// A new one.
    pub fn begin(kept: &Kept) -> Result<Self> {
        let applied = kept.directory().join("applied");
        entry::make_directories(applied.as_path(), 0o700)?;
        forget_leftovers(kept)?;
        let number = numbers(kept)?.last().map_or(Some(1), |last| last.checked_add(1));
        let number = number.ok_or_else(|| Error::new(format!("`{applied}` is damaged")))?;
        let directory = applied.join(number.to_string());
        entry::make_directories(directory.as_path(), 0o700)?;
        Ok(Self { directory })
    }

    /// The newest of which a step was taken, and how far it came.
    pub fn newest(kept: &Kept) -> Result<Option<(Self, Stage)>> {
        for number in numbers(kept)?.into_iter().rev() {
            let turn = Self::of_number(kept, number);
            if let Some(stage) = turn.stage()? {
                return Ok(Some((turn, stage)));
            }
        }
        Ok(None)
    }

    /// An apply that was cut short, or taken back in part: what it replaced is nowhere else.
    pub fn half_done(kept: &Kept) -> Result<Option<Stage>> {
        let stage = Self::newest(kept)?.map(|(_, stage)| stage);
        Ok(stage.filter(|stage| matches!(stage, Stage::Begun | Stage::TakenBackInPart)))
    }

    fn of_number(kept: &Kept, number: u64) -> Self {
        Self { directory: kept.directory().join(format!("applied/{number}")) }
    }

    /// `None`: none of its steps was taken.
    fn stage(&self) -> Result<Option<Stage>> {
        let base = open_directory(&self.directory)
            .context(|| format!("cannot read `{}`", self.directory))?;
        let (mut stages, mut others) = (Vec::new(), false);
        for name in file::names_in(base.as_fd())? {
            match Stage::ALL.into_iter().find(|it| *it.1 == *name) {
                Some((Stage::Planned, _)) => {}
                Some((stage, _)) => stages.push(stage),
                None => others |= name == UNDO,
            }
        }
        match (stages.as_slice(), others) {
            ([], false) => Ok(None),
            ([stage], _) => Ok(Some(*stage)),
            ([], true) => Err(self.damaged("has lost the paper of an apply")),
            (_, _) => Err(self.damaged("has more than one paper")),
        }
    }

    fn damaged(&self, what: &str) -> Error {
        Error::new(format!("`{}` {what}", self.directory)).hint(
            "what an apply has replaced may be in it alone: look there before `bryo discard NAME`",
        )
    }

    /// Its paper, as it is named at that stage.
    #[must_use]
    pub fn paper(&self, stage: Stage) -> HostPath {
        self.directory.join(stage.file())
    }

    /// Where what it replaced is.
    #[must_use]
    pub fn undo(&self) -> HostPath {
        self.directory.join(UNDO)
    }

    /// What the baseline was before it.
    #[must_use]
    pub fn baseline(&self) -> HostPath {
        self.directory.join("baseline")
    }

    /// Notes that it has come from one stage to another.
    pub fn come(&self, from: Stage, to: Stage) -> Result<()> {
        let base = file::open_path_for_reading(self.directory.as_path())?;
        file::rename_at(base.as_fd(), Path::new(from.file()), Path::new(to.file())).context(
            || format!("cannot note how far the apply in `{}` has come", self.directory),
        )?;
        Ok(file::sync(base.as_fd())?)
    }

    /// Forgets it: what it replaced is gone. Its name goes first, so that a run which is killed here
    /// leaves no half of it.
    pub fn forget(self) -> Result<()> {
        progress::stage("clearing away");
        let path = self.directory.as_path();
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
        let base = file::open_path_for_reading(parent)?;
        if file::is_directory_at(base.as_fd(), Path::new(FORGOTTEN)) {
            crate::sandbox::remove_tree(base.as_fd(), FORGOTTEN.as_ref())?;
        }
        file::rename_at(base.as_fd(), Path::new(name), Path::new(FORGOTTEN))?;
        crate::sandbox::remove_tree(base.as_fd(), FORGOTTEN.as_ref())
    }
}

/// What a run left that was killed before it had taken its first step, or after it had taken back
/// its last.
fn forget_leftovers(kept: &Kept) -> Result<()> {
    for number in numbers(kept)? {
        let turn = Turn::of_number(kept, number);
        if turn.stage()?.is_none() {
            turn.forget()?;
        }
    }
    Ok(())
}

/// Never through a link, nor waiting for anybody at a FIFO.
fn open_directory(path: &HostPath) -> std::result::Result<OwnedFd, CallError> {
    let (parent, name) = (path.as_path().parent(), path.as_path().file_name());
    let base = file::open_path_for_reading(parent.unwrap_or(Path::new("/")))?;
    entry::open_directory_at(base.as_fd(), name.unwrap_or_default())
}

fn numbers(kept: &Kept) -> Result<Vec<u64>> {
    let applied = kept.directory().join("applied");
    let base = match open_directory(&applied) {
        Ok(base) => base,
        Err(e) if e.errno == Errno::ENOENT => return Ok(Vec::new()),
        Err(e) => return Err(e).context(|| format!("cannot read `{applied}`")),
    };
    let mut numbers: Vec<u64> = file::names_in(base.as_fd())?
        .iter()
        .filter_map(|name| {
            let number: u64 = name.to_str()?.parse().ok()?;
            (*number.to_string() == **name).then_some(number)
        })
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}
