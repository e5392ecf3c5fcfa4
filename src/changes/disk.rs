//! Waiting for the disk, which may take long: whoever listens to the progress hears that it does.

use std::os::fd::BorrowedFd;
use std::sync::mpsc;
use std::time::Duration;

use crate::base::{Result, progress};
use crate::sys::file;

/// How often it is told that the work is not done yet.
const PACE: Duration = Duration::from_millis(100);

/// Brings the filesystem of that directory to the disk.
pub(super) fn sync_filesystem(directory: BorrowedFd<'_>) -> Result<()> {
    if !progress::is_heard() {
        return Ok(file::sync_filesystem(directory)?);
    }
    progress::stage("writing to the disk");
    // Gone before this returns: nothing here is forked while there are two threads.
    std::thread::scope(|scope| {
        let (ended, end) = mpsc::channel();
        scope.spawn(move || ended.send(file::sync_filesystem(directory)));
        loop {
            match end.recv_timeout(PACE) {
                Ok(result) => return Ok(result?),
                Err(mpsc::RecvTimeoutError::Timeout) => progress::tell(),
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return Ok(file::sync_filesystem(directory)?);
                }
            }
        }
    })
}
