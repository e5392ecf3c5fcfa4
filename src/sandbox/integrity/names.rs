//! Names that programs of the user obey wherever they find them: hooks, settings of editors and
//! agents, start-up files. Build files are none of them: whoever builds means to run the project.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Who obeys a file of that name in a directory of that name; `None` if nobody does by itself.
pub(super) fn who_obeys(name: &OsStr, directory: &OsStr) -> Option<&'static str> {
    Some(match name.as_bytes() {
        b".envrc" | b".direnvrc" => "direnv",
        b".npmrc" | b".pnpmfile.cjs" => "npm",
        b".yarnrc" | b".yarnrc.yml" => "yarn",
        b".pre-commit-config.yaml" | b".pre-commit-config.yml" => "pre-commit",
        b"lefthook.yml" | b".lefthook.yml" => "lefthook",
        b"conftest.py" => "pytest",
        b"sitecustomize.py" | b"usercustomize.py" => "python",
        b"CLAUDE.md" | b"CLAUDE.local.md" | b"AGENTS.md" | b"AGENTS.override.md" | b"GEMINI.md" => {
            "a coding agent"
        }
        b".cursorrules" | b".windsurfrules" | b".clinerules" | b".mcp.json" | b"opencode.json" => {
            "a coding agent"
        }
        b"copilot-instructions.md" if directory == ".github" => "a coding agent",
        b".aider.conf.yml" => "a coding agent",
        b".gitattributes" | b".gitmodules" | b".lfsconfig" | b".gitconfig" => "git",
        b"hgrc" if directory == ".hg" => "Mercurial",
        b".gitlab-ci.yml" => "GitLab",
        b".travis.yml"
        | b".drone.yml"
        | b".woodpecker.yml"
        | b".cirrus.yml"
        | b"appveyor.yml"
        | b"azure-pipelines.yml"
        | b"bitbucket-pipelines.yml"
        | b"Jenkinsfile" => "a build service",
        b".devcontainer.json" => "VS Code",
        b".exrc" | b".vimrc" | b".nvimrc" | b".nvim.lua" | b".lvimrc" | b".ycm_extra_conf.py" => {
            "vim"
        }
        b".dir-locals.el" | b".dir-locals-2.el" | b".emacs" => "emacs",
        b".gdbinit" => "gdb",
        b".lldbinit" => "lldb",
        b".pdbrc" => "python",
        b".irbrc" | b".pryrc" => "ruby",
        b".Rprofile" | b".Renviron" => "R",
        b".ghci" => "ghci",
        b".octaverc" => "octave",
        b".tmux.conf" => "tmux",
        b".screenrc" => "screen",
        b".xprofile" | b".xsession" | b".xsessionrc" | b".xinitrc" | b".pam_environment" => {
            "your session"
        }
        b".bazelrc" => "bazel",
        b".mise.toml" | b"mise.toml" | b".tool-versions" => "mise",
        b".bashrc" | b".bash_profile" | b".bash_login" | b".bash_logout" | b".bash_aliases"
        | b".profile" | b".zshrc" | b".zshenv" | b".zprofile" | b".zlogin" | b".zlogout"
        | b".kshrc" | b".inputrc" => "a shell",
        b"config.toml" | b"config" | b"env" if directory == ".cargo" => "cargo",
        b"config" | b"authorized_keys" | b"rc" if directory == ".ssh" => "ssh",
        name if name.ends_with(b".code-workspace") => "VS Code",
        _ => return None,
    })
}

