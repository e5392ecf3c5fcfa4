//! What this machine gives a sandbox, found out by trying: one noun a file, each answer with its
//! fix. Every trial is made in a process of its own that is not waited for longer than a few
//! seconds; nothing is changed, and nothing is printed.

mod ability;
mod attempt;
mod cgroups;
mod fuse;
mod home;
mod landlock;
mod network;
mod network_driver;
mod overlay;
mod proc;
mod runtime_directory;
mod subids;
mod user_namespaces;

pub use ability::Ability;
pub use home::network_filesystem;
pub use network_driver::PASTA;
pub use proc::why_not as why_no_fresh_proc;

use std::path::Path;

use serde::Serialize;

use crate::base::Text;
use crate::sys::file;

use super::remedy::Remedy;
use super::{Account, Cgroups, Needs, OverlayAbility, Programs, variable};

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    Works,
    /// Something else takes its place, or a part of it is missing.
    Degraded,
    Missing,
}

/// What was found out about one noun.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    pub topic: &'static str,
    pub state: State,
    pub said: String,
    pub fix: Option<String>,
}

impl Finding {
    fn works(topic: &'static str, said: impl Into<String>) -> Self {
        Self { topic, state: State::Works, said: said.into(), fix: None }
    }

    fn degraded(topic: &'static str, said: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { topic, state: State::Degraded, said: said.into(), fix: Some(fix.into()) }
    }

    fn missing(topic: &'static str, said: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { topic, state: State::Missing, said: said.into(), fix: Some(fix.into()) }
    }

    fn lacks(topic: &'static str, remedy: Remedy) -> Self {
        Self::missing(topic, remedy.said, remedy.fix)
    }

    /// It cannot even be tried: another finding has to be put right first.
    fn untried(topic: &'static str) -> Self {
        let said = "cannot be tried without user namespaces".to_owned();
        Self { topic, state: State::Missing, said, fix: None }
    }

    #[must_use]
    pub fn is_working(&self) -> bool {
        self.state == State::Works
    }
}

/// All that doctor tells.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Examination {
    /// For a bug report only: nothing is decided by it.
    pub kernel: String,
    pub user: String,
    pub uid: u32,
    pub findings: Vec<Finding>,
    pub abilities: Vec<Ability>,
    /// Whether `bryo run` will.
    pub runs: bool,
}

#[must_use]
pub fn examine() -> Examination {
    let environment = super::environment();
    let account = Account::of_this_user(&environment);
    let everything = Needs { subids: true, overlay: true, user_network: true, ..Needs::default() };
    let programs = Programs::find(&everything);

    let cgroups = Cgroups::read(&account, variable(&environment, "XDG_RUNTIME_DIR"));

    let namespaces = user_namespaces::find();
    let open = namespaces.is_working();
    let when_open = |topic, find: &dyn Fn() -> Finding| match open {
        true => find(),
        false => Finding::untried(topic),
    };
    let findings = vec![
        namespaces,
        when_open(proc::TOPIC, &proc::find),
        subids::find(&account, &programs),
        when_open(subids::HELPERS, &|| subids::find_helpers(&account, &programs)),
        when_open(overlay::TOPIC, &|| overlay::find(&OverlayAbility::probe())),
        fuse::find(&programs),
        when_open(network::TOPIC, &|| network::find(&programs)),
        cgroups::find(&cgroups, &account.name),
        landlock::find(),
        home::find(&account),
        runtime_directory::find(&environment, account.uid),
    ];
    let abilities = ability::all(&findings);
    Examination {
        kernel: kernel(),
        user: Text::from(account.name).to_string(),
        uid: account.uid,
        runs: abilities.first().is_some_and(|run| run.works),
        findings,
        abilities,
    }
}

fn kernel() -> String {
    let release = file::read_path(Path::new("/proc/sys/kernel/osrelease"), 256);
    String::from_utf8_lossy(&release.unwrap_or_default()).trim().to_owned()
}
