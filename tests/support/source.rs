//! A source file of the tree, and its code without comments and literals: what the house rules
//! read. Lines keep their numbers.

use std::fs;
use std::path::{Path, PathBuf};

use super::place;

#[derive(Debug)]
pub(crate) struct Source {
    /// Below the tree: `src/spec/view.rs`.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    /// The text with every comment, string and character blanked.
    pub(crate) code: String,
}

impl Source {
    /// Every file with this extension below a directory of the tree, in order.
    pub(crate) fn all(directory: &str, extension: &str) -> Vec<Self> {
        let mut paths = Vec::new();
        collect(&place::tree().join(directory), &mut paths);
        paths.retain(|path| path.extension().unwrap_or_default() == extension);
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    /// The same, for a directory that the tree may lack.
    pub(crate) fn all_if_there(directory: &str, extension: &str) -> Vec<Self> {
        match place::tree().join(directory).is_dir() {
            true => Self::all(directory, extension),
            false => Vec::new(),
        }
    }

    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let path = path.strip_prefix(place::tree()).unwrap().to_owned();
        Self { path, code: code_of(&text), text }
    }

    /// The names and keywords of the code, each with the number of its line.
    pub(crate) fn words(&self) -> impl Iterator<Item = (usize, &str)> {
        words_of(&self.code)
    }
}

/// Words of letters, digits and `_`, each with the number of its line.
pub(crate) fn words_of(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.lines().enumerate().flat_map(move |(index, line)| {
        let words = line.split(move |letter| !is_part(letter));
        words.filter(|word| !word.is_empty()).map(move |word| (index + 1, word))
    })
}

fn collect(directory: &Path, paths: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(directory);
    let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    for entry in entries.flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => collect(&entry.path(), paths),
            false => paths.push(entry.path()),
        }
    }
}

/// Blanks comments and literals; line ends stay.
pub(crate) fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let after_name = code.ends_with(|it: char| it.is_alphanumeric() || it == '_');
        let blank = blank_length(rest, after_name);
        let (taken, left) = rest.split_at(blank.unwrap_or(letter.len_utf8()));
        match blank {
            Some(_) => code.extend(taken.chars().map(|it| if it == '\n' { it } else { ' ' })),
            None => code.push_str(taken),
        }
        rest = left;
    }
    code
}

/// The length of the comment or literal that begins here, if one does.
fn blank_length(rest: &str, after_name: bool) -> Option<usize> {
    let until = |end: &str, skip: usize| {
        rest[skip..].find(end).map_or(rest.len(), |place| skip + place + end.len())
    };
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(until("*/", 2));
    }
    if let Some(inside) = rest.strip_prefix('"') {
        return Some(1 + quoted_length(inside, '"'));
    }
    if rest.starts_with("r\"") || rest.starts_with("r#") && !after_name {
        let hashes = rest[1..].bytes().take_while(|byte| *byte == b'#').count();
        let is_string = rest[1 + hashes..].starts_with('"');
        return is_string.then(|| until(&format!("\"{}", "#".repeat(hashes)), 2 + hashes));
    }
    // `'a'` and `'\n'` are characters, `'a` is a lifetime.
    let mut letters = rest.strip_prefix('\'')?.chars();
    match (letters.next()?, letters.next()?) {
        ('\\', _) => Some(1 + quoted_length(&rest[1..], '\'')),
        (letter, '\'') => Some(2 + letter.len_utf8()),
        _ => None,
    }
}

/// The length of a literal behind its opening quote, up to and with the closing one.
fn quoted_length(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (place, letter) in rest.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if letter == quote => return place + 1,
            _ => {}
        }
    }
    rest.len()
}
