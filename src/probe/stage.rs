//! A small host to be after, in a directory of its own that goes with it: files, a victim, services
//! that hear who asks them. Outside of the sandbox; nothing of the user's is touched.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::base::{Error, Result};
use crate::sys::{process, surface};

use super::{Said, neighbours};

/// What files to be kept as they are hold.
pub(super) const INTACT: &str = "INTACT\n";
/// The variable of the caller that holds the canary.
pub(super) const TOKEN: &str = "SELF_TEST_TOKEN";

pub struct Stage {
    root: PathBuf,
    canary: String,
    victim: RefCell<Child>,
    leaked: File,
    local: UnixListener,
    named: UnixListener,
    port: TcpListener,
    /// The names that services have heard so far.
    heard: RefCell<BTreeSet<String>>,
}

impl Stage {
    /// Sets it up below the directory for temporary files; `program` is bryo itself.
    pub fn set_up(number: usize, program: &Path) -> Result<Self> {
        let name = format!("bryo-self-test-{}-{number}", process::own_pid());
        let root = std::env::temp_dir().join(&name);
        let cannot = |e: &dyn std::fmt::Display| {
            Error::new(e.to_string()).within(format!("cannot set up `{}`", root.display()))
        };
        Self::make(&root, &format!("CANARY-{name}"), program).map_err(|e| {
            let _ = fs::remove_dir_all(&root);
            cannot(&e)
        })
    }

    fn make(root: &Path, canary: &str, program: &Path) -> std::io::Result<Self> {
        fs::DirBuilder::new().mode(0o700).create(root)?;
        let git = ["work/.git/hooks", "work/.git/objects", "work/.git/refs/heads"];
        for directory in git.into_iter().chain(["ro", "hidden"]) {
            fs::create_dir_all(root.join(directory))?;
        }
        fs::write(root.join("hidden/secret"), canary)?;
        fs::write(root.join("ro/file"), INTACT)?;
        fs::write(root.join("stdin"), INTACT)?;
        fs::write(root.join("work/.git/config"), "[core]\n\tbare = false\n")?;
        fs::write(root.join("work/.git/HEAD"), "ref: refs/heads/main\n")?;
        let local = UnixListener::bind(root.join("hidden/socket"))?;
        let named = UnixListener::bind_addr(&SocketAddr::from_abstract_name(abstract_name(root))?)?;
        let port = TcpListener::bind("127.0.0.1:0")?;
        local.set_nonblocking(true)?;
        named.set_nonblocking(true)?;
        port.set_nonblocking(true)?;
        let leaked = File::open(root.join("hidden"))?;
        process::keep_across_exec(leaked.as_raw_fd())
            .map_err(|e| std::io::Error::other(e.to_string()))?;
        let victim = start_victim(program, canary)?;
        Ok(Self {
            root: root.to_owned(),
            canary: canary.to_owned(),
            victim: RefCell::new(victim),
            leaked,
            local,
            named,
            port,
            heard: RefCell::default(),
        })
    }

    #[must_use]
    pub fn path(&self, below: &str) -> PathBuf {
        self.root.join(below)
    }

    pub(super) fn canary(&self) -> &str {
        &self.canary
    }

    /// What a run is to have in its environment, and must not show.
    #[must_use]
    pub fn token(&self) -> (&'static str, &str) {
        (TOKEN, &self.canary)
    }

    /// The words that [`super::Clues::read`] reads.
    #[must_use]
    pub fn clues(&self) -> [String; 4] {
        let port = self.port.local_addr().map_or(0, |address| address.port());
        [
            self.root.display().to_string(),
            port.to_string(),
            self.victim.borrow().id().to_string(),
            self.leaked.as_raw_fd().to_string(),
        ]
    }

    pub(super) fn victim_lives(&self) -> bool {
        matches!(self.victim.borrow_mut().try_wait(), Ok(None))
    }

    /// Whether the daemon still writes.
    pub(super) fn is_beating(&self) -> bool {
        let length = || fs::metadata(neighbours::beats(&self.root)).map_or(0, |it| it.len());
        // What is killed may still be about to die.
        sleep(Duration::from_millis(100));
        let before = length();
        sleep(Duration::from_millis(100));
        length() > before
    }

    /// Whether a service heard the name of the probe, which the probe says too.
    pub(super) fn was_asked(&self, said: &Said) -> bool {
        let mut heard = self.heard.borrow_mut();
        while let Ok((stream, _)) = self.local.accept() {
            heard.insert(read_name(stream));
        }
        while let Ok((stream, _)) = self.named.accept() {
            heard.insert(read_name(stream));
        }
        while let Ok((stream, _)) = self.port.accept() {
            heard.insert(read_name(stream));
        }
        heard.contains(said.text())
    }

    /// Whether it found the very keyring of this process.
    pub(super) fn is_own_keyring(&self, said: &Said) -> bool {
        surface::session_keyring().is_ok_and(|own| said == &Said::Reached(own.to_string()))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let victim = self.victim.get_mut();
        let _ = victim.kill();
        let _ = victim.wait();
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// A process of this user that waits to be attacked, with the canary in its environment.
fn start_victim(program: &Path, canary: &str) -> std::io::Result<Child> {
    let mut command = Command::new(program);
    command.args(["__probe", "--victim"]).env(TOKEN, canary);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

/// Of the abstract socket: nobody else has this directory.
pub(super) fn abstract_name(stage: &Path) -> Vec<u8> {
    stage.file_name().unwrap_or_default().as_encoded_bytes().to_vec()
}

fn read_name(mut stream: impl Read) -> String {
    let mut name = [0; 32];
    let length = stream.read(&mut name).unwrap_or(0);
    String::from_utf8_lossy(&name[..length]).into_owned()
}
