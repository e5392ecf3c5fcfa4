//! The caller. Who am I here: outside, the user's own process in the host's namespaces, with one
//! thread and no privilege. I see everything the user sees. Nobody waits for me but the user's
//! shell; init waits for my orders, and dies with me.

use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use crate::base::{Context, Error, Result};
use crate::plan::{MapWriter, Plan};
use crate::sys::clone::{Child, Fork, clone3_into};
use crate::sys::poll::{Watch, wait_for};
use crate::sys::process::{self, Change};
use crate::sys::signal::{self, SignalQueue, Stopping, WakeUp};
use crate::sys::{Errno, file};

use super::clock::{Clock, Tick};
use super::confine::seccomp::Program;
use super::helper::{self, Helper};
use super::limits::Limits;
use super::net::Uplink;
use super::overlay::{self, Scratch};
use super::paper::Paper;
use super::relayed::Relayed;
use super::status::Status;
use super::terminal::{Outside, Place, Ready, Streams};
use super::wire::{Order, Received, Report, Wire};
use super::{Outcome, identity, init, missing, namespaces, wire};

/// The signals that a user or a supervisor sends a program, and the one that says a child changed.
const SIGNALS: [i32; 13] = [
    signal::SIGHUP,
    signal::SIGINT,
    signal::SIGQUIT,
    signal::SIGTERM,
    signal::SIGUSR1,
    signal::SIGUSR2,
    signal::SIGALRM,
    signal::SIGTSTP,
    signal::SIGCONT,
    signal::SIGTTIN,
    signal::SIGTTOU,
    signal::SIGWINCH,
    signal::SIGCHLD,
];

/// How often a run in the background looks whether it has come to the foreground.
const FOREGROUND_CHECK: Duration = Duration::from_millis(300);

/// `paper` holds the report afterwards, as far as there is one.
pub(super) fn launch(plan: &Plan, status: &Status, paper: &mut Option<Paper>) -> Result<Outcome> {
    // Whoever started bryo may ignore it; then no end of a child could be waited for (wait(2)).
    signal::set_default(signal::SIGCHLD)?;
    let signals = SignalQueue::open(&SIGNALS)?;
    let streams = Streams::of_the_caller();
    let (wire, inner_wire) = wire::pair()?;
    *paper = Paper::prepare(plan)?;
    let mut relayed = Relayed::prepare(plan)?;
    let scratch = Scratch::prepare(plan)?;
    let uplink = Uplink::prepare(&plan.network)?;
    let filter = plan.confinement.filter.as_ref().map(Program::compile).transpose()?;
    let limits = Limits::prepare(plan)?;
    process::give_back_unused_memory();
    let clone = clone3_into(namespaces::of_clone(plan), limits.birthplace());
    match clone.context(|| "cannot make a user namespace".to_owned())? {
        Fork::Child => {
            drop((wire, uplink, paper.take()));
            let given = init::Given {
                streams,
                relayed,
                scratch: scratch.as_ref(),
                filter: filter.as_ref(),
            };
            init::run(plan, inner_wire, signals, given)
        }
        Fork::Parent(init) => {
            drop(inner_wire);
            relayed.leave_the_inner_ends();
            let mut sandbox = Sandbox {
                plan,
                status,
                init,
                wire,
                signals,
                uplink,
                helpers: Vec::new(),
                scratch,
                overlays: overlay::Outside::default(),
                terminal: None,
                relayed,
                paper,
                stop_was_asked_for: false,
                clock: Clock::new(plan),
                limits,
            };
            let outcome = sandbox.prepare_streams(streams).and_then(|()| sandbox.supervise());
            let ended = sandbox.end();
            let outcome = sandbox.limits.end(outcome);
            outcome.and_then(|outcome| ended.map(|()| outcome))
        }
    }
}

/// A sandbox as the caller holds it.
struct Sandbox<'a> {
    plan: &'a Plan,
    status: &'a Status,
    init: Child,
    wire: Wire,
    signals: SignalQueue,
    uplink: Uplink,
    helpers: Vec<Helper>,
    scratch: Option<Scratch>,
    overlays: overlay::Outside,
    terminal: Option<Outside>,
    relayed: Relayed,
    paper: &'a mut Option<Paper>,
    /// A SIGTSTP was passed on, and the payload has not gone on since.
    stop_was_asked_for: bool,
    clock: Clock,
    limits: Limits<'a>,
}

/// What one round of waiting found.
struct Woken {
    wire: bool,
    signals: bool,
    uplink: bool,
    /// The first helper that has ended.
    dead_helper: Option<usize>,
    terminal: Ready,
    relayed: Vec<bool>,
}

