//! All decisions: a spec and a host become a plan. Pure: nothing is read, run or changed here.

mod confinement;
pub(crate) mod defaults;
mod environment;
mod etc;
mod filter;
mod home;
mod identity;
mod landlock;
mod limits;
mod network;
mod overlay;
mod own;
mod repository;
mod rlimits;
pub(crate) mod secrets;
mod stack;
mod system;
mod view;
mod wishes;

use std::time::Duration;

use crate::base::duration::Span;
use crate::base::{Error, Result};
use crate::host::Host;
use crate::spec::{Sourced, Spec};

use super::{Life, Plan, Rung};

/// What is gathered along the way.
#[derive(Default)]
struct Remarks {
    rungs: Vec<Rung>,
    warnings: Vec<String>,
}

pub fn resolve(spec: &Spec, host: &Host) -> Result<Plan> {
    let mut remarks = Remarks::default();
    if spec.command.first().is_none_or(|program| program.as_bytes().is_empty()) {
        return Err(Error::new("no command given").hint("`bryo run -- bash` starts a shell"));
    }
    if host.is_real_root() {
        remarks.warnings.push(
            "running as root: the sandbox is a user namespace all the same, but what escapes it is root"
                .to_owned(),
        );
    }
    let identity = identity::decide(spec, host, &mut remarks)?;
    let network = network::decide(spec, host, &mut remarks)?;
    let hostname =
        spec.hostname.as_ref().map_or_else(|| defaults::HOSTNAME.to_owned(), |h| h.value.clone());
    let etc = etc::write(spec, host, &identity, &network, &hostname);
    let view = view::decide(spec, host, &identity, etc, &mut remarks)?;
    let confinement =
        confinement::decide(spec, host, &identity, &view, &network.link, &mut remarks)?;
    let limits = limits::decide(spec, host, &identity, &mut remarks)?;
    let environment = environment::decide(spec, host, &identity, &view)?;
    Ok(Plan {
        command: spec.command.clone(),
        hostname,
        time: spec.time.as_ref().map(|time| time.value),
        environment,
        pass_descriptors: spec.pass_fd.iter().map(|fd| fd.value).collect(),
        life: life(spec)?,
        confinement,
        limits,
        rungs: remarks.rungs,
        warnings: remarks.warnings,
        identity,
        view,
        network,
    })
}

fn life(spec: &Spec) -> Result<Life> {
    if let (None, Some(grace)) = (&spec.timeout, &spec.grace) {
        return Err(useless(grace, "without a timeout it never begins"));
    }
    Ok(Life {
        timeout: spec.timeout.as_ref().map(|t| t.value),
        grace: spec.grace.as_ref().map_or(Span(Duration::from_secs(10)), |g| g.value),
        status_fd: spec.status_fd.as_ref().map(|fd| fd.value),
    })
}

/// A wish that cannot do anything beside the others.
fn useless<T>(wish: &Sourced<T>, why: &str) -> Error {
    Error::new(why).within(format!("cannot use `{}`", wish.origin))
}

/// A wish that cannot be granted, and why.
fn refused<T>(wish: &Sourced<T>, why: impl Into<String>) -> Error {
    Error::new(why).within(format!("cannot use `{}`", wish.origin))
}
