//! One apply of kept changes: its paper, and what it replaced, in a directory of its own below the
//! changes. The newest can be gone on with if it was cut short, or taken back.

use std::os::fd::AsFd;
use std::path::Path;

use super::changes::Kept;
use crate::base::{Context, HostPath, Result};
use crate::sys::{Errno, entry, file};

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
        let number = numbers(kept)?.last().map_or(1, |last| last + 1);
        let directory = applied.join(number.to_string());
        entry::make_directories(directory.as_path(), 0o700)?;
        Ok(Self { directory })
    }

    /// The newest of which a step was taken, and how far it came.
    pub fn newest(kept: &Kept) -> Result<Option<(Self, Stage)>> {
        for number in numbers(kept)?.into_iter().rev() {
            let turn = Self { directory: kept.directory().join(format!("applied/{number}")) };
            for (stage, name) in Stage::ALL.into_iter().filter(|it| it.0 != Stage::Planned) {
                if file::status_of_path(turn.directory.join(name).as_path()).is_ok() {
                    return Ok(Some((turn, stage)));
                }
            }
        }
        Ok(None)
    }

    /// Its paper, as it is named at that stage.
    #[must_use]
    pub fn paper(&self, stage: Stage) -> HostPath {
        self.directory.join(stage.file())
    }

    /// Where what it replaced is, and what it put together out of both sides.
    #[must_use]
    pub fn undo(&self) -> HostPath {
        self.directory.join("undo")
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

    /// Forgets it: what it replaced is gone.
    pub fn forget(self) -> Result<()> {
        let path = self.directory.as_path();
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
        let base = file::open_path_for_reading(parent)?;
        crate::sandbox::remove_tree(base.as_fd(), name)
    }
}

/// What a run left that was killed before it had taken its first step, or after it had taken back
/// its last.
fn forget_leftovers(kept: &Kept) -> Result<()> {
    for number in numbers(kept)? {
        let turn = Turn { directory: kept.directory().join(format!("applied/{number}")) };
        let has = |stage: Stage| file::status_of_path(turn.paper(stage).as_path()).is_ok();
        let is_of_use = [Stage::Begun, Stage::Applied, Stage::TakenBackInPart].into_iter().any(has);
        if !is_of_use {
            turn.forget()?;
        }
    }
    Ok(())
}

fn numbers(kept: &Kept) -> Result<Vec<u64>> {
    let base = match file::open_path_for_reading(kept.directory().join("applied").as_path()) {
        Ok(base) => base,
        Err(e) if e.errno == Errno::ENOENT => return Ok(Vec::new()),
        Err(e) => return Err(e.into()),
    };
    let mut numbers: Vec<u64> = file::names_in(base.as_fd())?
        .iter()
        .filter_map(|name| name.to_str()?.parse().ok())
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}
