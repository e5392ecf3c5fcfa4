//! The layers behind the namespaces: what the payload lays on itself before it is the command.

pub(super) mod seccomp;
