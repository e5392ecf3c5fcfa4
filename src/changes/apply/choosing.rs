//! Choosing: somebody is asked about each change, and of a modified text about each hunk. Nothing
//! is touched meanwhile but the place where what was chosen in part is put together.

use std::collections::VecDeque;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

use crate::base::{HostPath, Result};
use crate::changes::change::{Change, What};
use crate::changes::diff::{self, Both, Hunk, Patch, Shown};
use crate::changes::layer::Layer;
use crate::changes::shown::gone;
use crate::changes::walk::{Spot, walk};
use crate::sys::facts::Type;
use crate::sys::{entry, file};

use super::baseline::is_above;
use super::choice::{Choice, Choices};
use super::composing::{Composed, Composer, Rest};
use super::conflict::{OnConflict, Overtaken};
use super::merging::Merger;
use super::overtaken::Judge;
use super::planning::Wish;
use super::step::Mark;

/// Whoever is asked.
pub trait Asked {
    /// Where what is asked about is shown.
    fn out(&mut self) -> &mut dyn Write;
    fn answer(&mut self, about: About) -> Result<Answer>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A change that is taken whole or left.
    Change,
    /// Mode and attributes of a file whose lines are asked about, too.
    Attributes,
    Hunk {
        number: usize,
        of: usize,
        splits: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Yes,
    No,
    /// And so is the rest of this file.
    AllOfFile,
    NoneOfFile,
    /// And so is everything after it.
    AllTheRest,
    /// In smaller hunks.
    Split,
    /// What was said yes to, and nothing else.
    Quit,
    /// Nothing at all.
    Abort,
}

/// `None`: nothing is to be applied after all.
pub fn choose(
    layers: &[Layer],
    wish: &Wish<'_>,
    shown: &Shown<'_>,
    composer: &mut Composer,
    asked: &mut dyn Asked,
) -> Result<Option<Choices>> {
    let mut choosing = Choosing {
        wish,
        shown,
        asked,
        judge: Judge::new(&wish.place.baseline, wish.place.began)?,
        merger: Merger::open(&wish.place.bases)?,
        composer,
        choices: Choices::default(),
        goes: Goes::On,
        left_out: None,
    };
    for layer in layers {
        choosing.left_out = None;
        walk(layer, &mut |change, spot| match choosing.goes {
            Goes::On => choosing.look_at(layer, change, spot),
            Goes::NoFurther | Goes::Nowhere => Ok(()),
        })?;
    }
    Ok((choosing.goes != Goes::Nowhere).then_some(choosing.choices))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Goes {
    On,
    NoFurther,
    Nowhere,
}

struct Choosing<'a> {
    wish: &'a Wish<'a>,
    shown: &'a Shown<'a>,
    asked: &'a mut dyn Asked,
    judge: Judge<'a>,
    merger: Merger<'a>,
    composer: &'a mut Composer,
    choices: Choices,
    goes: Goes,
    /// Something that was left, with all that would come in its place.
    left_out: Option<Vec<u8>>,
}

impl Choosing<'_> {
    fn look_at(&mut self, layer: &Layer, change: &Change, spot: &Spot<'_>) -> Result<()> {
        let bytes = spot.path.as_os_str().as_bytes();
        let path = layer.lower.join(spot.path);
        if self.left_out.as_ref().is_some_and(|above| is_above(above, bytes))
            || !(self.wish.selects)(&path)
        {
            return Ok(());
        }
        let choice = match self.choice_ahead(change, spot)? {
            Some(choice) => choice,
            None => self.ask(layer, change, spot, &path)?,
        };
        if change.what == What::Replaced && choice == Choice::No {
            self.left_out = Some(bytes.to_vec());
        }
        self.choices.say(path, choice);
        Ok(())
    }

    /// Where there is nothing to ask.
    fn choice_ahead(&self, change: &Change, spot: &Spot<'_>) -> Result<Option<Choice>> {
        let Some(after) = &change.after else { return Ok(None) };
        Ok(match after.kind {
            // Made if something in it is wanted.
            Type::Directory if change.what == What::Added => {
                let directory = entry::open_directory_at(spot.upper, spot.name)?;
                (!file::is_empty_directory(directory.as_fd())?).then_some(Choice::No)
            }
            Type::Regular | Type::Directory | Type::Symlink => None,
            // The plan refuses it, and says so.
            _ => Some(Choice::Yes),
        })
    }

    fn ask(
        &mut self,
        layer: &Layer,
        change: &Change,
        spot: &Spot<'_>,
        path: &HostPath,
    ) -> Result<Choice> {
        let bytes = spot.path.as_os_str().as_bytes();
        let known = self.judge.known(&layer.lower, bytes)?;
        if let Some(why) = self.judge.overtaken(change, spot, known)? {
            if self.wish.overtaken == Overtaken::Merged
                && let Ok(merged) = self.merger.merge(change, spot, known, why)?
                && let Some(both) = diff::both_contents_of(change, spot)?
            {
                self.say(&format!("# {path}: {why}; merged with that, it becomes\n"))?;
                let text = Text {
                    both: Both { old: both.old, new: merged.content },
                    mode: merged.mode,
                    whole: None,
                };
                return self.ask_for_text(change, spot, path, text);
            }
            if self.wish.on_conflict != OnConflict::Force {
                return Ok(Choice::No);
            }
            self.say(&format!("# {path}: {why}\n"))?;
        }
        match diff::both_texts(change, spot)? {
            Some(both) => {
                let mode = change.after.map_or(0, |it| it.mode);
                let text = Text { both, mode, whole: Some(Choice::Yes) };
                self.ask_for_text(change, spot, path, text)
            }
            None => {
                diff::show_change(change, spot, path, self.shown, self.asked.out())?;
                Ok(match self.answer(About::Change)? {
                    Answer::Yes | Answer::AllOfFile | Answer::AllTheRest => Choice::Yes,
                    _ => Choice::No,
                })
            }
        }
    }

