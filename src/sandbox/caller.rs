//! The caller. Who am I here: outside, the user's own process in the host's namespaces, with one
//! thread and no privilege. I see everything the user sees. Nobody waits for me but the user's
//! shell; init waits for my orders, and dies with me.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use crate::base::{Context, Error, Result};
use crate::plan::{Link, MapWriter, Plan};
use crate::sys::clone::{Child, CloneFlags, Fork, clone3};
use crate::sys::poll::{Watch, wait_for};
use crate::sys::process::{self, Change};
use crate::sys::signal::{self, SignalQueue};

use super::helper::Helper;
use super::net::Uplink;
use super::wire::{Order, Received, Report, Wire};
use super::{Outcome, identity, init, wire};

/// The signals that a user or a supervisor sends a program, and the one that says a child changed.
const SIGNALS: [i32; 11] = [
    signal::SIGHUP,
    signal::SIGINT,
    signal::SIGQUIT,
    signal::SIGTERM,
    signal::SIGUSR1,
    signal::SIGUSR2,
    signal::SIGALRM,
    signal::SIGTSTP,
    signal::SIGCONT,
    signal::SIGWINCH,
    signal::SIGCHLD,
];

pub(super) fn launch(plan: &Plan) -> Result<Outcome> {
    let signals = SignalQueue::open(&SIGNALS)?;
    let (wire, inner_wire) = wire::pair()?;
    let uplink = Uplink::prepare(&plan.network)?;
    match clone3(namespaces(plan)).context(|| "cannot make a user namespace".to_owned())? {
        Fork::Child => {
            drop((wire, uplink));
            init::run(plan, inner_wire, signals)
        }
        Fork::Parent(init) => {
            drop(inner_wire);
            let mut sandbox = Sandbox { plan, init, wire, signals, uplink, helpers: Vec::new() };
            let outcome = sandbox.supervise();
            sandbox.end();
            outcome
        }
    }
}

fn namespaces(plan: &Plan) -> CloneFlags {
    let flags = CloneFlags::NEWUSER
        .and(CloneFlags::NEWNS)
        .and(CloneFlags::NEWPID)
        .and(CloneFlags::NEWUTS)
        .and(CloneFlags::NEWIPC)
        .and(CloneFlags::NEWCGROUP);
    match network_namespace(plan) {
        NetworkNamespace::MadeByClone => flags.and(CloneFlags::NEWNET),
        NetworkNamespace::Shared | NetworkNamespace::MadeByInit => flags,
    }
}

/// Where the sandbox's network namespace comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NetworkNamespace {
    /// The host's own.
    Shared,
    /// Made by the clone, so that helpers can join it at once.
    MadeByClone,
    /// Made by init beside its other work.
    MadeByInit,
}

pub(super) fn network_namespace(plan: &Plan) -> NetworkNamespace {
    match plan.network.link {
        Link::Host => NetworkNamespace::Shared,
        Link::None if plan.network.publish.is_empty() => NetworkNamespace::MadeByInit,
        Link::None | Link::User { .. } => NetworkNamespace::MadeByClone,
    }
}

/// A sandbox as the caller holds it.
struct Sandbox<'a> {
    plan: &'a Plan,
    init: Child,
    wire: Wire,
    signals: SignalQueue,
    uplink: Uplink,
    helpers: Vec<Helper>,
}

/// What one round of waiting found.
struct Woken {
    wire: bool,
    signals: bool,
    uplink: bool,
    /// The first helper that has ended.
    dead_helper: Option<usize>,
}

