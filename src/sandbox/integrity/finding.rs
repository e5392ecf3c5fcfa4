//! One thing that a run left behind and that acts outside, and how it is told.

use serde::Serialize;

use crate::base::{HostPath, Text};

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    pub path: HostPath,
    pub change: Change,
    #[serde(flatten)]
    pub what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    New,
    Changed,
    /// It was somewhere else before, or may have been.
    Moved,
}

/// In the order in which they are told.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum What {
    Hook,
    GitSetting,
    Repository,
    SetId {
        mode: u32,
    },
    LeadsOut {
        target: Text,
    },
    Obeyed {
        by: &'static str,
    },
    /// A directory that can be entered, but not looked into.
    Unlistable,
    OtherOwner {
        uid: u32,
    },
}

/// A longer path says less, and a hostile one may have thousands of levels.
const LONGEST: usize = 200;

impl Finding {
    /// One line, names escaped, the path as seen from a directory.
    #[must_use]
    pub fn said(&self, from: Option<&HostPath>) -> String {
        let path = shown(&self.path, from);
        let became = match self.change {
            Change::New => "is new",
            Change::Changed => "was changed",
            Change::Moved => "may have been moved there",
        };
        match &self.what {
            What::Hook => format!("{path} {became}, and git runs it"),
            What::GitSetting => format!("{path} {became}, and git obeys it"),
            What::Repository => format!("{path} {became}, and git obeys what is in it"),
            What::SetId { mode } => {
                format!("{path} has mode {mode:04o}: whoever runs it gets your id or group")
            }
            What::LeadsOut { target } => {
                let target = shortened(target.to_string());
                format!("{path} {became}, and leads to `{target}`, out of what was writable")
            }
            What::Obeyed { by } => format!("{path} {became}, and {by} obeys it"),
            What::Unlistable => format!("{path} {became}, and what is in it cannot be listed"),
            What::OtherOwner { uid } => {
                format!("{path} belongs to id {uid}: only `bryo run --root` can remove it")
            }
        }
    }
}

fn shown(path: &HostPath, from: Option<&HostPath>) -> String {
    let below = from.and_then(|from| path.as_path().strip_prefix(from.as_path()).ok());
    let text = match below.filter(|below| !below.as_os_str().is_empty()) {
        Some(below) => Text::from(below.as_os_str()).to_string(),
        None => path.to_string(),
    };
    format!("`{}`", shortened(text))
}

/// The end of it, which tells more than its beginning.
fn shortened(text: String) -> String {
    let letters = text.chars().count();
    match letters > LONGEST {
        true => format!("…{}", text.chars().skip(letters - LONGEST).collect::<String>()),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_one_harmless_line() {
        let finding = Finding {
            path: HostPath::absolute(format!("/w/{}/\x1b[31m\nx", "d/".repeat(4000))),
            change: Change::New,
            what: What::Hook,
        };
        let said = finding.said(Some(&HostPath::absolute("/w")));
        assert!(
            said.starts_with("`…") && said.ends_with("\\u{1b}[31m\\nx` is new, and git runs it")
        );
        assert!(said.chars().count() < LONGEST + 50);
    }
}
