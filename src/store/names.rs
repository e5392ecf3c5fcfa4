//! Names for what is kept: short, readable, safe as the name of a directory.

use crate::base::{Error, Result, Text};
use crate::sys::random;

const QUALITIES: [&str; 32] = [
    "amber", "brave", "brisk", "calm", "clear", "cool", "dewy", "early", "fair", "fresh", "gentle",
    "green", "hardy", "keen", "kind", "lively", "lucid", "mellow", "mild", "neat", "noble",
    "plain", "quick", "quiet", "ready", "silent", "soft", "still", "sunny", "swift", "tidy",
    "warm",
];

/// Things that grow where moss does.
const PLANTS: [&str; 32] = [
    "alder", "aspen", "birch", "bracken", "briar", "cedar", "clover", "cress", "fern", "fir",
    "hazel", "heath", "holly", "ivy", "juniper", "larch", "lichen", "linden", "maple", "mint",
    "nettle", "oak", "pine", "reed", "rowan", "rush", "sedge", "sorrel", "spruce", "thyme",
    "violet", "willow",
];

/// `brave-fern`.
pub(super) fn invented() -> String {
    let [one, other] = random::random_bytes();
    let word = |list: &[&'static str; 32], byte: u8| list[usize::from(byte) % list.len()];
    format!("{}-{}", word(&QUALITIES, one), word(&PLANTS, other))
}

/// Letters, digits, `_`, `.` and `-`, beginning with a letter or digit, 64 of them at most.
pub(super) fn check(name: &str) -> Result<()> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if begins_well && name.len() <= 64 && name.chars().all(is_plain) {
        return Ok(());
    }
    Err(Error::new(format!("`{}` is not a name", Text::from(name))).hint(
        "a name is made of letters, digits, `_`, `.` and `-`, begins with a letter or digit, and \
         has 64 of them at most",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_invented_is_a_name() {
        for _ in 0..100 {
            check(&invented()).unwrap();
        }
    }

    #[test]
    fn nothing_that_leads_elsewhere_is_a_name() {
        for name in ["", ".", "..", "a/b", "-x", ".hidden", "a b", "a\n", "\u{e9}", &"x".repeat(65)]
        {
            assert!(check(name).is_err(), "{name:?}");
        }
    }
}