/// Who obeys whatever is in a directory of that name in a directory of the other name.
pub(super) fn who_obeys_all_in(name: &OsStr, above: &OsStr) -> Option<&'static str> {
    Some(match name.as_bytes() {
        b".vscode" | b".devcontainer" => "VS Code",
        b".idea" | b".run" | b".fleet" => "an IDE",
        b".zed" => "zed",
        b".helix" => "helix",
        b".vim" => "vim",
        b".emacs.d" => "emacs",
        b".claude" | b".cursor" | b".codex" | b".gemini" | b".continue" | b".windsurf"
        | b".kiro" | b".roo" | b".opencode" | b".junie" | b".amazonq" => "a coding agent",
        b"instructions" | b"prompts" | b"agents" | b"hooks" if above == ".github" => {
            "a coding agent"
        }
        b".husky" | b".githooks" => "git",
        b"workflows" | b"actions" if above == ".github" => "GitHub",
        b"workflows" if above == ".gitea" || above == ".forgejo" => "a build service",
        b".buildkite" => "a build service",
        b".circleci" => "CircleCI",
        b".mvn" => "maven",
        b"autostart" | b"systemd" | b"environment.d" | b"plasma-workspace" | b"fish" | b"zsh"
        | b"git" | b"nvim" | b"tmux"
            if above == ".config" =>
        {
            "your session"
        }
        _ => return None,
    })
}

/// Who obeys the file at a path, by its name or by that of a directory above it; git's own files
/// among them.
#[must_use]
pub fn obeyed_by(path: &Path) -> Option<&'static str> {
    let name = path.file_name()?;
    let above: Vec<&OsStr> = path.parent().into_iter().flat_map(Path::iter).collect();
    let nothing = OsStr::new("");
    if let Some(who) = who_obeys(name, above.last().copied().unwrap_or(nothing)) {
        return Some(who);
    }
    let pairs = above.iter().enumerate().map(|(at, directory)| {
        (*directory, at.checked_sub(1).map_or(nothing, |before| above[before]))
    });
    if let Some(who) = pairs.clone().find_map(|(name, above)| who_obeys_all_in(name, above)) {
        return Some(who);
    }
    let in_git = above.iter().position(|directory| *directory == ".git")?;
    let below: Vec<&str> =
        above[in_git + 1..].iter().filter_map(|part| part.to_str()).chain(name.to_str()).collect();
    let is_obeyed = match below.split_first() {
        Some((&"hooks", rest)) => !rest.is_empty() && is_hook(name),
        _ => OBEYED_BY_GIT.contains(&below.join("/").as_str()),
    };
    is_obeyed.then_some("git")
}

/// Directories of installed and built things, where settings of others' projects lie that nobody
/// works in.
pub(super) fn holds_packages(name: &OsStr) -> bool {
    matches!(
        name.as_bytes(),
        b"node_modules"
            | b"bower_components"
            | b"target"
            | b".venv"
            | b"venv"
            | b"site-packages"
            | b"dist-packages"
            | b"__pycache__"
            | b".tox"
            | b".nox"
            | b".yarn"
            | b".cache"
    )
}

/// What git obeys in a repository, besides its hooks. `commondir` says where all the rest of it
/// is, and a list of things to do may hold commands (gitrepository-layout(5), git-rebase(1)).
pub(super) const OBEYED_BY_GIT: [&str; 6] =
    ["config", "config.worktree", "commondir", "gitdir", "info/attributes", "rebase-merge"];

/// Whether git would run a file of that name among the hooks.
pub(super) fn is_hook(name: &OsStr) -> bool {
    !name.as_bytes().ends_with(b".sample")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_obeyed_where_its_program_looks_for_it() {
        let who = |name: &str, directory: &str| who_obeys(OsStr::new(name), OsStr::new(directory));
        assert_eq!(who(".envrc", "anywhere"), Some("direnv"));
        assert_eq!(who("config.toml", ".cargo"), Some("cargo"));
        assert_eq!(who("config.toml", "src"), None);
        assert_eq!(who("Makefile", ""), None);
        assert_eq!((who("hgrc", ".hg"), who("hgrc", "x")), (Some("Mercurial"), None));
        assert_eq!(who(".Rprofile", "anywhere"), Some("R"));
        let all = |name: &str, above: &str| who_obeys_all_in(OsStr::new(name), OsStr::new(above));
        assert_eq!(all("workflows", ".github"), Some("GitHub"));
        assert_eq!(all("workflows", "src"), None);
        assert_eq!((all("hooks", ".github"), all("hooks", "src")), (Some("a coding agent"), None));
    }
}
