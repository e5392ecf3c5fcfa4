//! Ranges of user and group ids, and the map between those inside and those outside.

use serde::{Deserialize, Serialize};

/// `count` ids from `first`. Ids are u32 throughout: directories of large sites go above 2³¹.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct IdRange {
    pub first: u32,
    pub count: u32,
}

impl IdRange {
    #[must_use]
    pub fn contains(self, id: u32) -> bool {
        id >= self.first && id - self.first < self.count
    }
}

/// One line of /proc/PID/uid_map: `count` ids from `inside` are those from `outside`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct IdMapLine {
    pub inside: u32,
    pub outside: u32,
    pub count: u32,
}

/// A whole map, its lines in rising order of the ids inside.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct IdMap(pub Vec<IdMapLine>);

impl IdMap {
    /// One id, and nothing else.
    #[must_use]
    pub fn single(inside: u32, outside: u32) -> Self {
        Self(vec![IdMapLine { inside, outside, count: 1 }])
    }

    /// The own id at `inside`, and the ranges, joined, on all the ids around it from 0 up.
    ///
    /// Two subordinate ranges and the own id give at most four lines; the kernel takes 340
    /// (user_namespaces(7)).
    #[must_use]
    pub fn own_and_ranges(inside: u32, own: u32, ranges: &[IdRange]) -> Self {
        let mut lines = Vec::new();
        let mut next = 0u32;
        let mut own_placed = false;
        for range in ranges {
            let mut first = range.first;
            let mut left = range.count;
            while left > 0 {
                if next == inside && !own_placed {
                    lines.push(IdMapLine { inside, outside: own, count: 1 });
                    own_placed = true;
                    next += 1;
                }
                let room = if own_placed { u32::MAX - next } else { inside - next };
                let count = left.min(room);
                if count == 0 {
                    break;
                }
                lines.push(IdMapLine { inside: next, outside: first, count });
                next += count;
                first += count;
                left -= count;
            }
        }
        if !own_placed {
            lines.push(IdMapLine { inside, outside: own, count: 1 });
        }
        Self(lines)
    }

    /// Whether an id outside is one of those inside.
    #[must_use]
    pub fn reaches(&self, outside: u32) -> bool {
        self.0
            .iter()
            .any(|line| IdRange { first: line.outside, count: line.count }.contains(outside))
    }

    #[must_use]
    pub fn outside_of(&self, inside: u32) -> Option<u32> {
        self.0.iter().find_map(|line| {
            let offset = inside.checked_sub(line.inside)?;
            (offset < line.count).then(|| line.outside + offset)
        })
    }

    /// How many ids exist inside.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.iter().map(|line| u64::from(line.count)).sum()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The map as the kernel takes it, one line an extent.
    #[must_use]
    pub fn to_kernel(&self) -> String {
        self.0.iter().map(|l| format!("{} {} {}\n", l.inside, l.outside, l.count)).collect()
    }

    /// Reads what the kernel shows in /proc/PID/uid_map; `None` if a line is not of that form.
    #[must_use]
    pub fn from_kernel(text: &str) -> Option<Self> {
        text.lines()
            .map(|line| {
                let mut numbers = line.split_ascii_whitespace().map(str::parse::<u32>);
                let inside = numbers.next()?.ok()?;
                let outside = numbers.next()?.ok()?;
                let count = numbers.next()?.ok()?;
                numbers.next().is_none().then_some(IdMapLine { inside, outside, count })
            })
            .collect::<Option<Vec<_>>>()
            .map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_own_id_keeps_its_number_among_the_ranges() {
        let ranges = [IdRange { first: 100_000, count: 65_536 }];
        assert_eq!(
            IdMap::own_and_ranges(1001, 1001, &ranges).to_kernel(),
            "0 100000 1001\n1001 1001 1\n1002 101001 64535\n"
        );
    }

    #[test]
    fn as_root_the_ranges_follow() {
        let ranges = [IdRange { first: 100_000, count: 10 }, IdRange { first: 300_000, count: 5 }];
        assert_eq!(
            IdMap::own_and_ranges(0, 1001, &ranges).to_kernel(),
            "0 1001 1\n1 100000 10\n11 300000 5\n"
        );
    }

    #[test]
    fn an_own_id_above_the_ranges_stands_alone() {
        let ranges = [IdRange { first: 100_000, count: 10 }];
        let own = 3_000_000_000;
        let map = IdMap::own_and_ranges(own, own, &ranges);
        assert_eq!(map.to_kernel(), "0 100000 10\n3000000000 3000000000 1\n");
        assert_eq!(map.outside_of(own), Some(own));
        assert_eq!(map.outside_of(10), None);
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "\\PC*") {
            let _ = IdMap::from_kernel(&text);
        }

        #[test]
        fn a_map_reads_back(
            inside in any::<u32>(),
            ranges in prop::collection::vec((any::<u32>(), 1u32..1_000_000), 0..5),
        ) {
            let ranges: Vec<_> = ranges
                .into_iter()
                .map(|(first, count)| IdRange { first, count: count.min(u32::MAX - first) })
                .collect();
            let map = IdMap::own_and_ranges(inside, 7, &ranges);
            prop_assert_eq!(map.outside_of(inside), Some(7));
            prop_assert_eq!(IdMap::from_kernel(&map.to_kernel()), Some(map));
        }
    }
}
