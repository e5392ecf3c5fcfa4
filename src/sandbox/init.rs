//! Init. Who am I here: pid 1 of the new pid namespace, in new user, mount, uts, ipc, cgroup and
//! (unless shared) network namespaces, a copy of the caller. My uid outside is the user's; inside
//! I hold every capability of the new user namespace. I still see the host's tree until I pivot.
//! The caller waits for my reports; when it dies, I am killed.

use std::os::fd::AsFd;

use crate::base::{Context, Error, Result};
use crate::plan::{Link, MapWriter, Plan};
use crate::sys::clone::{Memory, spawn_until_exec};
use crate::sys::memory::SharedNumber;
use crate::sys::namespace::{self, Loopback, NewNetwork};
use crate::sys::poll::{Watch, wait_for};
use crate::sys::process::{self, Change, Whom};
use crate::sys::signal::{self, SignalQueue};
use crate::sys::{Errno, capability};

use super::command::Refusal;
use super::confine::Prepared;
use super::confine::seccomp::Program;
use super::namespaces::{self, NetworkNamespace};
use super::overlay::{Overlays, Scratch};
use super::relayed::Relayed;
use super::terminal::{Inside, Place, Streams};
use super::wire::{Order, Report, Wire};
use super::{confine, identity, limits, net, paper, payload, view};

/// What the caller has made ready before the clone.
pub(super) struct Given<'a> {
    pub(super) streams: Option<Streams>,
    pub(super) relayed: Relayed,
    pub(super) scratch: Option<&'a Scratch>,
    pub(super) filter: Option<&'a Program>,
}

pub(super) fn run(plan: &Plan, wire: Wire, signals: SignalQueue, given: Given<'_>) -> ! {
    let payload = match prepare(plan, &wire, given) {
        Ok(payload) => payload,
        Err(error) => {
            // A wire that cannot carry the error has lost its caller, and we die with it.
            let _ = wire.send(&Report::Failed(error));
            process::exit_now(125)
        }
    };
    let end = supervise(&payload, &wire, &signals);
    // As with every report: a wire that cannot carry it has lost its caller.
    let _ = limits::inside::tell_started(plan, payload.pid, &wire);
    let report = match end {
        Ok(End::Exited(status)) => Report::Exited(status),
        Ok(End::Killed(signal)) => Report::Killed(signal),
        Err(error) => Report::Failed(error),
    };
    let _ = wire.send(&report);
    if let Some(terminal) = &payload.terminal {
        terminal.wait_to_be_killed(&wire);
    }
    process::exit_now(0)
}

/// The payload as init holds it.
struct Payload {
    pid: i32,
    terminal: Option<Inside>,
}

/// How the payload ended.
enum End {
    Exited(i32),
    Killed(i32),
}

/// From the clone to the running payload.
fn prepare(plan: &Plan, wire: &Wire, given: Given<'_>) -> Result<Payload> {
    let Given { streams, relayed, scratch, filter } = given;
    capability::die_with_parent()?;
    relayed.take_their_place()?;
    let network = begin_network(plan)?;
    map_own_id(plan, wire)?;
    process::set_session()?;
    namespace::sethostname(&plan.hostname)?;
    let materials = view::gather(plan)?;
    await_id_maps(plan, wire)?;
    await_overlays(plan, wire)?;
    let devpts = view::build(plan, materials, &Overlays::open(plan, scratch, wire)?)?;
    let confinement = confine::prepare(plan, filter)?;
    enter_network(network)?;
    shift_clocks(plan)?;
    net::finish(&plan.network, wire)?;
    limits::inside::enter(plan, wire)?;
    hide_from_the_payload()?;
    let terminal = streams.map(|streams| Inside::open(streams, devpts, plan)).transpose()?;
    start_payload(plan, wire, terminal, &confinement)
}

/// The one map that I can write, before the rest, so that helpers can start beside it.
fn map_own_id(plan: &Plan, wire: &Wire) -> Result<()> {
    match plan.identity.map_writer {
        MapWriter::Helpers { .. } => Ok(()),
        MapWriter::Itself => {
            identity::write_own_maps(&plan.identity)?;
            net::let_helpers_in(plan, wire)
        }
    }
}

/// Waits until the caller's helpers have written the maps, if it is they who do.
fn await_id_maps(plan: &Plan, wire: &Wire) -> Result<()> {
    if plan.identity.map_writer == MapWriter::Itself {
        return Ok(());
    }
    match wire.receive()?.map(|received| received.message) {
        Some(Order::MapsWritten) => net::let_helpers_in(plan, wire),
        Some(other) => Err(Error::new(format!("{other:?} came before the id maps"))),
        None => process::exit_now(125),
    }
}

/// Waits until the caller has opened what it needs of my /proc directory, which I close later. Where
/// it writes the maps, it has by then.
fn await_overlays(plan: &Plan, wire: &Wire) -> Result<()> {
    if plan.view.overlay.is_none() || plan.identity.map_writer != MapWriter::Itself {
        return Ok(());
    }
    match wire.receive()?.map(|received| received.message) {
        Some(Order::OverlaysAwaited) => Ok(()),
        Some(other) => Err(Error::new(format!("{other:?} came before the overlays"))),
        None => process::exit_now(125),
    }
}

/// Whose network namespace it is. One that nobody outside waits for is made by a thread while the
/// view is built; one that a helper is to join was made by the clone already.
fn begin_network(plan: &Plan) -> Result<Option<NewNetwork>> {
    let cannot = || "cannot make a network namespace".to_owned();
    match namespaces::network_namespace(plan) {
        NetworkNamespace::Shared => Ok(None),
        NetworkNamespace::MadeByInit => {
            let loopback = match plan.network.link {
                Link::Closed => Loopback::Down,
                _ => Loopback::Up,
            };
            NewNetwork::begin(loopback).map(Some).context(cannot)
        }
        NetworkNamespace::MadeByClone => {
            namespace::bring_interface_up("lo").context(cannot)?;
            Ok(None)
        }
    }
}

