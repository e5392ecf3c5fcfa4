//! In the payload: the limits of each process, which no later process of the sandbox can raise.

use crate::base::{Context, Result};
use crate::plan::Plan;
use crate::sys::rlimit::{self, Bounds};

pub(in crate::sandbox) fn set(plan: &Plan) -> Result<()> {
    for limit in &plan.limits.rlimits {
        rlimit::set(limit.resource, Bounds { soft: limit.soft, hard: limit.hard })
            .context(|| format!("cannot set the limit `{}`", limit.resource))?;
    }
    Ok(())
}
