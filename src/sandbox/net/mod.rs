//! The network of a sandbox: its driver and its published ports outside, its routes and its rate
//! inside. The caller holds an [`Uplink`]; init calls the rest. Nothing here opens the host's
//! loopback to the sandbox, nor a port of the host beyond those that were asked for.

mod holder;
mod pasta;
mod ports;
mod ports_tcp;
mod ports_udp;
mod rate;
mod routes;
mod slirp4netns;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::base::idrange::IdMap;
use crate::base::rate::Rate;
use crate::base::{Error, Result};
use crate::host::remedy;
use crate::plan::{Identity, Link, Network, NetworkDriver, Plan};
use crate::sys::poll::{Watch, wait_for};
use crate::sys::{file, process, signal};

use super::helper::{Helper, Voice};
use super::wire::{Order, Report, Wire};
use ports::Listeners;

/// The interface inside whose other end is the driver, as slirp4netns(1) names it.
const TAP: &str = "tap0";
/// The largest that slirp4netns takes; small packets cost it most of its speed
/// (reference/measured.md).
const MTU: u32 = 65_520;
/// The size of packets for a network that is held to this rate: at a low one, packets of 64 KiB
/// would each hold up all others for long, and TCP would find too few of them in the queue.
fn mtu(rate: Option<Rate>) -> u32 {
    const ORDINARY: u32 = 1500;
    const LOW: u64 = 1_000_000_000;
    match rate {
        Some(rate) if rate.bits_per_second < LOW => ORDINARY,
        _ => MTU,
    }
}

/// A driver is ready within milliseconds; one that hangs is not waited for for ever.
const PATIENCE: Duration = Duration::from_secs(15);

/// Whether anything outside works for this network.
fn has_helpers(network: &Network) -> bool {
    matches!(network.link, Link::User { .. }) || !network.publish.is_empty()
}

/// A helper, and how it tells that it is ready.
struct Started {
    helper: Helper,
    ready: Ready,
}

enum Ready {
    /// It writes to this.
    Descriptor(OwnedFd),
    /// It says a number, beside whatever else it has to say.
    Number(Rc<Voice>),
}

impl AsFd for Ready {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Descriptor(descriptor) => descriptor.as_fd(),
            Self::Number(voice) => voice.as_fd(),
        }
    }
}

/// What a helper that has something to say has told.
enum Told {
    Nothing,
    Ready,
    /// It says no more.
    Gone,
}

impl Ready {
    fn hear(&self) -> Result<Told> {
        Ok(match self {
            Self::Descriptor(descriptor) => match file::read(descriptor.as_fd(), &mut [0; 64])? {
                0 => Told::Gone,
                _ => Told::Ready,
            },
            Self::Number(voice) => match (voice.hear()?, voice.has_told_its_number()) {
                (_, true) => Told::Ready,
                (true, false) => Told::Nothing,
                (false, false) => Told::Gone,
            },
        })
    }
}

/// The network as the caller holds it.
pub(super) struct Uplink {
    listeners: Option<Listeners>,
    /// Helpers that have not yet said that they are ready.
    awaited: Vec<Ready>,
    progress: Progress,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    NotStarted,
    Starting,
    /// A helper closed its descriptor without a word: it is about to be found dead.
    Failing,
    Ready,
}

impl Uplink {
    /// Before the clone: what cannot work ends the run early. Binds the published ports.
    pub(super) fn prepare(network: &Network) -> Result<Self> {
        let needs_tun = matches!(network.link, Link::User { .. });
        if let Some(remedy) = needs_tun.then(|| remedy::TUN.lacks()).flatten() {
            let error = Error::new(remedy.said).within("cannot make a network in user mode");
            return Err(error.hint(remedy.fix));
        }
        Ok(Self {
            listeners: Listeners::bind(&network.publish)?,
            awaited: Vec::new(),
            progress: Progress::NotStarted,
        })
    }

    /// Starts the helpers for a sandbox whose ids are mapped and whose init still lets itself be
    /// looked into, which ends when it hears that the network is ready.
    pub(super) fn start(
        &mut self,
        plan: &Plan,
        init: i32,
        helpers: &mut Vec<Helper>,
    ) -> Result<()> {
        self.progress = Progress::Starting;
        if let Link::User { driver, program } = &plan.network.link {
            let mtu = mtu(plan.network.rate);
            let started = match driver {
                NetworkDriver::Slirp4netns => {
                    slirp4netns::start(program, init, mtu, &plan.identity)?
                }
                NetworkDriver::Pasta => pasta::start(program, init, mtu)?,
            };
            self.wait_on(started, helpers);
        }
        if let Some(listeners) = self.listeners.take() {
            self.wait_on(listeners.start_forwarder(init)?, helpers);
        }
        Ok(())
    }