fn enter_network(network: Option<NewNetwork>) -> Result<()> {
    match network {
        None => Ok(()),
        Some(network) => network.enter().context(|| "cannot make a network namespace".to_owned()),
    }
}

/// The payload is the first process in the new time namespace: offsets can be set only while it
/// is empty (time_namespaces(7)).
fn shift_clocks(plan: &Plan) -> Result<()> {
    let Some(shift) = plan.time else { return Ok(()) };
    namespace::new_time_namespace(shift.0)
        .map_err(|e| match e.errno {
            Errno::ERANGE => Error::new("they would stand before zero: uptime cannot be negative"),
            _ => e.into(),
        })
        .context(|| format!("cannot shift the clocks by {}s", shift.0))
}

/// What I was given, the payload has no business with.
fn hide_from_the_payload() -> Result<()> {
    process::wipe_arguments_and_environment(c"bryo-init");
    Ok(capability::set_undumpable()?)
}

fn start_payload(
    plan: &Plan,
    wire: &Wire,
    mut terminal: Option<Inside>,
    confinement: &Prepared<'_>,
) -> Result<Payload> {
    let cannot = || "cannot start the command".to_owned();
    let memory = if plan.time.is_some() { Memory::Copied } else { Memory::Borrowed };
    let refusal = SharedNumber::new().context(cannot)?;
    let mut body = || payload::run(plan, wire, terminal.as_ref(), confinement, &refusal);
    let pid = spawn_until_exec(memory, &mut body).context(cannot)?;
    if let Some(refusal) = Refusal::decoded(refusal.get()) {
        wire.send(&refusal.report(plan))?;
    }
    if plan.confinement.report.is_some() {
        wire.send(&Report::Started(paper::filters_of(pid)))?;
    } else if plan.life.status_fd.is_some() {
        wire.send(&Report::Started(None))?;
    }
    if let Some(terminal) = &mut terminal {
        terminal.send_outer_end(wire)?;
    }
    Ok(Payload { pid, terminal })
}

/// Reaps whatever ends and carries out orders, until the payload has ended.
fn supervise(payload: &Payload, wire: &Wire, signals: &SignalQueue) -> Result<End> {
    close_what_is_the_payloads(payload, wire, signals)?;
    process::give_back_unused_memory();
    loop {
        let mut watches = [Watch::reading(signals.as_fd()), Watch::reading(wire.as_fd())];
        wait_for(&mut watches, None)?;
        let [signals_came, orders_came] = watches.map(|watch| watch.readable);
        if signals_came {
            while signals.next()?.is_some() {}
            if let Some(end) = payload.reap(wire)? {
                return Ok(end);
            }
        }
        if orders_came {
            match wire.receive()?.map(|received| received.message) {
                Some(Order::Signal(signal)) => payload.signal(signal)?,
                Some(Order::Continue(place)) => payload.go_on(place)?,
                Some(
                    Order::MapsWritten
                    | Order::OverlaysAwaited
                    | Order::NetworkReady
                    | Order::InGroup,
                ) => {}
                None => process::exit_now(125),
            }
        }
    }
}

/// Init keeps no end of a pipe open that the payload closes, and nothing of the host's terminal.
fn close_what_is_the_payloads(payload: &Payload, wire: &Wire, signals: &SignalQueue) -> Result<()> {
    let mut kept = vec![wire.as_fd(), signals.as_fd()];
    kept.extend(payload.terminal.as_ref().map(Inside::descriptor));
    Ok(process::close_all_but(&kept)?)
}

impl Payload {
    /// Collects every child that has ended: the payload's end is the sandbox's.
    fn reap(&self, wire: &Wire) -> Result<Option<End>> {
        while let Some((pid, change)) = process::collect_change(Whom::Any)? {
            match change {
                _ if pid != self.pid => {}
                Change::Exited(status) => return Ok(Some(End::Exited(status))),
                Change::Killed(signal) => return Ok(Some(End::Killed(signal))),
                Change::Stopped(signal) => wire.send(&Report::Stopped(signal))?,
                Change::Continued => {}
            }
        }
        Ok(None)
    }

    /// What a terminal sends, it sends to the job in its foreground; the rest is for the command
    /// alone.
    fn signal(&self, signal: i32) -> Result<()> {
        let job = || self.terminal.as_ref().and_then(Inside::foreground_job).unwrap_or(self.pid);
        match signal {
            signal::SIGINT | signal::SIGQUIT | signal::SIGTSTP => send(-job(), signal),
            signal::SIGHUP if self.terminal.is_some() => {
                hang_up(job())?;
                if job() == self.pid { Ok(()) } else { hang_up(self.pid) }
            }
            _ => send(self.pid, signal),
        }
    }

    fn go_on(&self, place: Place) -> Result<()> {
        if let Some(terminal) = &self.terminal {
            terminal.put(self.pid, place);
        }
        send(-self.pid, signal::SIGCONT)
    }
}

/// As the kernel and a shell do when a terminal is gone: what is stopped could not hear of it.
fn hang_up(group: i32) -> Result<()> {
    send(-group, signal::SIGHUP)?;
    send(-group, signal::SIGCONT)
}

fn send(target: i32, signal: i32) -> Result<()> {
    match process::kill(target, signal) {
        // It ended just now; its end is on its way.
        Err(e) if e.errno == crate::sys::Errno::ESRCH => Ok(()),
        result => Ok(result?),
    }
}
