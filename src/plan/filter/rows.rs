//! In which row of the table each call of each ABI stands, found while bryo is built: a start would
//! otherwise spend as long on the names as the kernel does on the filter.

use crate::base::syscall::Abi;

use super::table::TABLE;

/// Numbers in rising order, each with the row of its name.
pub(super) fn of(abi: Abi) -> &'static [(u32, u8)] {
    static X86_64: [(u32, u8); count(Abi::X86_64.runs())] = rows(Abi::X86_64.runs());
    static I386: [(u32, u8); count(Abi::I386.runs())] = rows(Abi::I386.runs());
    static AARCH64: [(u32, u8); count(Abi::Aarch64.runs())] = rows(Abi::Aarch64.runs());
    match abi {
        Abi::X86_64 => &X86_64,
        Abi::I386 => &I386,
        Abi::Aarch64 => &AARCH64,
    }
}

/// A word of a text, and a number by which most others are told from it at once.
#[derive(Clone, Copy)]
struct Word {
    text: &'static [u8],
    start: usize,
    end: usize,
    hash: u64,
}

impl Word {
    /// The next word of a text from here on; an empty one at its end.
    const fn next(text: &'static [u8], from: usize) -> Self {
        let mut start = from;
        while start < text.len() && text[start] == b' ' {
            start += 1;
        }
        let (mut end, mut hash) = (start, 0xcbf2_9ce4_8422_2325_u64);
        while end < text.len() && text[end] != b' ' {
            hash = (hash ^ text[end] as u64).wrapping_mul(0x0100_0000_01b3);
            end += 1;
        }
        Self { text, start, end, hash }
    }

    const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    const fn equals(&self, other: &Self) -> bool {
        if self.hash != other.hash || self.end - self.start != other.end - other.start {
            return false;
        }
        let mut place = 0;
        while self.start + place < self.end {
            if self.text[self.start + place] != other.text[other.start + place] {
                return false;
            }
            place += 1;
        }
        true
    }
}

const fn words_in(text: &'static str) -> usize {
    let mut count = 0;
    let mut word = Word::next(text.as_bytes(), 0);
    while !word.is_empty() {
        count += 1;
        word = Word::next(text.as_bytes(), word.end);
    }
    count
}

const fn count(runs: &[(u32, &'static str)]) -> usize {
    let (mut count, mut run) = (0, 0);
    while run < runs.len() {
        count += words_in(runs[run].1);
        run += 1;
    }
    count
}

const KNOWN_COUNT: usize = {
    let (mut count, mut row) = (0, 0);
    while row < TABLE.len() {
        count += words_in(TABLE[row].names);
        row += 1;
    }
    count
};

/// Every name of the table with its row.
static KNOWN: [(Word, u8); KNOWN_COUNT] = {
    let mut known = [(Word::next(b"", 0), 0); KNOWN_COUNT];
    let (mut place, mut row) = (0, 0);
    while row < TABLE.len() {
        let names = TABLE[row].names.as_bytes();
        let mut word = Word::next(names, 0);
        while !word.is_empty() {
            known[place] = (word, row as u8);
            place += 1;
            word = Word::next(names, word.end);
        }
        row += 1;
    }
    known
};

/// No row has this number: what stands there is in none.
const NONE: u8 = u8::MAX;

const fn rows<const COUNT: usize>(runs: &[(u32, &'static str)]) -> [(u32, u8); COUNT] {
    let mut rows = [(0, NONE); COUNT];
    let (mut place, mut run) = (0, 0);
    while run < runs.len() {
        let (mut number, names) = (runs[run].0, runs[run].1.as_bytes());
        let mut word = Word::next(names, 0);
        while !word.is_empty() {
            rows[place] = (number, row_of(&word));
            place += 1;
            number += 1;
            word = Word::next(names, word.end);
        }
        run += 1;
    }
    rows
}

const fn row_of(word: &Word) -> u8 {
    let known = &KNOWN;
    let mut place = 0;
    while place < known.len() {
        if known[place].0.equals(word) {
            return known[place].1;
        }
        place += 1;
    }
    NONE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_is_in_the_row_that_names_it() {
        for abi in Abi::ALL {
            let rows = of(abi);
            assert_eq!(rows.len(), abi.calls().count());
            for ((number, name), (found, row)) in abi.calls().zip(rows) {
                assert_eq!(number, *found);
                let names = TABLE[usize::from(*row)].names;
                assert!(names.split_ascii_whitespace().any(|it| it == name), "{name}: {names}");
            }
        }
    }
}
