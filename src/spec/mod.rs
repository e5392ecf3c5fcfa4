//! What was asked. Flags, policy files and profiles each fill a [`Spec`]; every field is optional
//! and every value knows its origin. Nothing here looks at the machine or decides anything.

mod confinement;
mod environment;
mod identity;
mod layers;
mod limits;
mod network;
mod origin;
pub mod policy;
mod policy_paths;
mod policy_value;
pub mod profile;
pub mod project;
mod setting;
mod view;
pub mod word;
pub mod words;

pub use confinement::{Capability, CapabilityWish, Door, IntegrityMode, SeccompWish};
pub use environment::EnvironmentWish;
pub use identity::{IdsMode, UserWish};
pub use layers::Layers;
pub use limits::{Cpus, IoBound, IoMax, Pids, Requirement, Rlimit, Weight};
pub use network::{HostEntry, NetworkMode};
pub use origin::{Origin, PROJECT_POLICY, Sourced};
pub use policy::Policy;
pub use view::{Access, FileContent, HomeMode, OverlayDriver, RootfsMode, RootfsWish, ViewWish};

use std::net::IpAddr;

use crate::base::Text;
use crate::base::duration::{Shift, Span};
use crate::base::port::Publish;
use crate::base::rate::Rate;
use crate::base::size::Size;

/// Everything that can be asked of one run. `None` and empty mean: not asked.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Spec {
    pub command: Vec<Text>,

    pub ids: Option<Sourced<IdsMode>>,
    pub root: Option<Sourced<bool>>,
    pub user: Option<Sourced<UserWish>>,
    pub hostname: Option<Sourced<String>>,
    pub time: Option<Sourced<Shift>>,

    pub rootfs: Option<Sourced<RootfsWish>>,
    /// In the order given: later wins.
    pub view: Vec<Sourced<ViewWish>>,
    pub home: Option<Sourced<HomeMode>>,
    pub system: Option<Sourced<bool>>,
    pub workdir: Option<Sourced<Text>>,
    pub overlay_driver: Option<Sourced<OverlayDriver>>,
    pub overlay_dir: Option<Sourced<Text>>,
    /// Kept layers that the overlays are stacked on: the directory of the uppermost.
    pub overlay_below: Option<Sourced<Text>>,

    pub net: Option<Sourced<NetworkMode>>,
    pub publish: Vec<Sourced<Publish>>,
    pub dns: Vec<Sourced<IpAddr>>,
    pub dns_search: Vec<Sourced<String>>,
    pub add_host: Vec<Sourced<HostEntry>>,
    pub rate: Option<Sourced<Rate>>,

    pub seccomp: Option<Sourced<SeccompWish>>,
    pub allow: Vec<Sourced<Door>>,
    /// In the order given: later wins.
    pub capabilities: Vec<Sourced<CapabilityWish>>,
    pub integrity: Option<Sourced<IntegrityMode>>,
    pub report: Option<Sourced<Text>>,

    pub memory: Option<Sourced<Size>>,
    pub cpus: Option<Sourced<Cpus>>,
    pub cpu_weight: Option<Sourced<Weight>>,
    pub pids: Option<Sourced<Pids>>,
    pub io_weight: Option<Sourced<Weight>>,
    pub io_max: Vec<Sourced<IoMax>>,
    pub tmp_size: Option<Sourced<Size>>,
    /// In the order given: later wins.
    pub rlimit: Vec<Sourced<Rlimit>>,
    pub require: Vec<Sourced<Requirement>>,
    pub stats: Option<Sourced<bool>>,

    /// In the order given: later wins.
    pub env: Vec<Sourced<EnvironmentWish>>,
    pub clear_env: Option<Sourced<bool>>,
    pub pass_fd: Vec<Sourced<i32>>,
    pub status_fd: Option<Sourced<i32>>,
    pub timeout: Option<Sourced<Span>>,
    pub grace: Option<Sourced<Span>>,
    pub best_effort: Option<Sourced<bool>>,
}

impl Spec {
    /// This spec over a weaker one: a single value of this one wins; of the lists, the weaker
    /// one's come first, so that in them, too, the later and stronger wins.
    #[must_use]
    pub fn over(self, weaker: Self) -> Self {
        fn list<T>(strong: Vec<T>, mut weak: Vec<T>) -> Vec<T> {
            weak.extend(strong);
            weak
        }
        // Named one by one, so that a field added above does not compile until it is merged here.
        let Self {
            command,
            ids,
            root,
            user,
            hostname,
            time,
            rootfs,
            view,
            home,
            system,
            workdir,
            overlay_driver,
            overlay_dir,
            overlay_below,
            net,
            publish,
            dns,
            dns_search,
            add_host,
            rate,
            seccomp,
            allow,
            capabilities,
            integrity,
            report,
            memory,
            cpus,
            cpu_weight,
            pids,
            io_weight,
            io_max,
            tmp_size,
            rlimit,
            require,
            stats,
            env,
            clear_env,
            pass_fd,
            status_fd,
            timeout,
            grace,
            best_effort,
        } = self;
        // `--root` on the command line answers a policy's `user`, and the other way round.
        let (root, user) = match (root, user) {
            (None, None) => (weaker.root, weaker.user),
            both => both,
        };
        Self {
            command: if command.is_empty() { weaker.command } else { command },
            ids: ids.or(weaker.ids),
            root,
            user,
            hostname: hostname.or(weaker.hostname),
            time: time.or(weaker.time),
            rootfs: rootfs.or(weaker.rootfs),
            view: list(view, weaker.view),
            home: home.or(weaker.home),
            system: system.or(weaker.system),
            workdir: workdir.or(weaker.workdir),
            overlay_driver: overlay_driver.or(weaker.overlay_driver),
            overlay_dir: overlay_dir.or(weaker.overlay_dir),
            overlay_below: overlay_below.or(weaker.overlay_below),
            net: net.or(weaker.net),
            publish: list(publish, weaker.publish),
            // Resolvers are a list that is asked in order: the stronger one replaces it.
            dns: if dns.is_empty() { weaker.dns } else { dns },
            dns_search: if dns_search.is_empty() { weaker.dns_search } else { dns_search },
            add_host: list(add_host, weaker.add_host),
            rate: rate.or(weaker.rate),
            seccomp: seccomp.or(weaker.seccomp),
            allow: list(allow, weaker.allow),
            capabilities: list(capabilities, weaker.capabilities),
            integrity: integrity.or(weaker.integrity),
            report: report.or(weaker.report),
            memory: memory.or(weaker.memory),
            cpus: cpus.or(weaker.cpus),
            cpu_weight: cpu_weight.or(weaker.cpu_weight),
            pids: pids.or(weaker.pids),
            io_weight: io_weight.or(weaker.io_weight),
            io_max: list(io_max, weaker.io_max),
            tmp_size: tmp_size.or(weaker.tmp_size),
            rlimit: list(rlimit, weaker.rlimit),
            require: list(require, weaker.require),
            stats: stats.or(weaker.stats),
            env: list(env, weaker.env),
            clear_env: clear_env.or(weaker.clear_env),
            pass_fd: list(pass_fd, weaker.pass_fd),
            status_fd: status_fd.or(weaker.status_fd),
            timeout: timeout.or(weaker.timeout),
            grace: grace.or(weaker.grace),
            best_effort: best_effort.or(weaker.best_effort),
        }
    }
}
