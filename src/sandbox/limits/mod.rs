//! What a sandbox may use up, held and counted from outside: its cgroup, and the eye that the
//! caller keeps on it where there is none. The caller holds [`Limits`]; init calls [`inside`], the
//! payload [`rlimits`].

pub(super) mod inside;
pub(super) mod rlimits;

mod excess;
mod group;
mod remover;
mod scope;
mod systemd;
mod usage;
mod watchdog;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use crate::base::{Context, Result};
use crate::plan::{self, CallerPlace, GroupMaker, Plan};
use crate::sys::clone::Child;
use crate::sys::process::Change;
use crate::sys::signal;
use crate::sys::usage::ResourceUsage;

use super::Outcome;
use super::wire::Order;
use group::{Aside, Group};
use inside::Said;
use remover::Remover;
use scope::Scope;
use watchdog::Watchdog;

pub use excess::Excess;
pub(super) use excess::Resource;
pub use usage::Usage;

/// The limits of one sandbox, in the order in which they are taken apart: the remover ends when
/// there is nothing left for it, and before the caller leaves the cgroup that they share.
pub(super) struct Limits<'a> {
    plan: &'a plan::Limits,
    group: Option<Group>,
    scope: Option<Scope>,
    remover: Option<Remover>,
    aside: Option<Aside>,
    watchdog: Option<Watchdog>,
    began: Instant,
    /// What the kernel counted for init and all below it.
    counted: Option<ResourceUsage>,
    /// How many processes and threads were ever started inside.
    started: Option<u64>,
}

impl<'a> Limits<'a> {
    /// Before the clone: a cgroup of the user's own, bounded and empty.
    pub(super) fn prepare(plan: &'a Plan) -> Result<Self> {
        let plan = &plan.limits;
        let mut limits = Self {
            plan,
            remover: None,
            group: None,
            scope: None,
            aside: None,
            watchdog: Watchdog::new(plan),
            began: Instant::now(),
            counted: None,
            started: None,
        };
        if let Some(planned) = &plan.group
            && let GroupMaker::Bryo { parent, caller } = &planned.made
        {
            let cannot = || format!("cannot make a cgroup in `{parent}`");
            if *caller == CallerPlace::MovesAside {
                limits.aside = Some(Aside::step(parent, &planned.controllers).context(cannot)?);
            }
            group::hand_down(parent, &planned.controllers).context(cannot)?;
            let group = Group::make(parent).context(cannot)?;
            group.bound(plan, &planned.controllers)?;
            limits.group = Some(group);
        }
        Ok(limits)
    }

    /// Where init is to be born.
    pub(super) fn birthplace(&self) -> Option<BorrowedFd<'_>> {
        self.group.as_ref().map(Group::descriptor)
    }

    /// After the clone. Init is a child that was not waited for, so its number is its own.
    pub(super) fn begin(&mut self, init: &Child) -> Result<()> {
        if let Some(group) = &self.group {
            let remover = Remover::start(group, self.aside.as_ref(), init.pidfd.as_fd())?;
            self.remover = Some(remover);
        }
        if let Some(planned) = &self.plan.group
            && let GroupMaker::Systemd { socket, mount } = &planned.made
        {
            let scope = Scope::start(socket, mount, init.pid, self.plan)
                .context(|| "cannot have a systemd scope".to_owned())?;
            let group = scope.group_for(init.pid, &planned.controllers)?;
            // The weights are the scope's: among its children there is no other to compete with.
            let beside = plan::Limits { cpu_weight: None, io_weight: None, ..self.plan.clone() };
            group.bound(&beside, &planned.controllers)?;
            (self.scope, self.group) = (Some(scope), Some(group));
        }
        Ok(())
    }

    /// What init says of them, and the order that answers it.
    pub(super) fn hear(&mut self, said: Said, descriptor: Option<OwnedFd>) -> Option<Order> {
        match said {
            Said::Processes => {
                if let (Some(watchdog), Some(proc)) = (&mut self.watchdog, descriptor) {
                    watchdog.begin(proc);
                }
                None
            }
            Said::AwaitsGroup => Some(Order::InGroup),
            Said::HaveRun(number) => {
                self.started = Some(number);
                None
            }
        }
    }

    pub(super) fn until_next(&self) -> Option<Duration> {
        self.watchdog.as_ref().and_then(Watchdog::until_next)
    }

    /// Looks, if it is time, and kills a sandbox that uses too much.
    pub(super) fn tick(&mut self, init: &Child) {
        if self.watchdog.as_mut().is_some_and(Watchdog::finds_excess) {
            init.kill();
        }
    }

    /// Waits for init, and keeps what the kernel has counted. Where init was killed with its
    /// children, that is no more than its own part (zap_pid_ns_processes() reaps them uncounted),
    /// and it is not asked for.
    pub(super) fn wait_for_end(&mut self, init: i32) {
        self.counted = crate::sys::usage::wait_for_end(init).ok().map(|(_, counted)| counted);
    }

    /// The sandbox is dead: tells what it used and whether that was too much, and takes the cgroup
    /// away.
    pub(super) fn end(self, result: Result<Outcome>) -> Result<Outcome> {
        let excess = self.excess();
        let usage = self.plan.stats.then(|| self.usage());
        drop(self);
        let outcome = match (result, excess) {
            // Init was killed with the rest: no report came, and none was needed.
            (Err(_), Some(_)) => Outcome::new(Change::Killed(signal::SIGKILL)),
            (result, _) => result?,
        };
        let excess = excess.filter(|_| outcome.end == Change::Killed(signal::SIGKILL));
        Ok(Outcome { excess, usage, ..outcome })
    }

    fn excess(&self) -> Option<Excess> {
        let watched = self.watchdog.as_ref().and_then(Watchdog::excess);
        watched.or_else(|| self.group.as_ref()?.memory_excess(self.plan.memory?))
    }

    fn usage(&self) -> Usage {
        let looks = self.watchdog.as_ref().map(Watchdog::peaks);
        Usage::of(self.group.as_ref(), looks, self.counted, self.started, self.began.elapsed())
    }
}
