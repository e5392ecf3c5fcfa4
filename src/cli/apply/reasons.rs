//! Why an apply is not begun, or was not ended, and what helps.

use crate::base::wording::count;
use crate::base::{Error, Result};
use crate::changes::apply::{Conflict, Few, Forbidden, Full, OnConflict, Overtaken, Planned};
use crate::cli::print;
use crate::store::Kept;
use crate::sys::Errno;

/// How many are named before the rest is counted.
const NAMED: usize = 10;

/// Says what is left out.
pub(super) fn warn(planned: &Planned, on_conflict: OnConflict) {
    each(&planned.refused, |path| {
        format!("`{path}` is not applied: it is a device, a FIFO or a socket")
    });
    each(&planned.disarmed, |path| {
        format!("`{path}` is applied without its set-user-id or set-group-id bit")
    });
    if on_conflict == OnConflict::Skip {
        tell(&planned.conflicts);
    }
}

/// An error if nothing is to be begun.
pub(super) fn check(
    kept: &Kept,
    planned: &Planned,
    on_conflict: OnConflict,
    overtaken: Overtaken,
) -> Result<()> {
    let clause = || format!("cannot apply `{}`", kept.name);
    if let Some(forbidden) = planned.forbidden.first.first() {
        return Err(may_not(forbidden, &planned.forbidden).within(clause()));
    }
    if let Some(full) = &planned.full {
        return Err(no_room(full).within(clause()));
    }
    if planned.conflicts.is_empty() || on_conflict != OnConflict::Stop {
        return Ok(());
    }
    tell(&planned.conflicts);
    let merge = match overtaken {
        Overtaken::Nothing => "`--merge` brings both changes of a text together, ",
        Overtaken::Merged => "",
    };
    Err(Error::new(format!(
        "{} overtaken by changes outside",
        count(planned.conflicts.count as usize, "change")
    ))
    .within(clause())
    .hint(format!(
        "nothing was touched; {merge}`--skip-conflicts` leaves these out, `--force` overwrites \
         them"
    )))
}

fn may_not(first: &Forbidden, all: &Few<Forbidden>) -> Error {
    if all.count > 1 {
        each(all, |it| format!("you may not change `{}`: {}", it.path, it.why));
    }
    let Forbidden { path, why, remedy } = first;
    let leaves_out = "`--exclude GLOB` leaves a part out";
    Error::new(format!("you may not write to `{path}`: {why}")).hint(match remedy {
        Some(remedy) => format!("nothing was touched; {remedy} helps, or {leaves_out}"),
        None => format!("nothing was touched; {leaves_out}"),
    })
}

fn no_room(full: &Full) -> Error {
    let Full { at, needs, has } = full;
    Error::new(format!("the disk of `{at}` has {has} bytes left, and {needs} are needed")).hint(
        format!("nothing was touched; make room, as `df {at}` tells, or apply a part with PATH"),
    )
}

/// What an apply or an undo that was cut short has left, and what goes on with it.
pub(super) fn cut_short(error: Error, kept: &Kept, went: Went) -> Error {
    let name = &kept.name;
    let first = match error.errno() {
        Some(Errno::ENOSPC | Errno::EDQUOT) => "make room; then ",
        Some(Errno::EROFS) => "make its filesystem writable; then ",
        Some(Errno::EACCES | Errno::EPERM) => "give yourself the right to it; then ",
        _ => "",
    };
    error.hint(match went {
        Went::Forward => format!(
            "no file was left by halves: {first}`bryo apply --resume {name}` goes \
             on, or `bryo undo {name}` takes it back"
        ),
        Went::Back => {
            format!("no file was left by halves: {first}`bryo undo {name}` goes on")
        }
    })
}

#[derive(Clone, Copy)]
pub(super) enum Went {
    Forward,
    Back,
}

pub(super) fn tell(conflicts: &Few<Conflict>) {
    each(conflicts, |Conflict { path, why }| format!("`{path}`: {why}"));
}

fn each<T>(few: &Few<T>, said: impl Fn(&T) -> String) {
    for one in few.first.iter().take(NAMED) {
        print::warning(&said(one));
    }
    if let Some(more) = few.count.checked_sub(NAMED as u64).filter(|more| *more > 0) {
        print::warning(&format!("and {more} more"));
    }
}
