//! The changes as a unified diff in git's form, which `git apply` reads: text by its lines, the
//! rest by what can be said of it in a line that git passes over.

mod attributes;
mod header;
mod patch;
mod renames;
mod side;
mod single;
mod stat;
mod text;

use std::io::Write;

use crate::base::{HostPath, Result};
use crate::sys::facts::{Facts, Type};

use super::change::{Aspects, Change, What};
use super::deleted::each_in;
use super::layer::Layer;
use super::shown::gone;
use super::walk::Spot;

pub use super::shown::{Bytes, Colour, Shown, Style};
pub use patch::{Edit, Hunk, Patch, lines};
pub(super) use side::{PROBED, is_text};
pub use single::{Both, both_texts, heading, show_change};
pub(super) use single::{both_contents, both_contents_of};
pub use stat::stat;
pub use text::hunk;

use header::Header;
use renames::Renames;
use side::Side;

/// Writes the diff of all layers; how many changes it shows.
pub fn diff(layers: &[Layer], shown: &Shown<'_>, out: &mut dyn Write) -> Result<u64> {
    let renames = Renames::find(layers, shown)?;
    let mut diff = Diff { shown, out, renames, count: 0 };
    shown.each(layers, &mut |change, spot, path| diff.show(change, spot, path))?;
    Ok(diff.count)
}

struct Diff<'a> {
    shown: &'a Shown<'a>,
    out: &'a mut dyn Write,
    renames: Renames,
    count: u64,
}

impl Diff<'_> {
    fn show(&mut self, change: &Change, spot: &Spot<'_>, path: &HostPath) -> Result<()> {
        self.count += 1;
        match change.what {
            What::Replaced => {
                self.gone(change, spot, path)?;
                self.come(change, spot, path)
            }
            What::Deleted => self.gone(change, spot, path),
            What::Added => self.come(change, spot, path),
            What::Modified(aspects) => {
                let (Some(before), Some(after)) = (&change.before, &change.after) else {
                    return Ok(());
                };
                let sides = match spot.lower {
                    Some(lower) if aspects.content => Some((
                        Side::read(lower, spot.name, before)?,
                        Side::read(spot.upper, spot.name, after)?,
                    )),
                    _ => None,
                };
                let sides = sides.filter(|(old, new)| !old.is_same(new));
                // A time that differs counts as content until somebody looks.
                let aspects = Aspects { content: sides.is_some(), ..aspects };
                match &sides {
                    Some((old, new)) => self.both(path, old, new)?,
                    None if is_for_git(before, after) => {
                        let (was, is) = (side::git_mode(before), side::git_mode(after));
                        self.write_header(path, &Header::Mode { was, is })?;
                    }
                    None => {}
                }
                let remark = attributes::remark(aspects, before, after, spot)?;
                if remark.is_empty() { Ok(()) } else { self.remark(path, &remark) }
            }
        }
    }

    /// A file, or all the files of a directory.
    fn gone(&mut self, change: &Change, spot: &Spot<'_>, path: &HostPath) -> Result<()> {
        let (Some(before), Some(lower)) = (&change.before, spot.lower) else { return Ok(()) };
        if before.kind != Type::Directory {
            return self.gone_file(lower, spot.name, before, path);
        }
        self.remark(path, "directory deleted")?;
        each_in(spot, &mut |below, directory, name, found| match found.facts.is_directory() {
            true => Ok(()),
            false => self.gone_file(directory, name, &found.facts, &path.join(below)),
        })
    }

    fn gone_file(
        &mut self,
        directory: std::os::fd::BorrowedFd<'_>,
        name: &std::ffi::OsStr,
        facts: &Facts,
        path: &HostPath,
    ) -> Result<()> {
        if self.renames.is_source(path) {
            return Ok(());
        }
        let old = Side::read(directory, name, facts)?;
        let header = Header::Deleted { mode: old.git_mode() };
        self.write_change(path, &header, &old, &Side::nothing())
    }

    fn come(&mut self, change: &Change, spot: &Spot<'_>, path: &HostPath) -> Result<()> {
        let Some(after) = &change.after else { return Ok(()) };
        if after.kind == Type::Directory {
            return self.remark(path, "directory added");
        }
        let new = Side::read(spot.upper, spot.name, after)?;
        if let Some(source) = self.renames.source_of(path) {
            let header = Header::Renamed { from: self.named(&source) };
            return self.write_header(path, &header);
        }
        let header = Header::New { mode: new.git_mode() };
        self.write_change(path, &header, &Side::nothing(), &new)
    }

    fn both(&mut self, path: &HostPath, old: &Side, new: &Side) -> Result<()> {
        let header = match (old.git_mode(), new.git_mode()) {
            (was, is) if was == is => Header::Modified,
            (was, is) => Header::Mode { was, is },
        };
        self.write_change(path, &header, old, new)
    }

    fn write_change(
        &mut self,
        path: &HostPath,
        header: &Header,
        old: &Side,
        new: &Side,
    ) -> Result<()> {
        let (Some(was), Some(is)) = (old.text(), new.text()) else {
            return self.remark(path, &side::in_a_line(old, new));
        };
        let name = self.named(path);
        let hunks = text::hunks(was, is, self.shown.style);
        header.write(self.out, &name, self.shown.style.colour, !hunks.is_empty()).map_err(gone)?;
        self.out.write_all(&hunks).map_err(gone)
    }

    fn write_header(&mut self, path: &HostPath, header: &Header) -> Result<()> {
        let name = self.named(path);
        header.write(self.out, &name, self.shown.style.colour, false).map_err(gone)
    }

    /// A line that git passes over.
    fn remark(&mut self, path: &HostPath, said: &str) -> Result<()> {
        let name = header::quoted(&self.named(path));
        writeln!(self.out, "# {name}: {said}").map_err(gone)
    }

    fn named(&self, path: &HostPath) -> Vec<u8> {
        named(self.shown, path)
    }
}

/// git knows of a file only whether it may be executed.
fn is_for_git(before: &Facts, after: &Facts) -> bool {
    after.kind == Type::Regular && side::git_mode(before) != side::git_mode(after)
}

/// As it is named in the diff, its bytes kept.
fn named(shown: &Shown<'_>, path: &HostPath) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    let relative = path.as_path().strip_prefix(shown.from.as_path()).ok();
    let relative = relative.filter(|path| !path.as_os_str().is_empty());
    let bytes = relative.unwrap_or_else(|| path.as_path()).as_os_str().as_bytes();
    bytes.strip_prefix(b"/").unwrap_or(bytes).to_vec()
}
