//! Golden plans: what is asked, on a machine made of facts, becomes exactly this plan, and this
//! drawing of it; or is refused in exactly these words. `BRYO_BLESS=1` writes them anew, for
//! `git diff` to be read.

mod cases;
mod machines;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use bryo::base::{Error, Result};
use bryo::plan::{Plan, explain, resolve};
use bryo::spec::words::WORDS;

use crate::support::place;

use cases::{plans, refusals};

#[test]
fn plans_are_as_they_were() {
    let mut faults = Vec::new();
    for case in plans() {
        match resolve(&case.spec, &case.host) {
            Err(error) => faults.push(format!("{}: refused: {error}", case.name)),
            Ok(plan) => {
                faults.extend(compared(&format!("{}.json", case.name), &json(&plan)));
                faults.extend(compared(&format!("{}.txt", case.name), &explain(&plan)));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn refusals_are_as_they_were() {
    let text: String = refusals()
        .iter()
        .map(|case| {
            let said = match resolve(&case.spec, &case.host) {
                Ok(_) => panic!("{}: was not refused", case.name),
                Err(error) => words_of(&error),
            };
            format!("{}\n{said}\n", case.name)
        })
        .collect();
    let fault = compared("refusals.txt", &text);
    assert!(fault.is_none(), "{}", fault.unwrap_or_default());
}

#[test]
fn every_word_has_a_plan() {
    let asked: BTreeSet<&str> = plans().into_iter().flat_map(|case| case.words).collect();
    let missing: Vec<&str> =
        WORDS.iter().map(|word| word.name).filter(|name| !asked.contains(name)).collect();
    assert!(missing.is_empty(), "no golden plan asks for {missing:?}");
}

#[test]
fn no_golden_file_is_left_over() {
    let mut known: BTreeSet<String> = plans()
        .iter()
        .flat_map(|case| ["json", "txt"].map(|kind| format!("{}.{kind}", case.name)))
        .collect();
    known.insert("refusals.txt".to_owned());
    let there: BTreeSet<String> = fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(there, known);
}

#[test]
fn the_same_question_has_the_same_answer() {
    let drawn = || -> Result<Vec<String>> {
        plans().iter().map(|it| Ok(explain(&resolve(&it.spec, &it.host)?))).collect()
    };
    assert_eq!(drawn(), drawn());
}

fn words_of(error: &Error) -> String {
    let hint = error.hint_text().map(|hint| format!("  hint: {hint}\n")).unwrap_or_default();
    format!("  {error}\n{hint}")
}

fn json(plan: &Plan) -> String {
    serde_json::to_string_pretty(plan).unwrap() + "\n"
}

fn directory() -> PathBuf {
    place::tree().join("tests/plans/golden")
}

/// The first line that differs from the golden file; with `BRYO_BLESS=1` the file gives way.
fn compared(name: &str, text: &str) -> Option<String> {
    let file = directory().join(name);
    if std::env::var_os("BRYO_BLESS").is_some_and(|it| it == "1") {
        fs::write(file, text).unwrap();
        return None;
    }
    let golden = fs::read_to_string(&file).unwrap_or_default();
    if golden == text {
        return None;
    }
    let same = golden.lines().zip(text.lines()).take_while(|(old, new)| old == new).count();
    let line = |text: &str| text.lines().nth(same).unwrap_or("(its end)").to_owned();
    let number = same + 1;
    Some(format!(
        "tests/plans/golden/{name}:{number}: was `{}`, is `{}` (BRYO_BLESS=1 writes it anew)",
        line(&golden).trim(),
        line(text).trim()
    ))
}
