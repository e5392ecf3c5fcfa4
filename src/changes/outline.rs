//! The changes as a person reads them first: the dangerous ones, then the tree, a new directory as
//! one row. Written while the layers are walked; nothing is gathered but the row at hand.

use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::base::size::Size;
use crate::base::wording::count;
use crate::base::{Error, HostPath, Result, Text};

use super::change::{Aspects, Change, What};
use super::danger::danger_of;
use super::diff::{Colour, Shown};
use super::layer::Layer;
use super::walk::{Spot, walk};

/// How many dangerous changes are named before the rest is counted.
const DANGERS: u64 = 20;

/// Writes it; how many changes it tells of.
pub fn outline(
    layers: &[Layer],
    shown: &Shown<'_>,
    colour: Colour,
    out: &mut dyn Write,
) -> Result<u64> {
    dangers(layers, shown, colour, out)?;
    let mut outline =
        Outline { shown, colour, out, above: PathBuf::new(), new_directory: None, count: 0 };
    for layer in layers {
        walk(layer, &mut |change, spot| outline.see(layer, change, spot))?;
    }
    outline.end_new_directory()?;
    Ok(outline.count)
}

fn dangers(layers: &[Layer], shown: &Shown<'_>, colour: Colour, out: &mut dyn Write) -> Result<()> {
    let mut number = 0;
    for layer in layers {
        walk(layer, &mut |change, spot| {
            let path = layer.lower.join(spot.path);
            if !(shown.selects)(&path) {
                return Ok(());
            }
            let Some(danger) = danger_of(change, spot, &layer.lower)? else { return Ok(()) };
            number += 1;
            if number > DANGERS {
                return Ok(());
            }
            let name = Text::from(relative(&path, shown.from).as_os_str()).to_string();
            let line = format!("! {name}  {danger}");
            writeln!(out, "{}", coloured(&line, "1;31", colour)).map_err(gone)
        })?;
    }
    if let Some(more) = number.checked_sub(DANGERS).filter(|more| *more > 0) {
        let line = format!("! {} more to look at", more);
        writeln!(out, "{}", coloured(&line, "1;31", colour)).map_err(gone)?;
    }
    if number > 0 { writeln!(out).map_err(gone) } else { Ok(()) }
}

struct Outline<'a> {
    shown: &'a Shown<'a>,
    colour: Colour,
    out: &'a mut dyn Write,
    /// The directory under which the last row stands.
    above: PathBuf,
    new_directory: Option<NewDirectory>,
    count: u64,
}

/// One row for all that is in it.
struct NewDirectory {
    path: PathBuf,
    inside: u64,
    bytes: u64,
}

