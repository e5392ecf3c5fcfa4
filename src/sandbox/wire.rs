//! The wire between the caller and the processes inside: whole messages, both ways.
//!
//! Only the caller speaks to the user; what goes wrong inside travels up here as it is.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::base::{Error, Result};
use crate::sys::socket;

use super::confine::Enforced;
use super::limits::inside::Said;
use super::paper::Filters;
use super::terminal::Place;

/// From inside to the caller.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    /// The launch failed; nothing more follows.
    Failed(Error),
    /// An overlay is mounted, and waits for its helper; its device comes with this.
    OverlayWaits { upper: usize },
    /// The outer end of the sandbox's terminal comes with this.
    Terminal,
    /// What holds of the payload, as it found it itself.
    Enforced(Box<Enforced>),
    /// The payload was executed, under these filters.
    Started(Option<Filters>),
    /// The payload does not run for want of this file; who sees the host may know where it is.
    Missing { error: Error, path: Vec<u8> },
    /// The payload was stopped by this signal.
    Stopped(i32),
    /// The id maps are in force: helpers outside may join the namespaces.
    Mapped,
    /// Something for the limits.
    OfLimits(Said),
    /// The payload has exited with this status.
    Exited(i32),
    /// The payload was killed by this signal.
    Killed(i32),
}

/// From the caller to init.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Order {
    /// The id maps are written.
    MapsWritten,
    /// The caller has opened what the overlays need of init's /proc directory.
    OverlaysAwaited,
    /// The network outside of init's reach works.
    NetworkReady,
    /// Init is in its cgroup.
    InGroup,
    /// Send the payload this signal.
    Signal(i32),
    /// Put the payload there on its terminal, if it has one, and continue it.
    Continue(Place),
}

/// One end of the wire.
#[derive(Debug)]
pub(super) struct Wire(OwnedFd);

/// What came over the wire.
#[derive(Debug)]
pub(super) struct Received<M> {
    pub(super) message: M,
    pub(super) descriptor: Option<OwnedFd>,
}

pub(super) fn pair() -> Result<(Wire, Wire)> {
    let (one, other) = socket::message_pair()?;
    Ok((Wire(one), Wire(other)))
}

impl Wire {
    pub(super) fn send<M: Serialize>(&self, message: &M) -> Result<()> {
        self.send_with(message, None)
    }

    pub(super) fn send_with<M: Serialize>(
        &self,
        message: &M,
        descriptor: Option<BorrowedFd<'_>>,
    ) -> Result<()> {
        let bytes = serde_json::to_vec(message).map_err(|e| Error::new(e.to_string()))?;
        Ok(socket::send_message(self.0.as_fd(), &bytes, descriptor)?)
    }

    /// The next message; `None` when the other end is gone.
    pub(super) fn receive<M: DeserializeOwned>(&self) -> Result<Option<Received<M>>> {
        let (bytes, descriptor) = socket::receive_message(self.0.as_fd())?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let message = serde_json::from_slice(&bytes)
            .map_err(|e| Error::new(e.to_string()).within("cannot read a message from inside"))?;
        Ok(Some(Received { message, descriptor }))
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
