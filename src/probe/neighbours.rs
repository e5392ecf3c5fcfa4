//! Probes of other processes: init, the host's, their sockets, and what outlives the sandbox.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::sys::{process, signal, surface};

use super::stage::{TOKEN, abstract_name};
use super::{Clues, Said};

/// How a daemon shows that it lives, and for how long at most.
const BEAT: Duration = Duration::from_millis(10);
const BEATS: u32 = 1000;

pub(super) fn environment(_: &Clues) -> Said {
    Said::of(std::env::var(TOKEN))
}

/// Outside, where pid 1 is nobody's, the victim stands for it.
pub(super) fn init(clues: &Clues) -> Said {
    let of = |pid: i32| {
        let content = fs::read(format!("/proc/{pid}/environ"))?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&content).replace('\0', " "))
    };
    Said::of(of(1).or_else(|error| of(clues.victim).map_err(|_| error)))
}

pub(super) fn trace(clues: &Clues) -> Said {
    let traced = surface::trace(1).or_else(|e| surface::trace(clues.victim).map_err(|_| e));
    Said::of(traced.map(|()| "traced"))
}

pub(super) fn kill(clues: &Clues) -> Said {
    Said::of(process::kill(clues.victim, signal::SIGKILL).map(|()| "killed"))
}

/// Starts a process that leaves its session and its parent, and looks like nothing of ours.
pub(super) fn daemon(clues: &Clues) -> Said {
    let beat = clues.path("work/beat");
    let mut command = Command::new("/proc/self/exe");
    command.arg("__probe").arg("--beat").arg(beat);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let started = command.spawn();
    sleep(3 * BEAT);
    Said::of(started.map(|_| "started"))
}

/// The daemon: writes a letter again and again, for no longer than it is looked for.
pub fn beat(path: &Path) {
    let _ = process::set_session();
    for signal in [signal::SIGHUP, signal::SIGINT, signal::SIGTERM] {
        let _ = signal::ignore(signal);
    }
    let Ok(mut file) = fs::File::create(path) else { return };
    for _ in 0..BEATS {
        // Nobody looks any more.
        if !path.exists() {
            return;
        }
        let _ = file.write_all(b".");
        sleep(BEAT);
    }
}

pub(super) fn socket(clues: &Clues) -> Said {
    let asked = UnixStream::connect(clues.path("hidden/socket"));
    Said::of(asked.and_then(|stream| ask(stream, "socket")))
}

pub(super) fn abstract_socket(clues: &Clues) -> Said {
    let asked = SocketAddr::from_abstract_name(abstract_name(&clues.stage))
        .and_then(|name| UnixStream::connect_addr(&name));
    Said::of(asked.and_then(|stream| ask(stream, "abstract-socket")))
}

pub(super) fn loopback(clues: &Clues) -> Said {
    let address = ([127, 0, 0, 1], clues.port).into();
    let asked = TcpStream::connect_timeout(&address, Duration::from_secs(1));
    Said::of(asked.and_then(|stream| ask(stream, "loopback")))
}

/// The service tells by what it hears that it was this probe.
fn ask(mut stream: impl Write, name: &str) -> std::io::Result<String> {
    stream.write_all(name.as_bytes()).map(|()| name.to_owned())
}

/// The file by which a daemon is seen to live.
pub(super) fn beats(stage: &Path) -> PathBuf {
    stage.join("work/beat")
}
