//! The paper of one apply: its steps, in their order, in a file that is complete before the first
//! of them is taken. A line each: words, then the path, its bytes escaped.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use std::fs::File;
use std::path::Path;

use crate::base::{Context, Error, HostPath, Result};
use crate::sys::facts::Moment;
use crate::sys::file::Inode;

use super::step::{Act, Look, Mark, Step};

/// Its last line, without which the paper counts for nothing.
const COMPLETE: &str = "complete";

/// Being written.
pub(super) struct Draft {
    file: BufWriter<File>,
    steps: u64,
}

impl Draft {
    pub(super) fn begin(path: &HostPath) -> Result<Self> {
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .open(path.as_path())
            .map_err(|e| Error::new(e.to_string()))
            .context(|| format!("cannot write `{path}`"))?;
        Ok(Self { file: BufWriter::new(file), steps: 0 })
    }

    pub(super) fn add(&mut self, step: &Step) -> Result<()> {
        self.steps += 1;
        self.write(&line(step))
    }

    /// On the disk, whole: the number of steps.
    pub(super) fn finish(mut self) -> Result<u64> {
        self.write(COMPLETE)?;
        self.file.flush().map_err(cannot_write)?;
        self.file.get_ref().sync_all().map_err(cannot_write)?;
        Ok(self.steps)
    }

    fn write(&mut self, line: &str) -> Result<()> {
        writeln!(self.file, "{line}").map_err(cannot_write)
    }
}

fn cannot_write(error: std::io::Error) -> Error {
    Error::new(error.to_string()).within("cannot write down what is to be applied")
}

/// Reads a complete paper, step by step.
pub(super) fn each_step(
    path: &HostPath,
    mut take: impl FnMut(u64, Step) -> Result<()>,
) -> Result<()> {
    let mut number = 0;
    for line in lines_of(path)? {
        let line = line?;
        if line == COMPLETE {
            return Ok(());
        }
        let step = parsed(&line).ok_or_else(|| damaged(path, number))?;
        take(number, step)?;
        number += 1;
    }
    Err(damaged(path, number))
}

/// Whether it was finished; one that was not has no step taken.
pub(super) fn is_complete(path: &HostPath) -> Result<bool> {
    let mut last = String::new();
    for line in lines_of(path)? {
        last = line?;
    }
    Ok(last == COMPLETE)
}

/// The steps from the last to the first, a piece of the paper at a time.
pub(super) fn each_step_back(
    path: &HostPath,
    mut take: impl FnMut(u64, Step) -> Result<()>,
) -> Result<()> {
    /// Steps held in memory at once.
    const PIECE: u64 = 4096;
    let mut count = 0_u64;
    each_step(path, |_, _| {
        count += 1;
        Ok(())
    })?;
    let mut end = count;
    while end > 0 {
        let begin = end.saturating_sub(PIECE);
        let mut piece = Vec::new();
        each_step(path, |number, step| {
            if (begin..end).contains(&number) {
                piece.push((number, step));
            }
            Ok(())
        })?;
        for (number, step) in piece.into_iter().rev() {
            take(number, step)?;
        }
        end = begin;
    }
    Ok(())
}

fn lines_of(path: &HostPath) -> Result<impl Iterator<Item = Result<String>>> {
    let clause = format!("cannot read `{path}`");
    let file =
        File::open(path.as_path()).map_err(|e| Error::new(e.to_string()).within(clause.clone()))?;
    Ok(BufReader::new(file)
        .lines()
        .map(move |line| line.map_err(|e| Error::new(e.to_string()).within(clause.clone()))))
}

fn damaged(path: &HostPath, number: u64) -> Error {
    Error::new(format!("line {} of `{path}` is damaged", number + 1))
        .hint("`bryo discard NAME` throws these changes away")
}

// ---------------------------------------------------------------- one line

fn line(step: &Step) -> String {
    let act = match &step.act {
        Act::Replace { old, new } => format!("replace {} {}", mark(old), mark(new)),
        Act::Add { new } => format!("add {}", mark(new)),
        Act::Remove { old } => format!("remove {}", mark(old)),
        Act::MakeDirectory { look: it } => format!("make {}", look(it)),
        Act::SetDirectory { before, after } => format!("set {} {}", look(before), look(after)),
    };
    format!("{act} {} {}", step.layer, escaped(&step.path))
}

