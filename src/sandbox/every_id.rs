//! Work on files of the subordinate ids. Who am I here: a child of bryo in a user namespace of its
//! own, root over every id that the user has, and nothing else of a sandbox. I see the host's tree
//! and hold what bryo holds; bryo waits for me, and I end when it does.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};

use crate::base::{Context, Error, Result, progress};
use crate::plan::{Identity, MapWriter};
use crate::sys::clone::{Child, CloneFlags, Fork, clone3};
use crate::sys::{file, process, socket};

use super::{identity, overlay};

/// How much an error may have to say.
const ANSWER_LIMIT: usize = 1 << 16;

/// Removes a directory in which there are files of every id that this identity maps.
pub(super) fn remove_tree(identity: &Identity, parent: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
    let (its_order, order) = socket::pipe()?;
    let (answer, its_answer) = socket::pipe()?;
    match clone3(CloneFlags::NEWUSER).context(|| "cannot make a user namespace".to_owned())? {
        Fork::Child => {
            drop((order, answer));
            // Only bryo itself speaks.
            progress::listen(None);
            // Without an order bryo is dead, or could not write the maps.
            let is_ordered = file::read(its_order.as_fd(), &mut [0]).is_ok_and(|length| length > 0);
            if is_ordered {
                let result = overlay::remove_tree(parent, name);
                let text = serde_json::to_vec(&result.err()).unwrap_or_default();
                let _ = file::write_all(its_answer.as_fd(), &text);
            }
            process::exit_now(0)
        }
        Fork::Parent(child) => {
            drop((its_order, its_answer));
            let mapped = map(&child, identity);
            if mapped.is_ok() {
                file::write_all(order.as_fd(), b"1")?;
            }
            drop(order);
            let text = file::read_all(answer.as_fd(), ANSWER_LIMIT);
            process::wait_for_end(child.pid)?;
            mapped?;
            match serde_json::from_slice::<Option<Error>>(&text?) {
                Ok(None) => Ok(()),
                Ok(Some(error)) => Err(error),
                Err(_) => Err(Error::new("the process that was to do it ended without a word")),
            }
        }
    }
}

fn map(child: &Child, identity: &Identity) -> Result<()> {
    match &identity.map_writer {
        MapWriter::Itself => Err(Error::new("there are no subordinate ids")),
        MapWriter::Helpers { newuidmap, newgidmap } => {
            identity::start_map_helpers(child.pid, newuidmap, newgidmap, identity)?.finish(identity)
        }
    }
}
