//! What each system call of the sandbox is answered.

use crate::base::syscall::Abi;
use crate::base::{Error, HostPath, Result};
use crate::host::Host;
use crate::plan::filter::{Circumstances, Filter, Keys, SetuidBits, default_filter, read_profile};
use crate::plan::{Identity, Layer, Seccomp, View};
use crate::spec::{Access, Door, Spec};

use super::{Remarks, refused};

pub(super) fn decide(
    seccomp: &Seccomp,
    doors: &[Door],
    spec: &Spec,
    host: &Host,
    identity: &Identity,
    view: &View,
    remarks: &mut Remarks,
) -> Result<Option<Filter>> {
    let native = match (seccomp, host.kernel.seccomp) {
        (Seccomp::None, _) => return Ok(None),
        (_, Ok(native)) => native,
        (_, Err(why)) if spec.best_effort.as_ref().is_some_and(|wish| wish.value) => {
            remarks.warnings.push(format!("every system call may be made: {why}"));
            return Ok(None);
        }
        (_, Err(why)) => {
            return Err(Error::new(why)
                .within("cannot filter the system calls")
                .hint("`--seccomp none` runs without a filter"));
        }
    };
    check_doors(native, spec)?;
    match seccomp {
        Seccomp::File { path } => {
            let circumstances = Circumstances {
                native,
                capabilities: &identity.capabilities,
                kernel: host.kernel.release,
            };
            of_file(path, host, &circumstances).map(Some)
        }
        Seccomp::Default | Seccomp::None => {
            let capabilities = &identity.capabilities;
            let setuid_bits = setuid_bits(view);
            Ok(Some(default_filter(native, &Keys { doors, capabilities, setuid_bits })))
        }
    }
}

fn check_doors(native: Abi, spec: &Spec) -> Result<()> {
    let compat = spec.allow.iter().find(|wish| wish.value == Door::Compat32);
    match compat {
        Some(wish) if native.compat().is_none() => Err(refused(
            wish,
            format!("bryo has no table of the 32-bit calls of {}", native.name()),
        )),
        _ => Ok(()),
    }
}

fn of_file(path: &HostPath, host: &Host, circumstances: &Circumstances<'_>) -> Result<Filter> {
    let within = format!("cannot use the seccomp profile `{path}`");
    let content = match host.contents.get(path) {
        Some(Ok(content)) => content,
        Some(Err(why)) => return Err(Error::new(why).within(within)),
        None => return Err(Error::new("it was not read").within(within)),
    };
    read_profile(content, circumstances).map_err(|e| e.within(within))
}

/// Files of the host that can be written through a bind, or a home that lasts, would keep a setuid
/// bit of the user's own uid when the sandbox is gone. A rootfs is the sandbox's own.
fn setuid_bits(view: &View) -> SetuidBits {
    let lasts = view.steps.iter().any(|step| match &step.layer {
        Layer::Bind { access, .. } => *access == Access::ReadWrite,
        Layer::Home { .. } => true,
        _ => false,
    });
    match lasts {
        true => SetuidBits::OnHostFiles,
        false => SetuidBits::InsideOnly,
    }
}
