//! The words in which a traced run is told: whose call, the how-manieth, and what was done to it.

use std::fmt;

use rustix::process::Signal;

/// Which process of a launch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) enum Role {
    Caller,
    Init,
    /// A thread of init.
    Thread,
    /// A child of init before it becomes the command.
    Payload,
    /// The n-th child that the caller forks beside init, bryo itself or what it becomes.
    Helper(u32),
    /// One of the programs that the caller starts and waits for, never traced.
    Program(u32),
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Caller => f.write_str("caller"),
            Self::Init => f.write_str("init"),
            Self::Thread => f.write_str("thread"),
            Self::Payload => f.write_str("payload"),
            Self::Helper(number) => write!(f, "helper-{number}"),
            Self::Program(number) => write!(f, "program-{number}"),
        }
    }
}

/// The n-th call of that number by that process, counted from 1.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Call {
    pub(crate) role: Role,
    pub(crate) number: i64,
    pub(crate) nth: u32,
}

/// What happens at a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Deed {
    /// It is not made, and answers this errno.
    Fail(i32),
    /// This process gets this signal before the call is made.
    Signal(Role, Signal),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Fault {
    pub(crate) at: Call,
    pub(crate) deed: Deed,
}

/// A call that was made, and who was there at that moment.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) call: Call,
    pub(crate) alive: Vec<Role>,
}

/// What came of a traced run.
#[derive(Debug)]
pub(crate) struct Story {
    /// Every call, if there was no fault to do.
    pub(crate) steps: Vec<Step>,
    /// Whether the fault's call came.
    pub(crate) met: bool,
    /// The exit status of the caller, or 128+n when killed by signal n.
    pub(crate) status: i32,
    /// Killed at its time limit, with those who lived then.
    pub(crate) hung: Option<String>,
}
