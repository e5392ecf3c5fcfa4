//! The changes as a person reads them first: the dangerous ones, then the tree, a new directory as
//! one row. Written while the layers are walked; nothing is gathered but the row at hand.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::base::size::Size;
use crate::base::wording::count;
use crate::base::{HostPath, Result, Text};
use crate::sys::entry;
use crate::sys::facts::{Facts, Type};

use super::change::{Aspects, Change, What};
use super::danger::{Danger, danger_of};
use super::layer::Layer;
use super::shown::{Colour, Shown, gone};
use super::walk::Spot;

/// How many dangerous changes are named before the rest is counted.
const DANGERS: usize = 20;

/// Writes it; how many changes it tells of.
pub fn outline(layers: &[Layer], shown: &Shown<'_>, out: &mut dyn Write) -> Result<u64> {
    if dangers(layers, shown, out)? > 0 {
        writeln!(out).map_err(gone)?;
    }
    tree(layers, shown, out)
}

/// The tree alone.
pub fn tree(layers: &[Layer], shown: &Shown<'_>, out: &mut dyn Write) -> Result<u64> {
    let mut outline = Outline { shown, out, above: Vec::new(), new_directory: None, count: 0 };
    shown.each(layers, &mut |change, spot, path| outline.see(change, spot, path))?;
    outline.end_new_directory()?;
    Ok(outline.count)
}

/// What to look at first, each with its reason, the gravest before the rest, so that many of the
/// lesser hide none of them; how many there are.
pub fn dangers(layers: &[Layer], shown: &Shown<'_>, out: &mut dyn Write) -> Result<u64> {
    let mut number = 0;
    let mut gravest: Vec<(Danger, Text)> = Vec::new();
    shown.each(layers, &mut |change, spot, path| {
        let Some(danger) = danger_of(change, spot, path)? else { return Ok(()) };
        number += 1;
        let at = gravest.partition_point(|(other, _)| *other <= danger);
        if at < DANGERS {
            gravest.insert(at, (danger, Text::from(shown.named(path).as_os_str())));
            gravest.truncate(DANGERS);
        }
        Ok(())
    })?;
    let lines = gravest.iter().map(|(danger, name)| format!("! {name}  {danger}"));
    let more = number - gravest.len() as u64;
    let rest = (more > 0).then(|| format!("! {more} more to look at"));
    for line in lines.chain(rest) {
        writeln!(out, "{}", coloured(&line, "1;31", shown.style.colour)).map_err(gone)?;
    }
    Ok(number)
}

struct Outline<'a> {
    shown: &'a Shown<'a>,
    out: &'a mut dyn Write,
    /// The directories under which the last row stands, each with a row of its own and in the one
    /// before.
    above: Vec<PathBuf>,
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
    fn see(&mut self, change: &Change, spot: &Spot<'_>, path: &HostPath) -> Result<()> {
        self.count += 1;
        let path = self.shown.named(path);
        if let Some(new) = &mut self.new_directory {
            if path.starts_with(&new.path) {
                new.inside += 1;
                new.bytes += change.after.filter(is_file).map_or(0, |it| it.size);
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
            What::Added => ("+", "32", come(change, spot)?),
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
        let above = path.parent().unwrap_or(Path::new(""));
        while self.above.last().is_some_and(|it| !above.starts_with(it)) {
            self.above.pop();
        }
        let nearest = self.above.last().map_or(Path::new(""), PathBuf::as_path);
        let between = above.strip_prefix(nearest).unwrap_or(above);
        if !between.as_os_str().is_empty() {
            let (name, depth) = (Text::from(between.as_os_str()), self.above.len());
            let slash = if between.has_root() && between.parent().is_none() { "" } else { "/" };
            writeln!(self.out, "  {:1$}{name}{slash}", "", depth * 2).map_err(gone)?;
            self.above.push(above.to_path_buf());
        }
        let depth = self.above.len();
        let name = Text::from(path.file_name().unwrap_or(path.as_os_str()));
        let slash = if is_directory { "/" } else { "" };
        let line = format!("{sign} {:1$}{name}{slash}", "", depth * 2);
        let line = coloured(&line, colour, self.shown.style.colour);
        let said = if said.is_empty() { String::new() } else { format!("  {said}") };
        writeln!(self.out, "{line}{said}").map_err(gone)
    }
}

fn coloured(line: &str, with: &str, colour: Colour) -> String {
    match colour {
        Colour::Plain => line.to_owned(),
        Colour::Coloured => format!("\x1b[{with}m{line}\x1b[m"),
    }
}

fn is_file(facts: &Facts) -> bool {
    facts.kind == Type::Regular
}

/// What there is to say of what is new.
fn come(change: &Change, spot: &Spot<'_>) -> Result<String> {
    Ok(match change.after.map(|it| (it.kind, it.size)) {
        Some((Type::Symlink, _)) => {
            let target = entry::link_target_at(spot.upper, spot.name)?;
            format!("-> {}", Text::from(target.into_os_string()))
        }
        Some((Type::Regular, size)) => Size(size).rounded(),
        Some((kind, _)) => kind_of(kind).to_owned(),
        None => String::new(),
    })
}

fn kind_of(kind: Type) -> &'static str {
    match kind {
        Type::Regular => "file",
        Type::Directory => "directory",
        Type::Symlink => "link",
        Type::Fifo => "FIFO",
        Type::Socket => "socket",
        Type::CharacterDevice { .. } | Type::BlockDevice { .. } => "device",
    }
}

fn kinds(change: &Change) -> String {
    match (&change.before, &change.after) {
        (Some(before), Some(after)) => {
            format!("{} instead of {}", kind_of(after.kind), kind_of(before.kind))
        }
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
    if aspects.names {
        said.push("one file with another name".to_owned());
    }
    if said.is_empty() {
        said.push("time".to_owned());
    }
    said.join("; ")
}