impl Sandbox<'_> {
    fn supervise(&mut self) -> Result<Outcome> {
        self.write_maps_if_it_is_ours()?;
        let mut clock = Clock::new(self.plan);
        loop {
            let woken = self.wait(clock.until_next())?;
            if woken.wire {
                match self.wire.receive()? {
                    Some(received) => {
                        if let Some(end) = self.hear(received)? {
                            return Ok(clock.outcome(end));
                        }
                    }
                    None => return self.init_is_gone(&clock),
                }
            }
            if let Some(dead) = woken.dead_helper {
                return Err(self.helpers[dead].epitaph());
            }
            if woken.uplink && self.uplink.has_become_ready()? {
                self.order(&Order::NetworkReady)?;
            }
            if woken.signals {
                self.forward_signals()?;
            }
            clock.tick(|signal| self.order(&Order::Signal(signal)))?;
        }
    }

    fn wait(&self, timeout: Option<Duration>) -> Result<Woken> {
        let mut watches =
            vec![Watch::reading(self.wire.as_fd()), Watch::reading(self.signals.as_fd())];
        watches.extend(self.helpers.iter().map(|helper| Watch::reading(helper.pidfd())));
        watches.extend(self.uplink.awaited().map(Watch::reading));
        wait_for(&mut watches, timeout)?;
        let (helpers, uplink) = watches[2..].split_at(self.helpers.len());
        Ok(Woken {
            wire: watches[0].readable,
            signals: watches[1].readable,
            uplink: uplink.iter().any(|watch| watch.readable),
            dead_helper: helpers.iter().position(|watch| watch.readable),
        })
    }

    /// One report from inside; the end of the payload, if that is what it tells.
    fn hear(&mut self, received: Received<Report>) -> Result<Option<Change>> {
        match received.message {
            Report::Failed(error) => Err(error),
            Report::Mapped => {
                self.uplink.start(self.plan, self.init.pid, &mut self.helpers)?;
                Ok(None)
            }
            Report::Starting => Ok(None),
            Report::Exited(status) => Ok(Some(Change::Exited(status))),
            Report::Killed(signal) => Ok(Some(Change::Killed(signal))),
        }
    }

    fn write_maps_if_it_is_ours(&self) -> Result<()> {
        match &self.plan.identity.map_writer {
            MapWriter::Itself => Ok(()),
            MapWriter::Helpers { newuidmap, newgidmap } => {
                let identity = &self.plan.identity;
                identity::start_map_helpers(self.init.pid, newuidmap, newgidmap, identity)?
                    .finish(identity)?;
                self.order(&Order::MapsWritten)
            }
        }
    }

    fn order(&self, order: &Order) -> Result<()> {
        self.wire.send(order)
    }

    fn forward_signals(&self) -> Result<()> {
        while let Some(signal) = self.signals.next()? {
            match signal {
                signal::SIGCHLD | signal::SIGWINCH => {}
                signal => self.order(&Order::Signal(signal))?,
            }
        }
        Ok(())
    }

    /// The wire closed without a last report: init was killed from outside.
    fn init_is_gone(&self, clock: &Clock) -> Result<Outcome> {
        match process::wait_for_end(self.init.pid)? {
            Change::Killed(signal) if clock.timed_out => Ok(clock.outcome(Change::Killed(signal))),
            Change::Killed(signal) => {
                Err(Error::new(format!("its init was killed by signal {signal}"))
                    .within("the sandbox ended early"))
            }
            _ => Err(Error::new("its init ended without a word").within("the sandbox ended early")),
        }
    }

    /// Kills what is left, and waits until the kernel has taken the sandbox apart.
    fn end(&self) {
        // Already dead is what is wanted; any other failure would leave nothing more to try.
        let _ = process::signal_pidfd(self.init.pidfd.as_fd(), signal::SIGKILL);
        let _ = process::wait_for_end(self.init.pid);
    }
}

/// The timeout: TERM when the time is over, KILL after the grace.
struct Clock {
    deadline: Option<Instant>,
    grace: Duration,
    timed_out: bool,
}

impl Clock {
    fn new(plan: &Plan) -> Self {
        Self {
            deadline: plan.life.timeout.map(|timeout| Instant::now() + timeout.0),
            grace: plan.life.grace.0,
            timed_out: false,
        }
    }

    fn until_next(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    fn tick(&mut self, send: impl Fn(i32) -> Result<()>) -> Result<()> {
        if self.deadline.is_none_or(|deadline| Instant::now() < deadline) {
            return Ok(());
        }
        if self.timed_out {
            self.deadline = None;
            return send(signal::SIGKILL);
        }
        self.timed_out = true;
        self.deadline = Some(Instant::now() + self.grace);
        send(signal::SIGTERM)
    }

    fn outcome(&self, end: Change) -> Outcome {
        Outcome { end, timed_out: self.timed_out }
    }
}
