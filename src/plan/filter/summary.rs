//! A filter on paper: how many calls are answered how, not four hundred lines of them.

use std::collections::BTreeMap;
use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::base::syscall::errors;

use super::{AbiFilter, Action, Filter};

impl Serialize for Filter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for abi in &self.abis {
            map.serialize_entry(abi.abi.name(), abi)?;
        }
        map.serialize_entry("other-abis", &self.foreign.to_string())?;
        map.end()
    }
}

impl Serialize for AbiFilter {
    /// How many calls are always answered so, how many by their arguments, and the answer to
    /// numbers that are no call.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for (_, verdict) in &self.calls {
            let how = match verdict.rules.is_empty() {
                true => verdict.otherwise.to_string(),
                false => "by-arguments".to_owned(),
            };
            *counts.entry(how).or_default() += 1;
        }
        let mut map = serializer.serialize_map(None)?;
        for (how, count) in &counts {
            map.serialize_entry(how, count)?;
        }
        map.serialize_entry("others", &self.others.to_string())?;
        map.end()
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => f.write_str("allow"),
            Self::Log => f.write_str("log"),
            Self::Trace(_) => f.write_str("trace"),
            Self::Errno(number) => match errors::name(*number) {
                Some(name) => f.write_str(name),
                None => write!(f, "errno-{number}"),
            },
            Self::Trap => f.write_str("trap"),
            Self::KillThread => f.write_str("kill-thread"),
            Self::KillProcess => f.write_str("kill-process"),
        }
    }
}
