//! The Plan: complete, plain data about what will be done, with no option left open; and
//! [`resolve`], the pure function that decides all of it.

mod capabilities;
mod confinement;
mod explain;
pub mod filter;
mod limits;
mod needs;
mod resolve;
mod view;

pub use capabilities::PACKAGE_MANAGER_CAPABILITIES;
pub use confinement::{Confinement, FileAccess, FileRule, Files, Landlock, Seccomp};
pub use explain::explain;
pub use limits::{CallerPlace, DiskBounds, Group, GroupMaker, Limits, Watched};
pub use needs::needs;
pub use resolve::resolve;
pub use view::{Layer, OverlayDriverPlan, OverlayPlan, Root, ScratchPlan, Step, Upper, View};

use std::net::IpAddr;

use serde::Serialize;

use crate::base::duration::{Shift, Span};
use crate::base::idrange::IdMap;
use crate::base::port::Publish;
use crate::base::rate::Rate;
use crate::base::{BoxPath, HostPath, Text};

/// One run, decided.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Plan {
    pub command: Vec<Text>,
    pub identity: Identity,
    pub hostname: String,
    /// A time namespace of its own, its clocks shifted by this.
    pub time: Option<Shift>,
    pub view: View,
    pub network: Network,
    pub environment: Vec<(Text, Text)>,
    /// Descriptors besides 0, 1 and 2 that the payload gets.
    pub pass_descriptors: Vec<i32>,
    pub life: Life,
    pub confinement: Confinement,
    pub limits: Limits,
    /// For each need with more than one way: which rung was taken, and why.
    pub rungs: Vec<Rung>,
    /// What the user is told before the start, once.
    pub warnings: Vec<String>,
}

/// Who the payload is, inside and outside.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Identity {
    pub uid: u32,
    pub gid: u32,
    pub name: String,
    pub home: BoxPath,
    pub uid_map: IdMap,
    pub gid_map: IdMap,
    pub map_writer: MapWriter,
    pub groups: Groups,
    /// Names of the capabilities that the payload keeps, inside its own user namespace only.
    pub capabilities: Vec<&'static str>,
}

/// Who writes the id maps.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MapWriter {
    /// The sandbox itself: one line, its own id, which the kernel allows everybody
    /// (user_namespaces(7)).
    Itself,
    Helpers {
        newuidmap: HostPath,
        newgidmap: HostPath,
    },
}

/// The payload's supplementary groups.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Groups {
    /// Those of the caller: it is the same user.
    Kept,
    /// None: it is another user.
    Cleared,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Network {
    pub link: Link,
    pub publish: Vec<Publish>,
    pub rate: Option<Rate>,
}

/// How the sandbox reaches the world.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    /// Its own loopback, nothing else.
    None,
    /// Not even that.
    Closed,
    /// The host's own network, shared.
    Host,
    /// A tap device whose other end is a program of the user.
    User { driver: NetworkDriver, program: HostPath },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkDriver {
    Slirp4netns,
    Pasta,
}

impl NetworkDriver {
    /// The name server that the driver offers inside, .3 of its network, for the addresses at
    /// which it asks the host's: libslirp and pasta keep the two families apart.
    #[must_use]
    pub fn name_server(self, of_host: &[IpAddr]) -> IpAddr {
        let only_six = !of_host.is_empty() && of_host.iter().all(IpAddr::is_ipv6);
        match self {
            Self::Slirp4netns | Self::Pasta if only_six => {
                IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, 3])
            }
            Self::Slirp4netns | Self::Pasta => IpAddr::from([10, 0, 2, 3]),
        }
    }
}

/// How long it lives and who hears of it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Life {
    pub timeout: Option<Span>,
    pub grace: Span,
    pub status_fd: Option<i32>,
}

/// Which way was taken where there are several.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Rung {
    pub need: &'static str,
    pub took: String,
    pub why: String,
}
