//! A package manager that fails for want of a network rarely says so in words that tell what to do.

use std::path::Path;

use crate::plan::{Link, Plan};

/// Programs that fetch before they do anything else.
const FETCHERS: [&str; 25] = [
    "bun", "bundle", "bunx", "cargo", "composer", "curl", "deno", "gem", "git", "go", "gradle",
    "mix", "mvn", "npm", "npx", "pip", "pip3", "pipx", "pnpm", "poetry", "rustup", "uv", "uvx",
    "wget", "yarn",
];

/// What to say after a command that ended with this status.
pub(super) fn hint(plan: &Plan, status: u8) -> Option<String> {
    let has_none = matches!(plan.network.link, Link::None | Link::Closed);
    let program = Path::new(plan.command.first()?.as_os_str()).file_name()?.to_str()?;
    let is_likely = status != 0 && has_none && FETCHERS.contains(&program);
    is_likely.then(|| {
        format!(
            "the command had no network; `bryo try --profile build -- {program} …` gives it one, \
             and the caches of package managers"
        )
    })
}
