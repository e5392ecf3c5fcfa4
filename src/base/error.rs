//! One error type for the whole house: what could not be done, why, and what helps.
//!
//! A failed call keeps its name, arguments and errno; each layer that knows a noun adds one
//! clause. Errors cross the wire between bryo's processes as they are, and only `cli::print`
//! speaks them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::sys::{CallError, Errno};

pub type Result<T> = std::result::Result<T, Error>;

/// bryo's own exit status when it, not the command, is at fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ExitCode {
    /// 124: the command ran out of its time.
    TimedOut,
    /// 125: bryo itself failed.
    Failed,
    /// 126: the command exists and cannot be executed.
    CannotExecute,
    /// 127: the command was not found.
    NotFound,
}

impl ExitCode {
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::TimedOut => 124,
            Self::Failed => 125,
            Self::CannotExecute => 126,
            Self::NotFound => 127,
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Error {
    /// Outermost last: `["no such file", "cannot read the policy `p.toml`"]`.
    clauses: Vec<String>,
    call: Option<CallError>,
    hint: Option<String>,
    code: ExitCode,
}

impl Error {
    pub fn new(clause: impl Into<String>) -> Self {
        Self { clauses: vec![clause.into()], call: None, hint: None, code: ExitCode::Failed }
    }

    /// A clause around this error: `outer: this`.
    #[must_use]
    pub fn within(mut self, clause: impl Into<String>) -> Self {
        self.clauses.push(clause.into());
        self
    }

    /// A clause for an error that has none: a bare call says what failed, not what it was for.
    #[must_use]
    pub fn explained(self, clause: &str) -> Self {
        if self.clauses.is_empty() { self.within(clause) } else { self }
    }

    /// The command, or the words, that help. The innermost hint knows most and stays.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint.get_or_insert_with(|| hint.into());
        self
    }

    #[must_use]
    pub fn code(mut self, code: ExitCode) -> Self {
        self.code = code;
        self
    }

    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        self.code
    }

    #[must_use]
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The failed call at the bottom of this, if there is one.
    #[must_use]
    pub fn call(&self) -> Option<&CallError> {
        self.call.as_ref()
    }

    /// The errno of the failed call, if a call is at the bottom of this.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        self.call.as_ref().map(|c| c.errno)
    }
}

impl From<CallError> for Error {
    fn from(call: CallError) -> Self {
        Self { clauses: Vec::new(), call: Some(call), hint: None, code: ExitCode::Failed }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = self.call.as_ref().map(ToString::to_string);
        let parts: Vec<&str> =
            self.clauses.iter().rev().map(String::as_str).chain(call.as_deref()).collect();
        f.write_str(&parts.join(": "))
    }
}

impl std::error::Error for Error {}

/// Adds the clause of the layer that knows the noun, and a hint where it knows one.
pub trait Context<T> {
    fn context(self, clause: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<Error>> Context<T> for std::result::Result<T, E> {
    fn context(self, clause: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|e| e.into().within(clause()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_read_from_the_outside_in() {
        let call = CallError { call: "open(\"/x\")".into(), errno: Errno::ENOENT };
        let error = Error::from(call).within("cannot read `/x`").within("cannot start");
        assert_eq!(
            error.to_string(),
            "cannot start: cannot read `/x`: open(\"/x\"): no such file or directory"
        );
    }

    #[test]
    fn only_a_bare_call_is_explained() {
        let call = CallError { call: "setsid".into(), errno: Errno::EPERM };
        let error = Error::from(call).explained("cannot x").explained("cannot y");
        assert_eq!(error.to_string(), "cannot x: setsid: operation not permitted");
    }

    #[test]
    fn the_innermost_hint_stays() {
        let error = Error::new("a").hint("first").within("b").hint("second");
        assert_eq!(error.hint_text(), Some("first"));
    }
}
