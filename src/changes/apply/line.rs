//! A step as a line of the paper: words, then the path, its bytes escaped. A line that bryo did not
//! write is none, and none leads out of the tree.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use crate::sys::clock::Moment;
use crate::sys::file::Inode;

use super::step::{Act, Look, Mark, Step};

pub(super) fn line(step: &Step) -> String {
    let act = match &step.act {
        Act::Replace { old, new } => format!("replace {} {}", mark(old), mark(new)),
        Act::Add { new } => format!("add {}", mark(new)),
        Act::Remove { old } => format!("remove {}", mark(old)),
        Act::Compose { file, old, new } => format!("compose {file} {} {}", mark(old), mark(new)),
        Act::Consume { new } => format!("consume {}", mark(new)),
        Act::MakeDirectory { look: it } => format!("make {}", look(it)),
        Act::SetDirectory { before, after } => format!("set {} {}", look(before), look(after)),
    };
    format!("{act} {} {}", step.layer, escaped(&step.path))
}

pub(super) fn mark(mark: &Mark) -> String {
    let Mark { inode, size, modified } = mark;
    let size = size.map_or_else(|| "-".to_owned(), |size| size.to_string());
    format!("{} {} {size} {}", inode.device, inode.number, moment(modified))
}

pub(super) fn moment(moment: &Moment) -> String {
    format!("{} {}", moment.seconds, moment.nanoseconds)
}

fn look(look: &Look) -> String {
    format!("{} {}", look.mode, moment(&look.modified))
}

pub(in crate::changes) fn escaped(path: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_graphic() && *byte != b'%';
    path.iter()
        .map(|byte| match plain(byte) {
            true => char::from(*byte).to_string(),
            false => format!("%{byte:02x}"),
        })
        .collect()
}

pub(super) fn parsed(line: &str) -> Option<Step> {
    let mut words = line.split(' ');
    let act = match words.next()? {
        "replace" => Act::Replace { old: parsed_mark(&mut words)?, new: parsed_mark(&mut words)? },
        "add" => Act::Add { new: parsed_mark(&mut words)? },
        "remove" => Act::Remove { old: parsed_mark(&mut words)? },
        "compose" => Act::Compose {
            file: number(&mut words)?,
            old: parsed_mark(&mut words)?,
            new: parsed_mark(&mut words)?,
        },
        "consume" => Act::Consume { new: parsed_mark(&mut words)? },
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

pub(super) fn number<T: std::str::FromStr>(words: &mut std::str::Split<'_, char>) -> Option<T> {
    words.next()?.parse().ok()
}

pub(super) fn parsed_mark(words: &mut std::str::Split<'_, char>) -> Option<Mark> {
    Some(Mark {
        inode: Inode { device: number(words)?, number: number(words)? },
        size: match words.next()? {
            "-" => None,
            size => Some(size.parse().ok()?),
        },
        modified: parsed_moment(words)?,
    })
}

pub(super) fn parsed_moment(words: &mut std::str::Split<'_, char>) -> Option<Moment> {
    Some(Moment { seconds: number(words)?, nanoseconds: number(words)? })
}

fn parsed_look(words: &mut std::str::Split<'_, char>) -> Option<Look> {
    Some(Look { mode: number(words)?, modified: parsed_moment(words)? })
}

pub(in crate::changes) fn unescaped(text: &str) -> Option<OsString> {
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
        (any::<u64>(), any::<u64>(), any::<Option<u64>>(), any::<i64>(), 0..1_000_000_000u32)
            .prop_map(|(device, number, size, seconds, nanoseconds)| Mark {
                inode: Inode { device, number },
                size,
                modified: Moment { seconds, nanoseconds },
            })
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
            let path = parts.join(&b'/');
            for act in [
                Act::Replace { old, new }, Act::Compose { file: 7, old, new },
                Act::Consume { new },
            ] {
                let step = Step { act, layer, path: path.clone() };
                prop_assert_eq!(parsed(&line(&step)), Some(step));
            }
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