impl Sandbox<'_> {
    fn supervise(&mut self) -> Result<Outcome> {
        self.limits.begin(&self.init)?;
        self.write_maps_if_it_is_ours()?;
        // While init builds the view, nothing else is to be done here.
        self.scratch.iter().for_each(Scratch::clear_away);
        loop {
            let woken = self.wait(self.patience())?;
            if woken.wire {
                match self.wire.receive()? {
                    Some(received) => {
                        if let Some(end) = self.hear(received)? {
                            return Ok(self.clock.outcome(end));
                        }
                    }
                    None => return self.init_is_gone(),
                }
            }
            // What init has said comes first: its end takes some helpers with it.
            if let Some(dead) = woken.dead_helper.filter(|_| !woken.wire) {
                return Err(self.helpers[dead].why_it_ended(&self.wire));
            }
            if woken.uplink && self.uplink.has_become_ready()? {
                self.order(&Order::NetworkReady)?;
            }
            if woken.signals {
                self.forward_signals()?;
            }
            if let Some(terminal) = &mut self.terminal {
                terminal.carry(woken.terminal);
                terminal.check()?;
            }
            self.relayed.carry(&woken.relayed);
            if self.terminal.as_ref().is_some_and(Outside::has_come_forward) {
                self.go_on()?;
            }
            self.limits.tick(&self.init);
            match self.clock.tick() {
                Tick::NotYet => {}
                Tick::TimeIsOver => {
                    self.order(&Order::Signal(signal::SIGTERM))?;
                    // A stopped process takes notice of nothing but SIGKILL.
                    self.order(&Order::Signal(signal::SIGCONT))?;
                }
                // By the one way that needs no answer from inside.
                Tick::GraceIsOver => self.init.kill(),
            }
        }
    }

    /// How long to wait at most.
    fn patience(&self) -> Option<Duration> {
        let look_again =
            self.terminal.as_ref().filter(|it| it.is_waiting()).map(|_| FOREGROUND_CHECK);
        [self.clock.until_next(), self.limits.until_next(), look_again].into_iter().flatten().min()
    }

    fn wait(&self, timeout: Option<Duration>) -> Result<Woken> {
        let mut watches =
            vec![Watch::reading(self.wire.as_fd()), Watch::reading(self.signals.as_fd())];
        watches.extend(self.helpers.iter().map(|helper| Watch::reading(helper.pidfd())));
        watches.extend(self.uplink.awaited().map(Watch::reading));
        let terminal = watches.len();
        watches.extend(self.terminal.iter().flat_map(Outside::watches));
        let relayed = watches.len();
        watches.extend(self.relayed.watches());
        wait_for(&mut watches, timeout)?;
        let (rest, relayed) = watches[2..].split_at(relayed - 2);
        let (rest, terminal) = rest.split_at(terminal - 2);
        let (helpers, uplink) = rest.split_at(self.helpers.len());
        Ok(Woken {
            wire: watches[0].readable,
            signals: watches[1].readable,
            uplink: uplink.iter().any(|watch| watch.readable),
            dead_helper: helpers.iter().position(|watch| watch.readable),
            terminal: Ready::of(terminal),
            relayed: relayed.iter().map(Watch::is_ready).collect(),
        })
    }

    /// One report from inside; the end of the payload, if that is what it tells.
    fn hear(&mut self, received: Received<Report>) -> Result<Option<Change>> {
        match received.message {
            Report::Failed(error) => Err(helper::cause_of(error, &self.helpers)),
            Report::UserNamespace => {
                let scratch = self.scratch.as_ref();
                self.overlays.begin(&self.init, scratch, received.descriptor)?;
                Ok(None)
            }
            Report::OverlayWaits { upper } => {
                let device = received.descriptor;
                self.helpers.push(self.overlays.start_helper(self.plan, upper, device)?);
                Ok(None)
            }
            Report::Missing { error, path } => {
                Err(missing::with_its_place(error, &path, self.plan))
            }
            Report::Enforced(enforced) => {
                if let Some(paper) = self.paper {
                    paper.note(*enforced);
                }
                Ok(None)
            }
            Report::Started(filters) => {
                self.status.started();
                self.paper.as_mut().map_or(Ok(()), |paper| paper.write(self.plan, filters))?;
                Ok(None)
            }
            Report::Terminal => {
                if let Some(terminal) = &mut self.terminal {
                    terminal.connect(received.descriptor)?;
                }
                Ok(None)
            }
            Report::OfLimits(said) => match self.limits.hear(said, received.descriptor) {
                Some(order) => self.order(&order).map(|()| None),
                None => Ok(None),
            },
            Report::Stopped(signal) => self.stop_with_the_payload(signal).map(|()| None),
            Report::Mapped => {
                let started = self.uplink.start(self.plan, self.init.pid, &mut self.helpers);
                // Without init there are no namespaces to join.
                started.map_err(|e| helper::last_word_of_init(&self.wire, Duration::ZERO, e))?;
                Ok(None)
            }
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

    /// Gives an order. An init that is gone needs none: its end is on its way.
    fn order(&self, order: &Order) -> Result<()> {
        match self.wire.send(order) {
            Err(e) if matches!(e.errno(), Some(Errno::EPIPE | Errno::ECONNRESET)) => Ok(()),
            result => result,
        }
    }

    fn forward_signals(&mut self) -> Result<()> {
        while let Some(signal) = self.signals.next()? {
            match signal {
                signal::SIGCHLD => {
                    for helper in &self.helpers {
                        helper.go_on_if_stopped()?;
                    }
                }
                signal::SIGTTIN | signal::SIGTTOU => {}
                signal::SIGWINCH => {
                    if let Some(terminal) = &self.terminal {
                        terminal.copy_size();
                    }
                }
                signal::SIGCONT => self.go_on()?,
                signal => {
                    self.stop_was_asked_for |= signal == signal::SIGTSTP;
                    self.order(&Order::Signal(signal))?;
                }
            }
        }
        Ok(())
    }

    /// Keeps what the caller itself needs of its streams. A pipe that it held open would not end
    /// when the payload closes it.
    fn prepare_streams(&mut self, streams: Option<Streams>) -> Result<()> {
        self.terminal = streams.map(Outside::of).transpose()?;
        let null = file::open_path_for_reading(Path::new("/dev/null"))?;
        process::duplicate_to(null.as_fd(), 0)?;
        process::duplicate_to(null.as_fd(), 1)?;
        process::close_numbers(&self.plan.pass_descriptors);
        Ok(())
    }

    /// The payload has stopped. On a terminal, or when the stop came through here, bryo stops as
    /// well, so that the shell takes over; a program that stops itself is its own business.
    fn stop_with_the_payload(&mut self, by: i32) -> Result<()> {
        let asks_for_terminal = matches!(by, signal::SIGTTIN | signal::SIGTTOU);
        let asked_for = self.stop_was_asked_for;
        let Some(terminal) = &mut self.terminal else {
            return match asked_for {
                true => self.stop(signal::SIGTSTP, Stopping::ThisProcess).map(drop),
                false => Ok(()),
            };
        };
        if asks_for_terminal && terminal.is_wanted() {
            return self.go_on();
        }
        terminal.release();
        let by = if asks_for_terminal { by } else { signal::SIGTSTP };
        // The terminal has stopped the rest of the group if it was the one to send SIGTSTP.
        let whom = if asked_for { Stopping::ThisProcess } else { Stopping::ItsGroup };
        let was_stopped = self.stop(by, whom)?;
        match &mut self.terminal {
            Some(terminal) if asks_for_terminal && !was_stopped => terminal.hang_up(),
            _ => {}
        }
        Ok(())
    }

    /// Stops bryo, and goes on when it does; whether there was a stop.
    fn stop(&mut self, by: i32, whom: Stopping) -> Result<bool> {
        // The time goes on meanwhile, or a command could stop bryo to outlive it.
        let wake_up = self.clock.until_next().map(WakeUp::after).transpose()?;
        let was_stopped = signal::stop(by, whom)?;
        drop(wake_up);
        self.go_on()?;
        Ok(was_stopped)
    }

    fn go_on(&mut self) -> Result<()> {
        self.stop_was_asked_for = false;
        let place = match &mut self.terminal {
            Some(terminal) => terminal.take()?,
            None => Place::Background,
        };
        self.order(&Order::Continue(place))
    }

    /// The wire closed without a last report: init was killed from outside.
    fn init_is_gone(&self) -> Result<Outcome> {
        match process::wait_for_end(self.init.pid)? {
            Change::Killed(signal) if self.clock.timed_out => {
                Ok(self.clock.outcome(Change::Killed(signal)))
            }
            Change::Killed(signal) => {
                Err(Error::new(format!("its init was killed by signal {signal}"))
                    .within("the sandbox ended early"))
            }
            _ => Err(Error::new("its init ended without a word").within("the sandbox ended early")),
        }
    }

    /// Kills what is left, and waits until the kernel has taken the sandbox apart. An error if
    /// the last of the command's output could not be passed on.
    fn end(&mut self) -> Result<()> {
        if let Some(terminal) = &mut self.terminal {
            terminal.drain(&self.signals);
        }
        self.init.kill();
        self.limits.wait_for_end(self.init.pid);
        self.helpers.clear();
        let overlays = self.overlays.end(&self.init, self.scratch.as_ref());
        let terminal = self.terminal.as_mut().map_or(Ok(()), Outside::check);
        terminal.and(self.relayed.finish()).and(overlays)
    }
}
