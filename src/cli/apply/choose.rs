//! `--interactive`: each change is shown, and one key says whether it is wanted.

use std::io::Write;

use crate::base::{Error, HostPath, Result};
use crate::changes::Layer;
use crate::changes::apply::{self, About, Answer, Asked, Choices, Composer, Wish};
use crate::changes::diff::{Bytes, Shown, Style};
use crate::cli::keyboard::{END, INTERRUPT, Keyboard, Person};
use crate::cli::print;
use crate::store::Kept;

const HELP: &str = "\
y  apply it
n  leave it
a  apply it, and all that is left of this file
d  leave it, and all that is left of this file
s  split it into smaller hunks
A  apply it, and all that follows, unasked
q  leave it, and all that follows: what was said yes to is applied
^C apply nothing at all
";

/// Somebody at the terminal, asked change by change.
pub(super) struct Dialogue {
    keyboard: Keyboard,
    out: Box<dyn Write>,
}

impl Dialogue {
    pub(super) fn open(name: &str) -> Result<Self> {
        let keyboard = Person::look().and_then(|person| Keyboard::open(&person));
        let keyboard = keyboard.ok_or_else(|| {
            Error::new("there is no terminal to ask on")
                .within(format!("cannot choose from `{name}`"))
                .hint(format!(
                    "`bryo apply {name} PATH` applies a part, `--exclude GLOB` leaves one out"
                ))
        })?;
        Ok(Self { keyboard, out: Box::new(print::shown()) })
    }

    /// `None`: nothing is to be applied.
    pub(super) fn choose(
        mut self,
        kept: &Kept,
        home: &HostPath,
        layers: &[Layer],
        wish: &Wish<'_>,
        composer: &mut Composer,
    ) -> Result<Option<Choices>> {
        let from: HostPath = kept.working_directory()?;
        let style = Style { colour: print::colour_of_talk(), bytes: Bytes::Escaped };
        let shown = Shown { selects: wish.selects, from: &from, home, style };
        apply::choose(layers, wish, &shown, composer, &mut self)
    }
}

impl Asked for Dialogue {
    fn out(&mut self) -> &mut dyn Write {
        &mut self.out
    }

    fn answer(&mut self, about: About) -> Result<Answer> {
        self.out.flush().map_err(|e| Error::new(e.to_string()))?;
        loop {
            let key = self.keyboard.ask(&question(about), &|key| is_answer(about, key))?;
            let (answer, word) = match key {
                Some(b'y') => (Answer::Yes, "yes"),
                Some(b'n') => (Answer::No, "no"),
                Some(b'a') => (Answer::AllOfFile, "all of this file"),
                Some(b'd') => (Answer::NoneOfFile, "done with this file"),
                Some(b's') => (Answer::Split, "split"),
                Some(b'A') => (Answer::AllTheRest, "all the rest"),
                Some(b'q' | END) => (Answer::Quit, "quit"),
                Some(b'?') => {
                    print::question(&format!("help\n{HELP}"));
                    continue;
                }
                _ => (Answer::Abort, "nothing at all"),
            };
            print::question(&format!("{word}\n"));
            return Ok(answer);
        }
    }
}

fn question(about: About) -> String {
    let rest = "[A]ll the rest, [q]uit, [?]";
    match about {
        About::Change => format!("apply this? [y]es, [n]o, {rest} "),
        About::Attributes => {
            format!("apply this? [y]es, [n]o, [a]ll or [d]one of this file, {rest} ")
        }
        About::Hunk { number, of, splits } => {
            // In the letters alone, as git asks: with words it would not fit in a line.
            let split = if splits { "s," } else { "" };
            format!("({number}/{of}) apply this hunk? [y,n,a,d,{split}A,q] [?] ")
        }
    }
}

/// Case counts: `a` is less than `A`.
fn is_answer(about: About, key: u8) -> bool {
    match key {
        b's' => matches!(about, About::Hunk { splits: true, .. }),
        _ => [b"ynadAq?".as_slice(), &[INTERRUPT, END]].concat().contains(&key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hunk_is_split_only_where_it_can_be() {
        let about = |splits| About::Hunk { number: 1, of: 2, splits };
        assert!(is_answer(about(true), b's') && question(about(true)).contains(",s,"));
        assert!(!is_answer(about(false), b's') && !question(about(false)).contains(",s,"));
        assert!(!is_answer(About::Change, b's'));
    }

    #[test]
    fn every_key_that_is_asked_for_is_an_answer() {
        for about in
            [About::Change, About::Attributes, About::Hunk { number: 1, of: 1, splits: true }]
        {
            let question = question(about);
            for (at, _) in question.match_indices('[') {
                assert!(is_answer(about, question.as_bytes()[at + 1]), "{question}");
            }
        }
    }
}