    fn ask_for_text(
        &mut self,
        change: &Change,
        spot: &Spot<'_>,
        path: &HostPath,
        text: Text,
    ) -> Result<Choice> {
        let patch = Patch::of(&text.both.old, &text.both.new);
        diff::heading(change, path, self.shown, self.asked.out())?;
        let attributes = other_attributes(change, text.mode);
        let mut said = Said::default();
        if let Some(attributes) = &attributes {
            self.say(&format!("# {attributes}\n"))?;
            match self.answer(About::Attributes)? {
                Answer::Yes => said.attributes = true,
                Answer::AllOfFile | Answer::AllTheRest => {
                    said = Said { attributes: true, hunks: patch.hunks(), is_over: true };
                }
                Answer::No | Answer::Split => {}
                Answer::NoneOfFile | Answer::Quit | Answer::Abort => said.is_over = true,
            }
        }
        if !said.is_over {
            self.ask_for_hunks(&patch, &mut said)?;
        }
        let all = patch.compose(&said.hunks) == text.both.new;
        let is_whole = all && (said.attributes || attributes.is_none());
        match text.whole {
            _ if self.goes == Goes::Nowhere => Ok(Choice::No),
            Some(whole) if is_whole => Ok(whole),
            _ if said.hunks.is_empty() && !said.attributes && !is_whole => Ok(Choice::No),
            _ => {
                let rest = if is_whole { Rest::IsDone } else { Rest::Stays };
                self.put_together(change, spot, (&patch, &said), text.mode, rest)
            }
        }
    }

    fn ask_for_hunks(&mut self, patch: &Patch<'_>, said: &mut Said) -> Result<()> {
        let mut left = VecDeque::from(patch.hunks());
        let (mut number, mut of) = (1, left.len());
        while let Some(hunk) = left.pop_front() {
            let text = diff::hunk(patch, &hunk, self.shown.style);
            self.asked.out().write_all(&text).map_err(gone)?;
            let parts = patch.split(&hunk);
            let splits = parts.len() > 1;
            match self.answer(About::Hunk { number, of, splits })? {
                Answer::Yes => said.hunks.push(hunk),
                Answer::AllOfFile | Answer::AllTheRest => {
                    said.hunks.push(hunk);
                    said.hunks.extend(left.drain(..));
                }
                Answer::Split => {
                    of += parts.len() - 1;
                    parts.into_iter().rev().for_each(|part| left.push_front(part));
                    continue;
                }
                Answer::No => {}
                Answer::NoneOfFile | Answer::Quit | Answer::Abort => break,
            }
            number += 1;
        }
        Ok(())
    }

    /// With the attributes of the side that was chosen.
    fn put_together(
        &mut self,
        change: &Change,
        spot: &Spot<'_>,
        (patch, said): (&Patch<'_>, &Said),
        new_mode: u32,
        rest: Rest,
    ) -> Result<Choice> {
        let (Some(before), Some(after), Some(lower)) = (&change.before, &change.after, spot.lower)
        else {
            return Ok(Choice::No);
        };
        let (mode, like) = match said.attributes {
            true => (new_mode, spot.upper),
            false => (before.mode, lower),
        };
        let content = patch.compose(&said.hunks);
        let (file, new) = self.composer.make(&content, mode, (like, spot.name))?;
        let (old, theirs) = (Mark::of(before), Mark::of(after));
        Ok(Choice::Part(Composed { file, old, theirs, new, rest }))
    }

    /// Notes also what it says of all that follows.
    fn answer(&mut self, about: About) -> Result<Answer> {
        let answer = self.asked.answer(about)?;
        match answer {
            Answer::AllTheRest => {
                self.choices.take_all_others();
                self.goes = Goes::NoFurther;
            }
            Answer::Quit => self.goes = Goes::NoFurther,
            Answer::Abort => self.goes = Goes::Nowhere,
            _ => {}
        }
        Ok(answer)
    }

    fn say(&mut self, line: &str) -> Result<()> {
        self.asked.out().write_all(line.as_bytes()).map_err(gone)
    }
}

/// A text of which a part can be taken.
struct Text {
    both: Both,
    mode: u32,
    /// What it is to take all of it; `None`: it is put together all the same.
    whole: Option<Choice>,
}

/// What was said yes to.
#[derive(Default)]
struct Said {
    attributes: bool,
    hunks: Vec<Hunk>,
    is_over: bool,
}

/// What differs besides the lines.
fn other_attributes(change: &Change, mode: u32) -> Option<String> {
    let (What::Modified(aspects), Some(before)) = (change.what, &change.before) else {
        return None;
    };
    match (before.mode == mode, aspects.attributes) {
        (false, _) => Some(format!("mode {mode:04o}, was {:04o}", before.mode)),
        (true, true) => Some("extended attributes".to_owned()),
        (true, false) => None,
    }
}
