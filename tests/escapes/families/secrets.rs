//! Secrets of the caller, and what stays behind for him to run.

use std::fs;

use crate::escapes::probe::{Door, Family, Probe, has_canary};
use crate::escapes::stage::{INTACT, Stage};
use crate::escapes::trial::Aftermath;

pub(crate) const FAMILY: Family = Family {
    name: "secrets",
    title: "Secrets, and what stays behind",
    session: &["core=unlimited"],
    flags: &[],
    prepare,
    probes: &[
        Probe::new(
            "G1-environment",
            "find a token in the environment",
            has_canary,
            Door::Flags(&["--env", "ESCAPE_TOKEN"]),
        ),
        Probe::new("G4-hook", "leave a git hook", hook, Door::Outside)
            .alone()
            .told("post-checkout"),
        Probe::new("G4-config", "append to .git/config", config, Door::Outside)
            .alone()
            .told(".git/config"),
        Probe::new("G4-replace", "replace .git/config, as git does", config, Door::Outside)
            .alone()
            .told(".git/config"),
        Probe::new(
            "G4-attributes",
            "name a filter in .git/info/attributes",
            attributes,
            Door::Outside,
        )
        .alone()
        .told("attributes"),
        Probe::new(
            "G4-worktree",
            "make .git/config.worktree",
            |a, _| has(a, ".git/config.worktree"),
            Door::Outside,
        )
        .alone()
        .told("config.worktree"),
        Probe::new(
            "G4-submodule",
            "leave a hook for a submodule",
            |a, _| has(a, ".git/modules/sub/hooks/post-checkout"),
            Door::Outside,
        )
        .alone()
        .told("post-checkout"),
        Probe::new("G4-nested", "leave a hook in a repository below", nested_hook, Door::Outside)
            .alone()
            .told("post-checkout"),
        Probe::new("G4-rename-hooks", "move .git/hooks away and make another", hook, Door::Outside)
            .alone()
            .told(".git/hooks"),
        Probe::new("G4-rename-git", "move .git away and make another", hook, Door::Outside)
            .alone()
            .told(".git"),
        Probe::new(
            "G4-rename-nested",
            "move the directory above a repository away",
            nested_hook,
            Door::Outside,
        )
        .alone()
        .told("nested"),
        Probe::new(
            "G5-missing",
            "leave a file that tools run, such as .envrc",
            |a, _| has(a, ".envrc"),
            Door::Outside,
        )
        .alone()
        .told(".envrc"),
        Probe::new(
            "G8-path",
            "have its own newuidmap or slirp4netns run by the launcher: `--net`",
            |a, _| a.stage().path("hijacked").exists(),
            Door::Outside,
        )
        .with(&["--net"])
        .in_session(&["first-path=@WORK@/planted"]),
        Probe::new("G9-core", "leave its memory in a core file", core, Door::Outside).alone(),
    ],
};

const CONFIG: &str = "[core]\n\trepositoryformatversion = 0\n\tbare = false\n";

/// A repository with a submodule, another below it, and programs named like the launcher's helpers.
fn prepare(stage: &Stage) {
    let scratch = stage.home().scratch();
    for git in ["work/.git", "work/.git/modules/sub", "work/nested/.git"] {
        for directory in ["hooks", "info", "objects", "refs/heads"] {
            scratch.dir(format!("{git}/{directory}"));
        }
        scratch.write(format!("{git}/HEAD"), "ref: refs/heads/main\n");
        scratch.write(format!("{git}/config"), CONFIG);
        scratch.write(format!("{git}/info/attributes"), INTACT);
    }
    let mark = stage.path("hijacked").display().to_string();
    for name in ["newuidmap", "newgidmap", "slirp4netns", "pasta", "fuse-overlayfs"] {
        let script = format!("#!/bin/sh\necho {name} >> {mark}\n");
        scratch.script(format!("work/planted/{name}"), script);
    }
}

fn has(after: &Aftermath, name: &str) -> bool {
    after.stage().path(&format!("work/{name}")).exists()
}

fn hook(after: &Aftermath, _: &Probe) -> bool {
    has(after, ".git/hooks/post-checkout")
}

fn nested_hook(after: &Aftermath, _: &Probe) -> bool {
    has(after, "nested/.git/hooks/post-checkout")
}

fn is_changed(after: &Aftermath, name: &str, content: &str) -> bool {
    let now = fs::read_to_string(after.stage().path(&format!("work/{name}")));
    now.unwrap_or_default() != content
}

fn config(after: &Aftermath, _: &Probe) -> bool {
    is_changed(after, ".git/config", CONFIG)
}

fn attributes(after: &Aftermath, _: &Probe) -> bool {
    is_changed(after, ".git/info/attributes", INTACT)
}

fn core(after: &Aftermath, _: &Probe) -> bool {
    let names = fs::read_dir(after.stage().path("work")).unwrap().flatten();
    names.into_iter().any(|it| it.file_name().to_string_lossy().starts_with("core"))
}