    fn wait_on(&mut self, started: Started, helpers: &mut Vec<Helper>) {
        helpers.push(started.helper);
        self.awaited.push(started.ready);
    }

    /// What becomes readable when a helper is ready, or never will be.
    pub(super) fn awaited(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.awaited.iter().map(AsFd::as_fd)
    }

    /// Hears the helpers that have something to say. True once: when the last one is ready.
    pub(super) fn has_become_ready(&mut self) -> Result<bool> {
        let mut still = Vec::new();
        for ready in std::mem::take(&mut self.awaited) {
            let mut watch = [Watch::reading(ready.as_fd())];
            wait_for(&mut watch, Some(Duration::ZERO))?;
            if !watch[0].readable {
                still.push(ready);
                continue;
            }
            match ready.hear()? {
                Told::Ready => {}
                Told::Nothing => still.push(ready),
                Told::Gone => self.progress = Progress::Failing,
            }
        }
        self.awaited = still;
        let now = self.progress == Progress::Starting && self.awaited.is_empty();
        if now {
            self.progress = Progress::Ready;
        }
        Ok(now)
    }
}

/// In init, its ids mapped: the helpers outside may join its namespaces.
pub(super) fn let_helpers_in(plan: &Plan, wire: &Wire) -> Result<()> {
    if matches!(plan.network.link, Link::User { .. }) {
        set_conveniences(&plan.identity, plan.network.rate);
    }
    if has_helpers(&plan.network) {
        wire.send(&Report::Mapped)?;
    }
    Ok(())
}

/// Settings of the network namespace that make things smoother; an outer container may have
/// closed them, and then they stay as they are.
fn set_conveniences(identity: &Identity, rate: Option<Rate>) {
    let set = |name: &str, value: &str| {
        let _ = file::write_path_once(&Path::new("/proc/sys/net").join(name), value.as_bytes());
    };
    if let Some((low, high)) = every_group(&identity.gid_map) {
        // icmp(7): who may send echo requests without CAP_NET_RAW.
        set("ipv4/ping_group_range", &format!("{low} {high}"));
    }
    // Nobody else is on the wire, so nobody can hold our address: no second of waiting for it.
    set("ipv6/conf/default/accept_dad", "0");
    if let Some(window) = rate.map(rate::window) {
        set("ipv4/tcp_rmem", &format!("4096 {} {window}", window.min(128 << 10)));
    }
}

/// The groups inside that lie lowest and highest outside: the kernel compares them as the host
/// counts them (net/ipv4/ping.c, `inet_get_ping_group_range_net`).
fn every_group(map: &IdMap) -> Option<(u32, u32)> {
    let low = map.0.iter().min_by_key(|line| line.outside)?.inside;
    let high = map.0.iter().max_by_key(|line| line.outside)?;
    Some((low, high.inside + (high.count - 1)))
}

/// In init, the view built: waits for the helpers and closes what no driver may lead to. From here
/// on nobody needs to look into init any more.
pub(super) fn finish(network: &Network, wire: &Wire) -> Result<()> {
    if !has_helpers(network) {
        return Ok(());
    }
    await_helpers(wire)?;
    if matches!(network.link, Link::User { .. }) {
        routes::close_link_local()?;
        network.rate.map_or(Ok(()), rate::bound)?;
    }
    Ok(())
}

fn await_helpers(wire: &Wire) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut watch = [Watch::reading(wire.as_fd())];
        let left = deadline.saturating_duration_since(Instant::now());
        wait_for(&mut watch, Some(left))?;
        if !watch[0].readable {
            // A signal may end a wait early.
            if !left.is_zero() {
                continue;
            }
            let waited = PATIENCE.as_secs();
            return Err(Error::new(format!("the network was not ready after {waited} seconds")));
        }
        match wire.receive()?.map(|received| received.message) {
            Some(Order::NetworkReady) => return Ok(()),
            Some(Order::Signal(signal::SIGCONT | signal::SIGTSTP)) => {}
            // There is no command yet to send it to: the sandbox itself ends of it.
            Some(Order::Signal(signal)) => {
                let _ = wire.send(&Report::Killed(signal));
                process::exit_now(0)
            }
            Some(other) => return Err(Error::new(format!("{other:?} came before the network"))),
            None => process::exit_now(125),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_ordered_as_the_host_counts_them() {
        let map = IdMap::from_kernel("0 100000 1000\n1000 1000 1\n1001 101000 64535\n");
        let range = map.as_ref().and_then(every_group);
        assert_eq!(range, Some((1000, 65_535)));
    }
}
