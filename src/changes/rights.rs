//! The right of a user to his own files, whatever their mode says: a command may have written
//! directories that nobody may enter (0000) or write (0555), and what is in them is a change, too.
//!
//! In a user namespace that maps only the own id, CAP_DAC_OVERRIDE counts for files of that id
//! alone (capabilities(7), user_namespaces(7)): no mode has to be changed meanwhile, so none is
//! left changed by a run that was killed. It must never be taken before a sandbox is launched.

use std::path::Path;
use std::sync::Once;

use crate::base::Result;
use crate::store::outsider;
use crate::sys::clone::CloneFlags;
use crate::sys::{file, namespace, process};

/// Once in a process. Where the kernel allows no such namespace, modes count as ever.
pub(super) fn take_over_own_files() {
    static TAKEN: Once = Once::new();
    TAKEN.call_once(|| {
        // Root has the right, over everybody's files; with other threads there is no unshare(2).
        if process::effective_uid() != 0 && process::is_single_threaded() {
            let _ = outsider::stay_outside().and_then(|()| enter_namespace());
        }
    });
}

fn enter_namespace() -> Result<()> {
    let (uid, gid) = (process::effective_uid(), process::gid());
    namespace::unshare(CloneFlags::NEWUSER)?;
    let write = |name: &str, content: &str| {
        file::write_path_once(&Path::new("/proc/self").join(name), content.as_bytes())
    };
    write("uid_map", &format!("{uid} {uid} 1"))?;
    write("setgroups", "deny")?;
    Ok(write("gid_map", &format!("{gid} {gid} 1"))?)
}