impl Outline<'_> {
    fn see(&mut self, layer: &Layer, change: &Change, spot: &Spot<'_>) -> Result<()> {
        let path = layer.lower.join(spot.path);
        if !(self.shown.selects)(&path) {
            return Ok(());
        }
        self.count += 1;
        let path = relative(&path, self.shown.from);
        if let Some(new) = &mut self.new_directory {
            if path.starts_with(&new.path) {
                new.inside += 1;
                new.bytes += change.after.map_or(0, |it| it.size);
                return Ok(());
            }
            self.end_new_directory()?;
        }
        let is_new_directory =
            change.what == What::Added && change.after.is_some_and(|it| it.is_directory());
        if is_new_directory {
            self.new_directory = Some(NewDirectory { path, inside: 0, bytes: 0 });
            return Ok(());
        }
        let (sign, colour, said) = match change.what {
            What::Added => ("+", "32", size_of(change)),
            What::Deleted => ("-", "31", String::new()),
            What::Replaced => ("~", "33", kinds(change)),
            What::Modified(aspects) => ("~", "33", aspects_said(aspects, change)),
        };
        let is_directory = change.after.or(change.before).is_some_and(|it| it.is_directory());
        self.row(sign, colour, &path, is_directory, &said)
    }

    fn end_new_directory(&mut self) -> Result<()> {
        let Some(new) = self.new_directory.take() else { return Ok(()) };
        let said = match new.inside {
            0 => "empty".to_owned(),
            inside => {
                let inside = count(usize::try_from(inside).unwrap_or(usize::MAX), "name");
                format!("{inside}, {}", Size(new.bytes).rounded())
            }
        };
        self.row("+", "32", &new.path, true, &said)
    }

    /// Under its directory, which has a row of its own where it differs from that of the last one.
    fn row(
        &mut self,
        sign: &str,
        colour: &str,
        path: &Path,
        is_directory: bool,
        said: &str,
    ) -> Result<()> {
        let above = path.parent().unwrap_or(Path::new("")).to_path_buf();
        if above != self.above {
            let same = above
                .components()
                .zip(self.above.components())
                .take_while(|(one, other)| one == other)
                .count();
            for (depth, part) in above.components().enumerate().skip(same) {
                let name = Text::from(part.as_os_str());
                writeln!(self.out, "  {:1$}{name}/", "", depth * 2).map_err(gone)?;
            }
            self.above = above;
        }
        let depth = path.components().count().saturating_sub(1);
        let name = Text::from(path.file_name().unwrap_or(path.as_os_str()));
        let slash = if is_directory { "/" } else { "" };
        let line = format!("{sign} {:1$}{name}{slash}", "", depth * 2);
        let line = coloured(&line, colour, self.colour);
        let said = if said.is_empty() { String::new() } else { format!("  {said}") };
        writeln!(self.out, "{line}{said}").map_err(gone)
    }
}

/// As seen from a directory, or from the root.
pub(super) fn relative(path: &HostPath, from: &HostPath) -> PathBuf {
    match path.as_path().strip_prefix(from.as_path()) {
        Ok(below) if below.as_os_str().as_bytes().is_empty() => PathBuf::from("."),
        Ok(below) => below.to_path_buf(),
        Err(_) => path.as_path().to_path_buf(),
    }
}

fn coloured(line: &str, with: &str, colour: Colour) -> String {
    match colour {
        Colour::Plain => line.to_owned(),
        Colour::Coloured => format!("\x1b[{with}m{line}\x1b[m"),
    }
}

fn size_of(change: &Change) -> String {
    change.after.map_or_else(String::new, |it| Size(it.size).rounded())
}

fn kinds(change: &Change) -> String {
    use crate::sys::facts::Type;
    let kind = |facts: &crate::sys::facts::Facts| match facts.kind {
        Type::Regular => "file",
        Type::Directory => "directory",
        Type::Symlink => "link",
        Type::Fifo => "FIFO",
        Type::Socket => "socket",
        Type::CharacterDevice { .. } | Type::BlockDevice { .. } => "device",
    };
    match (&change.before, &change.after) {
        (Some(before), Some(after)) => format!("{} instead of {}", kind(after), kind(before)),
        _ => String::new(),
    }
}

fn aspects_said(aspects: Aspects, change: &Change) -> String {
    let (Some(before), Some(after)) = (&change.before, &change.after) else {
        return String::new();
    };
    let mut said = Vec::new();
    if aspects.content {
        said.push(match (before.size, after.size) {
            (was, is) if was == is => Size(is).rounded(),
            (was, is) => format!("{}, was {}", Size(is).rounded(), Size(was).rounded()),
        });
    }
    if aspects.mode {
        said.push(format!("mode {:04o}, was {:04o}", after.mode, before.mode));
    }
    if aspects.owner {
        said.push("owner".to_owned());
    }
    if aspects.attributes {
        said.push("attributes".to_owned());
    }
    if said.is_empty() {
        said.push("time".to_owned());
    }
    said.join("; ")
}

/// Whoever reads has read enough.
fn gone(error: io::Error) -> Error {
    Error::new(error.to_string()).within("cannot write the changes")
}
