//! What a TOML value says, as the strings that the words are set by, each with its line.
//!
//! Types are judged here, meanings by the words.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::word::{Takes, Word};
use crate::base::{Error, Text};

/// Where each line of a text starts.
#[derive(Debug)]
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1).collect())
    }

    /// The line, counted from 1, of a byte of the text.
    pub(super) fn at(&self, offset: usize) -> usize {
        self.0.partition_point(|start| *start <= offset) + 1
    }
}

/// One value and the line on which it stands.
#[derive(Debug)]
pub(super) struct Value {
    pub(super) text: String,
    pub(super) line: usize,
}

/// What is wrong with a line.
#[derive(Debug)]
pub(super) struct Flaw {
    line: usize,
    reason: String,
    hint: Option<&'static str>,
}

impl Flaw {
    pub(super) fn new(line: usize, reason: String) -> Self {
        Self { line, reason, hint: None }
    }
}

impl From<Flaw> for Error {
    fn from(flaw: Flaw) -> Self {
        let error = Self::new(format!("line {}: {}", flaw.line, flaw.reason));
        match flaw.hint {
            None => error,
            Some(hint) => error.hint(hint),
        }
    }
}

type Result<T> = std::result::Result<T, Flaw>;

/// The values for `word`, in the order given.
pub(super) fn values(
    word: &Word,
    value: &Spanned<DeValue<'_>>,
    lines: &Lines,
) -> Result<Vec<Value>> {
    let line = lines.at(value.span().start);
    let key = word.name;
    match (word.takes, value.get_ref()) {
        (Takes::Nothing, DeValue::Boolean(yes)) => Ok(vec![Value { text: yes.to_string(), line }]),
        (Takes::Nothing, other) => Err(wrong(key, "`true` or `false`", other, line)),
        (Takes::One(shape), _) => Ok(vec![scalar(key, One(shape), value, lines)?]),
        (Takes::Each(shape), DeValue::Array(elements)) => {
            elements.iter().map(|element| scalar(key, Each(shape), element, lines)).collect()
        }
        (Takes::Each(_), DeValue::Table(table)) if key == "env" => variables(table, lines),
        (Takes::Each(shape), _) => Ok(vec![scalar(key, Each(shape), value, lines)?]),
        (Takes::Maybe { given, .. }, DeValue::Boolean(true)) => {
            Ok(vec![Value { text: given.to_owned(), line }])
        }
        (Takes::Maybe { value, .. }, DeValue::Boolean(false)) => Ok(vec![no(key, value, line)?]),
        (Takes::Maybe { .. }, _) => Ok(vec![scalar(key, Maybe, value, lines)?]),
    }
}

/// The one string that a key must have.
pub(super) fn string(key: &str, value: &Spanned<DeValue<'_>>, lines: &Lines) -> Result<Value> {
    scalar(key, One(""), value, lines)
}

/// What a single value stands for, as far as its type goes.
#[derive(Clone, Copy)]
enum Single {
    One(&'static str),
    Each(&'static str),
    Maybe,
}

use Single::{Each, Maybe, One};

impl Single {
    /// Words whose value is a bare number on the command line may be one in TOML.
    fn may_be_integer(self) -> bool {
        matches!(self, One("FD" | "TIME" | "UID[:GID]") | Each("FD"))
    }

    fn wants(self) -> &'static str {
        match (self, self.may_be_integer()) {
            (One(_), false) => "a string",
            (One(_), true) => "a string or an integer",
            (Each(_), false) => "a string or an array of strings",
            (Each(_), true) => "an integer or an array of integers",
            (Maybe, _) => "a string, `true` or `false`",
        }
    }
}

fn scalar(key: &str, single: Single, value: &Spanned<DeValue<'_>>, lines: &Lines) -> Result<Value> {
    let line = lines.at(value.span().start);
    let text = match value.get_ref() {
        DeValue::String(text) => text.clone().into_owned(),
        DeValue::Integer(number) if single.may_be_integer() => {
            let number = i64::from_str_radix(number.as_str(), number.radix())
                .map_err(|_| Flaw::new(line, format!("`{key}`: the number is too large")))?;
            number.to_string()
        }
        other => return Err(wrong(key, single.wants(), other, line)),
    };
    // No argument of a program can hold one, so the words do not expect it.
    if text.contains('\0') {
        return Err(Flaw::new(line, format!("`{key}` holds a NUL character")));
    }
    Ok(Value { text, line })
}

/// `false` for a word that knows the value `none`.
fn no(key: &str, shape: &str, line: usize) -> Result<Value> {
    if shape.split('|').any(|word| word == "none") {
        return Ok(Value { text: "none".to_owned(), line });
    }
    Err(Flaw {
        line,
        reason: format!("`{key}` has no value `false`"),
        hint: Some("leave the line out, or give it a string or `true`"),
    })
}

/// `env = { A = "1", B = true }`: set A, pass B on; in the order written.
fn variables(table: &DeTable<'_>, lines: &Lines) -> Result<Vec<Value>> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries
        .into_iter()
        .map(|(name, value)| {
            let line = lines.at(name.span().start);
            let name = name.get_ref();
            let shown = Text::from(name.as_ref());
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(Flaw::new(
                    line,
                    format!("`env`: `{shown}` is not the name of a variable"),
                ));
            }
            let key = format!("env.{shown}");
            let wants = "a string or `true`";
            match value.get_ref() {
                DeValue::Boolean(true) => Ok(Value { text: name.clone().into_owned(), line }),
                DeValue::Boolean(false) => {
                    Err(Flaw::new(line, format!("`{key}` wants {wants}, not `false`")))
                }
                DeValue::String(_) => {
                    let Value { text, line } = string(&key, value, lines)?;
                    Ok(Value { text: format!("{name}={text}"), line })
                }
                other => Err(wrong(&key, wants, other, line)),
            }
        })
        .collect()
}

fn wrong(key: &str, wants: &str, found: &DeValue<'_>, line: usize) -> Flaw {
    let found = match found {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    };
    Flaw::new(line, format!("`{key}` wants {wants}, not {found}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_from_one() {
        let lines = Lines::of("a\nb\n\nc");
        assert_eq!([0, 1, 2, 4, 5, 99].map(|at| lines.at(at)), [1, 1, 2, 3, 4, 4]);
    }
}
