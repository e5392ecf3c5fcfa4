//! What is left out of a tar, or of what was in one: the first of it named, the rest counted.

use std::fmt::Display;

use crate::base::wording::count;
use crate::cli::print;

/// How many are named.
const NAMED: usize = 10;

#[derive(Default)]
pub(super) struct Remarks(usize);

impl Remarks {
    pub(super) fn tell(&mut self, what: &dyn Display, why: &str) {
        self.0 += 1;
        if self.0 <= NAMED {
            print::warning(&format!("`{what}`: {why}"));
        }
    }

    pub(super) fn end(self) {
        if let Some(more) = self.0.checked_sub(NAMED).filter(|more| *more > 0) {
            print::warning(&format!("and {} like these", count(more, "more remark")));
        }
    }
}