fn mark(mark: &Mark) -> String {
    let Mark { inode, size, modified } = mark;
    format!(
        "{} {} {size} {} {}",
        inode.device, inode.number, modified.seconds, modified.nanoseconds
    )
}

fn look(look: &Look) -> String {
    format!("{} {} {}", look.mode, look.modified.seconds, look.modified.nanoseconds)
}

fn escaped(path: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_graphic() && *byte != b'%';
    path.iter()
        .map(|byte| match plain(byte) {
            true => char::from(*byte).to_string(),
            false => format!("%{byte:02x}"),
        })
        .collect()
}

fn parsed(line: &str) -> Option<Step> {
    let mut words = line.split(' ');
    let act = match words.next()? {
        "replace" => Act::Replace { old: parsed_mark(&mut words)?, new: parsed_mark(&mut words)? },
        "add" => Act::Add { new: parsed_mark(&mut words)? },
        "remove" => Act::Remove { old: parsed_mark(&mut words)? },
        "make" => Act::MakeDirectory { look: parsed_look(&mut words)? },
        "set" => {
            Act::SetDirectory { before: parsed_look(&mut words)?, after: parsed_look(&mut words)? }
        }
        _ => return None,
    };
    let layer = words.next()?.parse().ok()?;
    let path = unescaped(words.next().unwrap_or_default())?;
    // What is written by bryo is right; what is not is damage, and must not lead out of the tree.
    let leads_out = |part: &OsStr| part == ".." || part == "." || part.is_empty();
    let is_path =
        |path: &OsStr| !path.as_bytes().split(|b| *b == b'/').map(OsStr::from_bytes).any(leads_out);
    let is_top = path.is_empty() && matches!(act, Act::SetDirectory { .. });
    if words.next().is_some() || !(is_top || is_path(&path)) || Path::new(&path).is_absolute() {
        return None;
    }
    Some(Step { act, layer, path: path.into_vec() })
}

fn number<T: std::str::FromStr>(words: &mut std::str::Split<'_, char>) -> Option<T> {
    words.next()?.parse().ok()
}

fn parsed_mark(words: &mut std::str::Split<'_, char>) -> Option<Mark> {
    Some(Mark {
        inode: Inode { device: number(words)?, number: number(words)? },
        size: number(words)?,
        modified: Moment { seconds: number(words)?, nanoseconds: number(words)? },
    })
}

fn parsed_look(words: &mut std::str::Split<'_, char>) -> Option<Look> {
    Some(Look {
        mode: number(words)?,
        modified: Moment { seconds: number(words)?, nanoseconds: number(words)? },
    })
}

fn unescaped(text: &str) -> Option<OsString> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    Some(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_mark() -> impl Strategy<Value = Mark> {
        (any::<u64>(), any::<u64>(), any::<u64>(), any::<i64>(), 0..1_000_000_000u32).prop_map(
            |(device, number, size, seconds, nanoseconds)| Mark {
                inode: Inode { device, number },
                size,
                modified: Moment { seconds, nanoseconds },
            },
        )
    }

    proptest! {
        #[test]
        fn every_step_reads_back(
            old in any_mark(), new in any_mark(), layer in 0..9usize,
            path in proptest::collection::vec(
                proptest::collection::vec(any::<u8>(), 1..9), 1..4),
        ) {
            let parts: Vec<Vec<u8>> = path.iter().map(|part| {
                let part: Vec<u8> = part.iter().filter(|b| !matches!(b, b'/' | 0)).copied().collect();
                if matches!(part.as_slice(), b"" | b"." | b"..") { b"x".to_vec() } else { part }
            }).collect();
            let step = Step { act: Act::Replace { old, new }, layer, path: parts.join(&b'/') };
            prop_assert_eq!(parsed(&line(&step)), Some(step));
        }

        #[test]
        fn any_line_is_answered(line in "\\PC*") {
            let _ = parsed(&line);
        }
    }

    #[test]
    fn no_line_leads_out_of_the_tree() {
        for path in ["../x", "a/../b", "/etc/passwd", "a//b", "", "%2e%2e/x", "a/%2e"] {
            assert_eq!(parsed(&format!("add 1 2 3 4 5 0 {path}")), None, "{path}");
        }
        assert!(parsed("add 1 2 3 4 5 0 a/b").is_some());
    }
}
