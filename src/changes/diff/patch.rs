//! What turns one text into another, line by line, in pieces that can be taken or left.

use std::ops::Range;
use std::time::{Duration, Instant};

use similar::{Algorithm, DiffOp, DiffTag, capture_diff_slices_deadline};

/// Lines around a change.
pub(super) const CONTEXT: usize = 3;

/// After this, what is left is taken for replaced whole.
const PATIENCE: Duration = Duration::from_secs(1);

/// Both texts by their lines, and what leads from one to the other.
pub struct Patch<'a> {
    pub(super) old: Vec<&'a [u8]>,
    pub(super) new: Vec<&'a [u8]>,
    ops: Vec<DiffOp>,
}

/// Changes that stand close together: some of what leads from one text to the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunk {
    ops: Range<usize>,
}

/// Lines that differ, by where they are in either text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    pub old: Range<usize>,
    pub new: Range<usize>,
}

/// A line feed ends a line, and nothing else does, as for git.
pub fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

impl<'a> Patch<'a> {
    #[must_use]
    pub fn of(old: &'a [u8], new: &'a [u8]) -> Self {
        let (old, new) = (lines(old), lines(new));
        let deadline = Instant::now().checked_add(PATIENCE);
        let ops = capture_diff_slices_deadline(Algorithm::Myers, &old, &new, deadline);
        Self { old, new, ops }
    }

    /// Changes with no more lines between them than both show around them are one.
    #[must_use]
    pub fn hunks(&self) -> Vec<Hunk> {
        self.runs(0..self.ops.len(), 2 * CONTEXT)
    }

    /// The smallest hunks that it is made of.
    #[must_use]
    pub fn split(&self, hunk: &Hunk) -> Vec<Hunk> {
        self.runs(hunk.ops.clone(), 0)
    }

    /// Every run of lines that differ, in their order.
    #[must_use]
    pub fn edits(&self) -> Vec<Edit> {
        let edit = |hunk: &Hunk| {
            let (old, new) = self.ranges(hunk);
            Edit { old, new }
        };
        self.runs(0..self.ops.len(), 0).iter().map(edit).collect()
    }

    /// The old text with these changes and no others.
    #[must_use]
    pub fn compose(&self, chosen: &[Hunk]) -> Vec<u8> {
        let is_chosen = |index: &usize| chosen.iter().any(|hunk| hunk.ops.contains(index));
        let lines = self.ops.iter().enumerate().flat_map(|(index, op)| match is_chosen(&index) {
            true => self.new[op.new_range()].iter(),
            false => self.old[op.old_range()].iter(),
        });
        lines.copied().collect::<Vec<_>>().concat()
    }

    /// Changes with at most that many equal lines between them.
    fn runs(&self, within: Range<usize>, between: usize) -> Vec<Hunk> {
        let mut hunks: Vec<Hunk> = Vec::new();
        let mut equal = usize::MAX;
        for index in within {
            let Some(op) = self.ops.get(index) else { continue };
            if op.tag() == DiffTag::Equal {
                equal = op.old_range().len();
                continue;
            }
            match hunks.last_mut() {
                Some(last) if equal <= between => last.ops.end = index + 1,
                _ => hunks.push(Hunk { ops: index..index + 1 }),
            }
            equal = 0;
        }
        hunks
    }

    /// Its lines in both texts, without those around it.
    fn ranges(&self, hunk: &Hunk) -> (Range<usize>, Range<usize>) {
        let ops = &self.ops[hunk.ops.clone()];
        match (ops.first(), ops.last()) {
            (Some(first), Some(last)) => (
                first.old_range().start..last.old_range().end,
                first.new_range().start..last.new_range().end,
            ),
            _ => (0..0, 0..0),
        }
    }

    /// What it is made of, with the equal lines around it that are shown.
    pub(super) fn shown(&self, hunk: &Hunk) -> Vec<DiffOp> {
        let mut ops = self.ops[hunk.ops.clone()].to_vec();
        let equal = |index: Option<usize>| {
            let op = index.and_then(|index| self.ops.get(index))?;
            (op.tag() == DiffTag::Equal).then(|| (op.old_range(), op.new_range()))
        };
        if let Some((old, new)) = equal(hunk.ops.start.checked_sub(1)) {
            let len = old.len().min(CONTEXT);
            let (old_index, new_index) = (old.end - len, new.end - len);
            ops.insert(0, DiffOp::Equal { old_index, new_index, len });
        }
        if let Some((old, new)) = equal(Some(hunk.ops.end)) {
            let (old_index, new_index) = (old.start, new.start);
            ops.push(DiffOp::Equal { old_index, new_index, len: old.len().min(CONTEXT) });
        }
        ops
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn composed(old: &str, new: &str, choose: impl Fn(usize) -> bool) -> String {
        let patch = Patch::of(old.as_bytes(), new.as_bytes());
        let hunks = patch.hunks().into_iter().enumerate().filter(|(index, _)| choose(*index));
        let chosen: Vec<Hunk> = hunks.map(|(_, hunk)| hunk).collect();
        String::from_utf8(patch.compose(&chosen)).unwrap()
    }

    const OLD: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n";
    const NEW: &str = "one\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\nend";

    #[test]
    fn a_part_of_the_hunks_changes_a_part_of_the_text() {
        assert_eq!(Patch::of(OLD.as_bytes(), NEW.as_bytes()).hunks().len(), 2);
        assert_eq!(composed(OLD, NEW, |index| index == 0), OLD.replacen('1', "one", 1));
        assert_eq!(composed(OLD, NEW, |index| index == 1), format!("{OLD}end"));
    }

    #[test]
    fn a_hunk_splits_where_equal_lines_are_in_it() {
        let patch = Patch::of(b"a\nb\nc\nd\n", b"A\nb\nC\nd\nD\n");
        let [hunk] = patch.hunks().try_into().unwrap();
        let parts = patch.split(&hunk);
        assert_eq!(parts.len(), 3);
        assert_eq!(patch.compose(&parts[1..2]), b"a\nb\nC\nd\n");
        assert!(parts.iter().all(|part| patch.split(part) == [part.clone()]));
    }

    proptest! {
        #[test]
        fn all_hunks_make_the_new_text_and_none_the_old(
            old in "([abc\\r]{0,2}\n?){0,30}", new in "([abc\\r]{0,2}\n?){0,30}",
        ) {
            prop_assert_eq!(composed(&old, &new, |_| true), new.clone());
            prop_assert_eq!(composed(&old, &new, |_| false), old.clone());
            let patch = Patch::of(old.as_bytes(), new.as_bytes());
            let parts: Vec<Hunk> =
                patch.hunks().iter().flat_map(|hunk| patch.split(hunk)).collect();
            prop_assert_eq!(patch.compose(&parts), new.as_bytes());
        }
    }
}
