//! The subordinate ids of the user: /etc/subuid and /etc/subgid, or `getsubids` where a site
//! keeps them elsewhere (subuid(5), getsubids(1)).

use std::path::Path;

use crate::base::idrange::IdRange;
use crate::sys::file;

use super::{Account, Programs, answer};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SubIds {
    pub uids: Vec<IdRange>,
    pub gids: Vec<IdRange>,
}

impl SubIds {
    /// Both files are keyed by the *user*, name or number; /etc/subgid too (subgid(5)).
    pub(super) fn read(account: &Account, programs: &Programs) -> Result<Self, String> {
        let of = |file: &str, flag: &[&str], own: u32| -> Result<Vec<IdRange>, String> {
            let content = file::read_path(Path::new(file), 16 << 20).unwrap_or_default();
            let mut ranges = parse_subid_file(&content, &account.name, account.uid);
            if ranges.is_empty() {
                ranges = asked(programs, flag, &account.name);
            }
            if ranges.is_empty() {
                return Err(format!("no range for `{}` in {file}", account.name));
            }
            Ok(each_once(&ranges, own))
        };
        Ok(Self {
            uids: of("/etc/subuid", &[], account.uid)?,
            gids: of("/etc/subgid", &["-g"], account.gid)?,
        })
    }
}

/// The ranges of one user, in the order of the file. Lines that are not of the form
/// `USER:FIRST:COUNT` belong to nobody, as newuidmap(1) reads them.
#[must_use]
pub fn parse_subid_file(content: &[u8], name: &str, uid: u32) -> Vec<IdRange> {
    let number = uid.to_string();
    content
        .split(|b| *b == b'\n')
        .filter_map(|line| {
            let mut fields = str::from_utf8(line).ok()?.trim().split(':');
            let owner = fields.next()?;
            let range = range_of(fields.next()?, fields.next()?)?;
            (fields.next().is_none() && (owner == name || owner == number)).then_some(range)
        })
        .collect()
}

fn range_of(first: &str, count: &str) -> Option<IdRange> {
    let range = IdRange { first: first.parse().ok()?, count: count.parse().ok()? };
    // A range of nothing, or one past the last id, would make the whole map invalid.
    (range.count > 0 && range.first.checked_add(range.count).is_some()).then_some(range)
}

/// The ranges without what an earlier one holds already, and without the own id, which is mapped
/// by itself: the kernel refuses a map that names an id twice (user_namespaces(7)). A range may be
/// listed by name and by number.
fn each_once(ranges: &[IdRange], own: u32) -> Vec<IdRange> {
    let mut taken = vec![IdRange { first: own, count: 1 }];
    for range in ranges {
        let mut pieces = vec![*range];
        for earlier in &taken {
            pieces = pieces.into_iter().flat_map(|piece| without(piece, *earlier)).collect();
        }
        taken.extend(pieces);
    }
    taken.split_off(1)
}

/// What is left of a range on both sides of another.
fn without(range: IdRange, other: IdRange) -> impl Iterator<Item = IdRange> {
    let (end, other_end) = (range.first + range.count, other.first.saturating_add(other.count));
    let below =
        IdRange { first: range.first, count: other.first.min(end).saturating_sub(range.first) };
    let first = other_end.clamp(range.first, end);
    let above = IdRange { first, count: end - first };
    let apart = other.first >= end || other_end <= range.first;
    let pieces = if apart { [Some(range), None] } else { [Some(below), Some(above)] };
    pieces.into_iter().flatten().filter(|piece| piece.count > 0)
}

/// Lines of `0: ada 100000 65536`.
fn asked(programs: &Programs, flag: &[&str], name: &str) -> Vec<IdRange> {
    let Some(getsubids) = &programs.getsubids else { return Vec::new() };
    let arguments = [flag, &[name]].concat();
    parse_getsubids(&answer::of_program(getsubids, &arguments).unwrap_or_default())
}

fn parse_getsubids(output: &[u8]) -> Vec<IdRange> {
    String::from_utf8_lossy(output)
        .lines()
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace().rev();
            let count = fields.next()?;
            let first = fields.next()?;
            range_of(first, count)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_are_found_by_name_and_by_number() {
        let file = b"ada:100000:65536\nbob:1:2\n1001:3000000000:65536\nada:x:1\nada:5:0\n#\n";
        assert_eq!(
            parse_subid_file(file, "ada", 1001),
            [
                IdRange { first: 100_000, count: 65_536 },
                IdRange { first: 3_000_000_000, count: 65_536 }
            ]
        );
        assert_eq!(parse_subid_file(file, "eve", 7), []);
    }

    #[test]
    fn no_id_is_mapped_twice() {
        let range = |first, count| IdRange { first, count };
        let twice = [range(100, 50), range(100, 50)];
        assert_eq!(each_once(&twice, 7), [range(100, 50)]);
        assert_eq!(each_once(&[range(100, 50), range(90, 100)], 7).len(), 3);
        assert_eq!(each_once(&[range(100, 50)], 120), [range(100, 20), range(121, 29)]);
        assert_eq!(each_once(&[range(100, 50)], 100), [range(101, 49)]);
        let high = [range(3_000_000_000, 65_536), range(4_294_901_759, 65_536)];
        assert_eq!(each_once(&high, 7), high);
    }

    #[test]
    fn getsubids_is_read() {
        assert_eq!(
            parse_getsubids(b"0: ada 100000 65536\n1: ada 300000 10\n"),
            [IdRange { first: 100_000, count: 65_536 }, IdRange { first: 300_000, count: 10 }]
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in any::<Vec<u8>>()) {
            let _ = parse_subid_file(&bytes, "ada", 1);
            let _ = parse_getsubids(&bytes);
        }

        #[test]
        fn pieces_never_overlap(
            ranges in proptest::collection::vec((0u32..300, 1u32..100), 0..5),
            own in 0u32..300,
        ) {
            let ranges: Vec<_> =
                ranges.into_iter().map(|(first, count)| IdRange { first, count }).collect();
            let pieces = each_once(&ranges, own);
            for id in 0..400 {
                let was = id != own && ranges.iter().any(|r| r.contains(id));
                prop_assert_eq!(pieces.iter().filter(|p| p.contains(id)).count(), usize::from(was));
            }
        }

        #[test]
        fn near_misses_are_answered(text in "(ada|7|):?[0-9]{0,12}:?[0-9-]{0,12}(:|\n)?") {
            let _ = parse_subid_file(text.as_bytes(), "ada", 7);
        }
    }
}
