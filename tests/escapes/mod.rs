//! The escape suite: everything that a sandboxed program may try on the host, and what comes of it.
//!
//! Two-sided. Each probe is tried once with its door open, outside or with the protection switched
//! off, and must then leak: a probe that cannot succeed proves nothing. Then it is tried in every
//! scenario, where it must not. The judge looks at the host and for the canary, never at an errno
//! alone. The probes are programs in C (`probes/`), a file a family, tried together in one start of
//! a sandbox; their table and their proofs are in `families/`.
//!
//! ```text
//! probe      what is tried, and the door that lets it through
//! programs   the families, compiled
//! stage      a host with things to be after
//! scenario   where a family is tried
//! trial      one start: what each probe said, and what has become of the host
//! verdict    what is made of it
//! report     all of it, as README.md
//! ```

mod families;
mod probe;
mod programs;
mod report;
mod scenario;
mod services;
mod stage;
mod trial;
mod verdict;

use std::sync::OnceLock;

use families::ALL;
use probe::Family;
use verdict::{Findings, examine};

use crate::support::place;

/// What became of a family; tried by whoever asks first.
fn findings(family: &'static Family) -> &'static Findings {
    static FOUND: [OnceLock<Findings>; ALL.len()] = [const { OnceLock::new() }; ALL.len()];
    let place = ALL.iter().position(|it| it.name == family.name).unwrap();
    FOUND[place].get_or_init(|| examine(family))
}

/// The faults of the family that is called so.
fn check(name: &str) {
    needs!("gcc", "busybox");
    let family = ALL.into_iter().find(|it| it.name == name).unwrap();
    let found = findings(family);
    let faults = found.faults();
    assert!(faults.is_empty(), "\n  {}\n", faults.join("\n  "));
    if !found.lacks().is_empty() {
        skip!("in part: {}", found.lacks().join(", "));
    }
}

/// A test a family, so that they run beside each other.
macro_rules! families {
    ($($name:ident),+ $(,)?) => {
        $(#[test]
        fn $name() {
            check(stringify!($name));
        })+

        #[test]
        fn every_family_is_tried() {
            let tried = [$(stringify!($name)),+];
            assert_eq!(ALL.map(|it| it.name), tried);
        }
    };
}

families!(
    terminal,
    descriptors,
    files,
    mounts,
    proc,
    kernel,
    processes,
    ipc,
    network,
    secrets,
    limits,
);

/// `BRYO_BLESS=1` writes the table.
#[test]
fn the_table_is_what_was_found() {
    needs!("gcc", "busybox", "bwrap");
    let found = ALL.map(|family| (family, findings(family)));
    report::say_count(&found);
    if let Some(lack) = found.iter().find_map(|(_, it)| it.lacks().first().copied()) {
        skip!("the table is of a machine that has all; this one lacks {lack}");
    }
    report::compare(&found);
}

/// Rows that are said to be tested elsewhere are.
#[test]
fn the_tests_named_in_the_table_are_there() {
    let named = include_str!("elsewhere.md").split('`').filter_map(|word| word.split_once("::"));
    let mut count = 0;
    for (module, test) in named.filter(|(_, test)| !test.is_empty()) {
        let path = place::tree().join(format!("tests/{module}.rs"));
        let source = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(source.contains(&format!("fn {test}()")), "there is no `{module}::{test}`");
        count += 1;
    }
    assert!(count > 10);
}
