//! A three-way merge of texts, line by line: what either side changed of a base is changed, and
//! where both changed the same lines, or lines that touch, they must have done the same.
//!
//! `similar` has one, without a limit of time; this one rests on its diff, which has.

use std::ops::Range;

use crate::changes::diff::{Edit, Patch, lines};

/// Lines of `ours`, counted from 0, of which the other side made something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Clash(pub(super) Range<usize>);

/// The merged text, or where there is none.
pub(super) fn merge(base: &[u8], ours: &[u8], theirs: &[u8]) -> Result<Vec<u8>, Vec<Clash>> {
    let our_edits = Patch::of(base, ours).edits();
    let their_edits = Patch::of(base, theirs).edits();
    let base = lines(base);
    let mut ours = Side { lines: lines(ours), edits: &our_edits, shift: 0 };
    let mut theirs = Side { lines: lines(theirs), edits: &their_edits, shift: 0 };
    let (mut merged, mut clashes, mut at) = (Vec::new(), Vec::new(), 0);
    while let Some(begin) = [&ours, &theirs].iter().filter_map(|side| side.next()).min() {
        merged.extend_from_slice(&base[at..begin]);
        let mut end = begin;
        let (mut our_taken, mut their_taken) = (0, 0);
        // One that touches those before it belongs to them, as in git.
        while ours.touches(our_taken, &mut end) || theirs.touches(their_taken, &mut end) {
            our_taken = ours.count_within(end);
            their_taken = theirs.count_within(end);
        }
        let our_range = ours.take(our_taken, begin..end);
        let their_range = theirs.take(their_taken, begin..end);
        let (our_lines, their_lines) = (&ours.lines[our_range.clone()], &theirs.lines[their_range]);
        match (our_taken, their_taken) {
            (0, _) => merged.extend_from_slice(their_lines),
            (_, 0) => merged.extend_from_slice(our_lines),
            _ if our_lines == their_lines => merged.extend_from_slice(our_lines),
            _ => clashes.push(Clash(our_range)),
        }
        at = end;
    }
    merged.extend_from_slice(&base[at..]);
    if clashes.is_empty() { Ok(merged.concat()) } else { Err(clashes) }
}

struct Side<'a> {
    lines: Vec<&'a [u8]>,
    /// Those that are left.
    edits: &'a [Edit],
    /// How many more lines it has before them than the base.
    shift: isize,
}

impl Side<'_> {
    /// Where in the base the next edit begins.
    fn next(&self) -> Option<usize> {
        self.edits.first().map(|edit| edit.old.start)
    }

    /// Whether the edit after those that were taken touches what ends there, which then ends with
    /// it.
    fn touches(&self, taken: usize, end: &mut usize) -> bool {
        match self.edits.get(taken).filter(|edit| edit.old.start <= *end) {
            Some(edit) => {
                *end = edit.old.end.max(*end);
                true
            }
            None => false,
        }
    }

    fn count_within(&self, end: usize) -> usize {
        self.edits.iter().take_while(|edit| edit.old.end <= end).count()
    }

    /// What it made of those lines of the base by that many edits.
    fn take(&mut self, count: usize, of_base: Range<usize>) -> Range<usize> {
        let (taken, left) = self.edits.split_at(count);
        let begin = of_base.start.saturating_add_signed(self.shift);
        if let Some(last) = taken.last() {
            self.shift = last.new.end as isize - last.old.end as isize;
        }
        self.edits = left;
        begin..of_base.end.saturating_add_signed(self.shift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn merged(base: &str, ours: &str, theirs: &str) -> Result<String, Vec<Clash>> {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        merge(base.as_bytes(), ours.as_bytes(), theirs.as_bytes()).map(text)
    }

    #[test]
    fn edits_of_other_lines_are_both_made() {
        let merged = merged("1\n2\n3\n4\n5\n", "0\n1\n2\n3\n4\n5\n", "1\n2\n3\n4\nfive\nsix");
        assert_eq!(merged.unwrap(), "0\n1\n2\n3\n4\nfive\nsix");
    }

    #[test]
    fn the_same_edit_is_made_once() {
        assert_eq!(merged("1\n2\n3\n", "1\ntwo\n3\n", "1\ntwo\n3\n").unwrap(), "1\ntwo\n3\n");
        assert_eq!(merged("", "new\n", "new\n").unwrap(), "new\n");
    }

    #[test]
    fn edits_of_the_same_lines_clash_and_so_do_those_that_touch() {
        let clash = |range| Err(vec![Clash(range)]);
        assert_eq!(merged("1\n2\n3\n", "1\ntwo\n3\n", "1\nzwei\n3\n"), clash(1..2));
        assert_eq!(merged("1\n2\n3\n", "one\n2\n3\n", "1\ntwo\n3\n"), clash(0..2));
        assert_eq!(merged("1\n2\n", "1\n2\nours", "1\n2\ntheirs"), clash(2..3));
        // Removed here, changed there; the count is of our lines.
        assert_eq!(merged("a\nb\nc\nd\n", "0\na\nd\n", "a\nb\nC\nd\n"), clash(2..2));
    }

    #[test]
    fn bytes_that_are_no_text_in_utf_8_are_merged_too() {
        let merged = merge(b"\xff\nb\nc\n", b"\xfe\nb\nc\n", b"\xff\nb\n\x80\n");
        assert_eq!(merged.unwrap(), b"\xfe\nb\n\x80\n");
    }

    proptest! {
        /// What git merge-file(1) says of the same is another judge: tests/changes_apply/merge.rs.
        #[test]
        fn a_side_that_changed_nothing_has_no_say(
            base in "([abc]\n?){0,20}", other in "([abc]\n?){0,20}",
        ) {
            prop_assert_eq!(merged(&base, &base, &other), Ok(other.clone()));
            prop_assert_eq!(merged(&base, &other, &base), Ok(other.clone()));
            prop_assert_eq!(merged(&base, &other, &other), Ok(other.clone()));
        }

        #[test]
        fn both_sides_are_alike(
            base in "([abc]\n){0,12}", ours in "([abc]\n){0,12}", theirs in "([abc]\n){0,12}",
        ) {
            prop_assert_eq!(merged(&base, &ours, &theirs).ok(), merged(&base, &theirs, &ours).ok());
        }
    }
}
