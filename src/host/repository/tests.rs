//! What git obeys, read from small trees.

use super::*;
use std::fs;
use std::os::unix::fs::symlink;

/// A directory with these files, and what is read of it.
fn facts(name: &str, files: &[(&str, &str)], links: &[(&str, &str)]) -> GitFacts {
    let top = std::env::temp_dir().join(format!("bryo-git-{name}-{}", std::process::id()));
    for (path, content) in files {
        let path = top.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    for (path, target) in links {
        symlink(target, top.join(path)).unwrap();
    }
    let top = fs::canonicalize(top).unwrap();
    let facts = GitFacts::read(&HostPath::absolute(&top)).unwrap();
    fs::remove_dir_all(&top).unwrap();
    let below = |paths: BTreeSet<HostPath>| {
        let short = |path: &HostPath| {
            HostPath::absolute(Path::new("/").join(path.as_path().strip_prefix(&top).unwrap()))
        };
        paths.iter().map(short).collect()
    };
    GitFacts {
        found_by: below(facts.found_by),
        obeyed: below(facts.obeyed),
        awaited: below(facts.awaited),
        ..facts
    }
}

fn shown(paths: &BTreeSet<HostPath>) -> Vec<String> {
    paths.iter().map(ToString::to_string).collect()
}

#[test]
fn what_a_repository_names_is_found_and_nothing_outside() {
    let config = "[core]\nhooksPath = tools/hooks\n[include]\npath = ../more\npath = ../../out\n\
        path = ~/x\n";
    let facts = facts(
        "names",
        &[
            (".git/HEAD", ""),
            (".git/config", config),
            ("more", ""),
            ("tools/hooks/pre-commit", ""),
            (".git/modules/a/b/HEAD", ""),
            (".git/modules/a/b/config", "[core]\nworktree = ../../../../deps/b\n"),
            (".git/modules/a/b/hooks/x", ""),
            ("deps/b/.git", "gitdir: ../../.git/modules/a/b\n"),
            (".git/worktrees/w/HEAD", ""),
            (".git/worktrees/w/commondir", "../..\n"),
            (".git/worktrees/w/gitdir", "/elsewhere/.git\n"),
        ],
        &[],
    );
    let found_by = [
        "/.git",
        "/.git/modules",
        "/.git/modules/a",
        "/.git/modules/a/b",
        "/.git/worktrees",
        "/.git/worktrees/w",
        "/deps",
        "/deps/b",
        "/tools",
    ];
    assert_eq!(shown(&facts.found_by), found_by);
    let obeyed = [
        "/.git/config",
        "/.git/modules/a/b/hooks",
        "/.git/worktrees/w/commondir",
        "/.git/worktrees/w/gitdir",
        "/deps/b/.git",
        "/more",
        "/tools/hooks",
    ];
    assert_eq!(shown(&facts.obeyed), obeyed);
    assert!(!facts.more);
}

#[test]
fn links_are_no_way_out() {
    let facts = facts(
        "links",
        &[("real/HEAD", ""), ("real/config", ""), ("hooks/x", ""), ("y", "")],
        &[
            (".git", "real"),
            ("real/hooks", "../hooks"),
            ("real/info", "/etc"),
            ("real/modules", "/"),
            ("real/config.worktree", "/etc/passwd"),
        ],
    );
    assert_eq!(shown(&facts.found_by), ["/real"]);
    assert_eq!(shown(&facts.obeyed), ["/hooks", "/real/config"]);
}

#[test]
fn a_crowd_is_not_looked_through() {
    let paths: Vec<String> = (0..70).map(|n| format!(".git/modules/{n}/HEAD")).collect();
    let files: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), "")).collect();
    let facts = facts("crowd", &files, &[]);
    assert!(facts.more && facts.found_by.len() == MOST_REPOSITORIES + 1);
}

#[test]
fn what_is_named_and_not_there_is_awaited() {
    let config =
        "[core]\nhooksPath = tools/hooks\n[include]\npath = ../conf/more\npath = ../../out\n";
    let links = [
        (".git/hooks/commit-msg", "../../tools/msg"),
        (".git/hooks/out", "/elsewhere"),
        (".git/hooks/old", "pre-commit"),
    ];
    let files = [(".git/HEAD", ""), (".git/config", config), (".git/hooks/pre-commit", "")];
    let facts = facts("awaited", &files, &links);
    assert_eq!(shown(&facts.awaited), ["/conf/more", "/tools/hooks", "/tools/msg"]);
}
