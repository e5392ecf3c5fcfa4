//! A probe as the table has it: what it tries, the door that lets it through, and the proof that it
//! came through. How it is tried is in C, under the same name.

use super::scenario::Scenario;
use super::stage::Stage;
use super::trial::Aftermath;

/// Probes of one subject, in one program.
#[derive(Debug)]
pub(crate) struct Family {
    /// Of its program too: `probes/NAME.c`.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// What the user's session has for them, in the words of `session.c`.
    pub(crate) session: &'static [&'static str],
    /// Given to every run of bryo.
    pub(crate) flags: &'static [&'static str],
    /// Puts more on the stage.
    pub(crate) prepare: fn(&Stage),
    pub(crate) probes: &'static [Probe],
}

/// For a family that finds what it needs on every stage.
pub(crate) fn nothing_more(_: &Stage) {}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe {
    pub(crate) id: &'static str,
    pub(crate) tries: &'static str,
    pub(crate) door: Door,
    pub(crate) proof: Proof,
    pub(crate) company: Company,
    /// Flags of bryo for this one, in every scenario; it is started alone.
    pub(crate) flags: &'static [&'static str],
    /// What the session does for this one.
    pub(crate) session: &'static [&'static str],
    /// The name by which the run tells at its end of what was left behind, if it is to tell.
    pub(crate) told: Option<&'static str>,
    /// Where it comes through, and `SECURITY.md` says so.
    pub(crate) open: &'static [Scenario],
}

/// What lets a probe through, so that it is seen to work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Door {
    /// No sandbox: the same user, on the host.
    Outside,
    /// The same, at a terminal.
    OutsideAtTerminal,
    /// `bryo run` with these flags too.
    Flags(&'static [&'static str]),
    /// bubblewrap, with its usual recipe and these flags.
    Bubblewrap(&'static [&'static str]),
    /// `unshare` with these flags, and a script of mapped root that makes the walls itself: nothing
    /// of what it makes is locked.
    Unshared(&'static [&'static str], &'static str),
}

/// Whether it is tried beside others of its family.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Company {
    Together,
    /// What it does is felt by the others.
    Alone,
}

/// Whether the probe has got what it was after.
pub(crate) type Proof = fn(&Aftermath, &Probe) -> bool;

impl Probe {
    pub(crate) const fn new(
        id: &'static str,
        tries: &'static str,
        proof: Proof,
        door: Door,
    ) -> Self {
        Self {
            id,
            tries,
            door,
            proof,
            company: Company::Together,
            flags: &[],
            session: &[],
            told: None,
            open: &[],
        }
    }

    pub(crate) const fn alone(mut self) -> Self {
        self.company = Company::Alone;
        self
    }

    pub(crate) const fn with(mut self, flags: &'static [&'static str]) -> Self {
        self.flags = flags;
        self.alone()
    }

    pub(crate) const fn told(mut self, name: &'static str) -> Self {
        self.told = Some(name);
        self
    }

    pub(crate) const fn open_in(mut self, scenarios: &'static [Scenario]) -> Self {
        self.open = scenarios;
        self
    }

    pub(crate) const fn in_session(mut self, words: &'static [&'static str]) -> Self {
        self.session = words;
        self.alone()
    }
}

impl Door {
    /// As the table has it.
    pub(crate) fn in_words(self) -> String {
        let flags = |flags: &[&str]| match flags {
            [] => String::new(),
            _ => format!(" `{}`", flags.join(" ").replace('@', "")),
        };
        match self {
            Self::Outside => "no sandbox".to_owned(),
            Self::OutsideAtTerminal => "no sandbox, at a terminal".to_owned(),
            Self::Flags(words) => flags(words).trim().to_owned(),
            Self::Bubblewrap(words) => format!("bubblewrap{}", flags(words)),
            Self::Unshared(words, _) => format!("walls of its own:{}", flags(words)),
        }
    }
}

/// It carries what only the host knows.
pub(crate) fn has_canary(after: &Aftermath, probe: &Probe) -> bool {
    after.fact(probe.id).is_some_and(|fact| fact.contains(after.canary()))
}

/// Only the kernel can tell whether it answered, and has told the probe.
pub(crate) fn says_so(after: &Aftermath, probe: &Probe) -> bool {
    after.fact(probe.id).is_some_and(|fact| fact.starts_with("reached"))
}
