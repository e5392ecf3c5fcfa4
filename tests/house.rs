//! The rules of the house, read off the text of the tree.

use std::path::Path;

use crate::support::source::{Source, code_of, words_of};

/// The rooms of `src/`, from the roof down. A room may name rooms of lower floors and itself;
/// rooms of one floor do not know each other.
const FLOORS: [&[&str]; 9] = [
    &["main"],
    &["cli"],
    &["changes"],
    &["store"],
    &["sandbox", "probe"],
    &["plan"],
    &["spec", "host"],
    &["base"],
    &["sys"],
];

const LONGEST_FILE: usize = 400;

#[test]
fn rooms_import_only_downward() {
    let mut faults = Vec::new();
    for source in Source::all("src", "rs") {
        let room = room_of(&source.path);
        // The map of the house names them all.
        if room == "lib" {
            continue;
        }
        let Some(floor) = floor_of(&room) else {
            faults.push(format!("{}: `{room}` is on no floor", source.path.display()));
            continue;
        };
        for (line, named) in rooms_named(&source.code, depth_of(&source.path)) {
            if named != room && floor_of(&named).is_some_and(|other| other <= floor) {
                let path = source.path.display();
                faults.push(format!("{path}:{line}: `{room}` may not know `{named}`"));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn only_sys_makes_system_calls() {
    let mut faults = Vec::new();
    for source in Source::all("src", "rs") {
        if source.path.starts_with("src/sys") {
            continue;
        }
        for (line, word) in source.words() {
            if ["unsafe", "nix", "rustix", "libc"].contains(&word) {
                faults.push(format!("{}:{line}: `{word}` outside src/sys", source.path.display()));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent = |source: &Source| !source.text.starts_with("//! ");
    let name = |source: Source| format!("{}: does not open with `//!`", source.path.display());
    assert_none(&rust_files().into_iter().filter(silent).map(name).collect::<Vec<_>>());
}

#[test]
fn no_file_is_long() {
    let mut faults = Vec::new();
    for source in rust_files() {
        let lines = source.text.lines().count();
        if lines > LONGEST_FILE {
            faults.push(format!("{}: {lines} lines", source.path.display()));
        }
    }
    assert_none(&faults);
}

#[test]
fn nothing_gives_up_outside_tests() {
    let mut faults = Vec::new();
    let benches = Source::all("benches", "rs");
    for source in Source::all("src", "rs").into_iter().chain(benches) {
        for (line, call) in calls_that_give_up(&source) {
            faults.push(format!("{}:{line}: `{call}`", source.path.display()));
        }
    }
    assert_none(&faults);
}

#[test]
fn files_are_named_for_what_they_hold() {
    const EMPTY: [&str; 6] = ["util", "utils", "common", "misc", "helpers", "manager"];
    let mut faults = Vec::new();
    for source in rust_files() {
        for part in source.path.with_extension("").iter() {
            let part = part.to_string_lossy();
            if EMPTY.contains(&part.as_ref()) || part.ends_with("_impl") || part.ends_with('2') {
                faults.push(format!("{}: `{part}` says nothing", source.path.display()));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn nothing_is_left_for_later() {
    let later = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")];
    let mut files = rust_files();
    for extension in ["", "1", "5", "toml", "md", "sh"] {
        for directory in ["scripts", "man", "profiles", ".ci"] {
            files.extend(Source::all_if_there(directory, extension));
        }
    }
    let mut faults = Vec::new();
    for source in files {
        for (line, word) in words_of(&source.text) {
            if later.contains(&word) {
                faults.push(format!("{}:{line}: `{word}`", source.path.display()));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn the_rules_see_what_they_forbid() {
    let named = |code: &str, depth| {
        let rooms = rooms_named(&code_of(code), depth);
        rooms.into_iter().map(|(_, room)| room).collect::<Vec<_>>()
    };
    assert_eq!(named("use crate::host::Host;", 2), ["host"]);
    assert_eq!(
        named("use crate::{base::Text, host, plan::{Plan, spec}};", 2),
        ["base", "host", "plan"]
    );
    assert_eq!(named("fn f() -> crate::cli::X { bryo::store::y() }", 2), ["cli", "store"]);
    assert_eq!(named("use super::super::host; use super::plan;", 2), ["host"]);
    assert_eq!(named("use super::plan;", 1), ["plan"]);
    assert_eq!(named("// crate::host\nlet a = \"crate::cli\";", 2), [""; 0]);

    assert_eq!(
        code_of("a 'b' '\\'' \"c\\\"d\" 'e r#\"f\"g\"# h"),
        format!("a {0:3} {0:4} {0:6} 'e {0:8} h", "")
    );
    let source =
        |code: &str| Source { path: "src/a.rs".into(), text: String::new(), code: code_of(code) };
    let found = |code: &str| calls_that_give_up(&source(code)).len();
    assert_eq!(found("a.unwrap();\nb\n  .expect(\"c\"); panic!(); todo!()"), 4);
    assert_eq!(found("a.unwrap_or(1); // .unwrap()\n#[cfg(test)]\nmod tests { a.unwrap() }"), 0);
}

fn rust_files() -> Vec<Source> {
    ["src", "tests", "benches"]
        .into_iter()
        .flat_map(|directory| Source::all(directory, "rs"))
        .collect()
}

#[track_caller]
fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "\n  {}\n", faults.join("\n  "));
}

/// `src/spec/view.rs` is in `spec`, `src/main.rs` is `main`.
fn room_of(path: &Path) -> String {
    let first = path.iter().nth(1).unwrap().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// How many `super` lead from a file's module to the root of the crate.
fn depth_of(path: &Path) -> usize {
    path.iter().count() - if path.ends_with("mod.rs") { 2 } else { 1 }
}

fn floor_of(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// The rooms that code names from the root of the crate: `crate::room`, `bryo::room`,
/// `crate::{room, room::…}`, or as many `super::` as lead there.
fn rooms_named(code: &str, depth: usize) -> Vec<(usize, String)> {
    let climb = "super::".repeat(depth);
    let mut found = Vec::new();
    for root in ["crate::", "bryo::", &climb] {
        for (place, _) in code.match_indices(root) {
            let is_name = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
            if code[..place].ends_with(is_name) {
                continue;
            }
            let line = code[..place].lines().count().max(1);
            let names = first_names(&code[place + root.len()..]);
            found
                .extend(names.into_iter().filter(|it| floor_of(it).is_some()).map(|it| (line, it)));
        }
    }
    found
}

/// The first name of a path, or of each path of a group in braces.
fn first_names(path: &str) -> Vec<String> {
    let name = |text: &str| {
        let text = text.trim_start();
        text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
    };
    let Some(group) = path.trim_start().strip_prefix('{') else { return vec![name(path)] };
    let mut names = vec![name(group)];
    let mut depth = 1;
    for (place, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => names.push(name(&group[place + 1..])),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

/// Calls that end the process instead of telling the caller, outside of test modules.
fn calls_that_give_up(source: &Source) -> Vec<(usize, &'static str)> {
    const CALLS: [&str; 6] =
        [".unwrap()", ".expect(", "panic!(", "todo!(", "unimplemented!(", "dbg!("];
    if source.path.iter().any(|part| part == "tests" || part == "tests.rs") {
        return Vec::new();
    }
    let code = source.code.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().enumerate();
    let in_line = |(index, line): (usize, &str)| {
        let calls = CALLS.into_iter().filter(|call| line.contains(call));
        calls.map(|call| (index + 1, call)).collect::<Vec<_>>()
    };
    lines.flat_map(in_line).collect()
}
