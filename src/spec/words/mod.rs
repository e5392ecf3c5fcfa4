//! The words of `bryo run`: every one a flag and a policy key. A group of them is a file.

mod confinement;
mod identity;
mod limits;
mod network;
mod process;
mod view;

use super::word::Word;

/// In the order in which the help lists them.
const GROUPS: [&[Word]; 6] = [
    identity::WORDS,
    view::WORDS,
    network::WORDS,
    confinement::WORDS,
    limits::WORDS,
    process::WORDS,
];

const COUNT: usize = {
    let mut count = 0;
    let mut group = 0;
    while group < GROUPS.len() {
        count += GROUPS[group].len();
        group += 1;
    }
    count
};

static ALL: [Word; COUNT] = {
    let mut all = [GROUPS[0][0]; COUNT];
    let (mut group, mut count) = (0, 0);
    while group < GROUPS.len() {
        let mut word = 0;
        while word < GROUPS[group].len() {
            all[count] = GROUPS[group][word];
            word += 1;
            count += 1;
        }
        group += 1;
    }
    all
};

pub static WORDS: &[Word] = &ALL;

/// The word of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Word> {
    WORDS.iter().find(|word| word.name == name)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use proptest::prelude::*;

    use super::*;
    use crate::spec::Origin;

    #[test]
    fn no_word_is_defined_twice() {
        let mut names: Vec<_> = WORDS.iter().map(|w| w.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), WORDS.len());
    }

    proptest! {
        #[test]
        fn any_value_of_any_word_is_answered(index in 0..WORDS.len(), value in "\\PC*") {
            let word = &WORDS[index];
            let _ = (word.set)(&mut crate::spec::Spec::default(), OsStr::new(&value), Origin::Flag(word.name));
        }
    }
}
