//! Answers that may never come: of a program that asks a directory server, of a child that looks
//! at a dead network home. Each is waited for so long and no longer.

use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::sys::poll::{Watch, wait_for};
use crate::sys::{file, socket};

use super::Program;

const PATIENCE: Duration = Duration::from_secs(5);
const LIMIT: usize = 1 << 20;

/// What the program prints, if it succeeds in time.
pub(super) fn of_program(program: &Program, arguments: &[&str]) -> Option<Vec<u8>> {
    let (answer, voice) = socket::pipe().ok()?;
    // The command is dropped here and with it our copy of the voice: the answer can end.
    let mut child = Command::new(program.path.as_path())
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::from(voice))
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let said = until_end(&answer);
    if said.is_none() {
        // Already dead is what is wanted.
        let _ = child.kill();
    }
    let succeeded = child.wait().is_ok_and(|status| status.success());
    said.filter(|_| succeeded)
}

/// All that comes through a pipe until its other end is closed; `None` if that takes too long.
pub(super) fn until_end(pipe: &OwnedFd) -> Option<Vec<u8>> {
    let deadline = Instant::now() + PATIENCE;
    let mut said = Vec::new();
    let mut chunk = [0u8; 8192];
    loop {
        let left = deadline.checked_duration_since(Instant::now())?;
        let mut watches = [Watch::reading(pipe.as_fd())];
        wait_for(&mut watches, Some(left)).ok()?;
        if watches[0].readable {
            match file::read(pipe.as_fd(), &mut chunk).ok()? {
                0 => return Some(said),
                read => said.extend_from_slice(&chunk[..read]),
            }
        }
        if said.len() > LIMIT {
            return None;
        }
    }
}
