//! Entering and leaving namespaces: `setns(2)`, `unshare(2)`, host name and clocks.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags};

use super::call::{Named, Result, checked};
use super::clone::CloneFlags;

/// Moves this process into a namespace held by a descriptor (of /proc/PID/ns/…, or a pidfd).
pub fn setns(namespace: BorrowedFd<'_>, kind: CloneFlags) -> Result<()> {
    // SAFETY: both arguments are plain numbers; the descriptor is open for the whole call.
    let answer = unsafe { libc::setns(namespace.as_raw_fd(), kind.bits() as i32) };
    checked(answer.into(), || format!("setns({:#x})", kind.bits())).map(drop)
}

pub fn unshare(kinds: CloneFlags) -> Result<()> {
    // SAFETY: unshare takes a number and touches no memory of ours.
    let answer = unsafe { libc::unshare(kinds.bits() as i32) };
    checked(answer.into(), || format!("unshare({:#x})", kinds.bits())).map(drop)
}

/// A descriptor of one namespace of a process: `name` is `net`, `user` and so on.
pub fn open_namespace(pid: i32, name: &str) -> Result<OwnedFd> {
    open_path(&format!("/proc/{pid}/ns/{name}"))
}

/// The same of this process.
pub fn open_own_namespace(name: &str) -> Result<OwnedFd> {
    open_path(&format!("/proc/self/ns/{name}"))
}

fn open_path(path: &str) -> Result<OwnedFd> {
    rustix::fs::openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .named(|| format!("open(\"{path}\")"))
}

pub fn sethostname(name: &str) -> Result<()> {
    nix::unistd::sethostname(name).named(|| format!("sethostname({name:?})"))
}

/// Brings up an interface of this network namespace (`SIOCSIFFLAGS`, netdevice(7)).
pub fn bring_interface_up(name: &str) -> Result<()> {
    let socket = rustix::net::socket_with(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::DGRAM,
        rustix::net::SocketFlags::CLOEXEC,
        None,
    )
    .named(|| "socket(AF_INET)".to_owned())?;
    // SAFETY: an all-zero ifreq is valid: an empty name and no flags.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (slot, byte) in request.ifr_name.iter_mut().take(libc::IFNAMSIZ - 1).zip(name.bytes()) {
        *slot = byte as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: SIOCSIFFLAGS reads one ifreq, which is alive and whole, from this address.
    let answer = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    checked(answer.into(), || format!("ioctl(SIOCSIFFLAGS, {name})")).map(drop)
}

/// Makes a time namespace for the children of this process, its clocks shifted by whole seconds
/// (time_namespaces(7)).
pub fn new_time_namespace(seconds: i64) -> Result<()> {
    unshare(CloneFlags::NEWTIME)?;
    let offsets = format!("monotonic {seconds} 0\nboottime {seconds} 0\n");
    super::file::write_path_once(
        std::path::Path::new("/proc/self/timens_offsets"),
        offsets.as_bytes(),
    )
}

/// What becomes of the loopback interface of a new network namespace, which begins down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loopback {
    Up,
    /// Then not even the namespace's own processes reach each other over IP.
    Down,
}

/// A network namespace in the making, by a thread of its own: the kernel takes 0.6 ms for one, in
/// which the view can be built.
#[derive(Debug)]
pub struct NewNetwork {
    thread: std::thread::JoinHandle<Result<OwnedFd>>,
}

impl NewNetwork {
    /// Starts to make one.
    pub fn begin(loopback: Loopback) -> Result<Self> {
        let thread = std::thread::Builder::new()
            .stack_size(128 << 10)
            .spawn(move || {
                unshare(CloneFlags::NEWNET)?;
                if loopback == Loopback::Up {
                    bring_interface_up("lo")?;
                }
                open_path("/proc/thread-self/ns/net")
            })
            .named(|| "clone(CLONE_THREAD)".to_owned())?;
        Ok(Self { thread })
    }

    /// Waits for it and moves this process in.
    pub fn enter(self) -> Result<()> {
        let Ok(namespace) = self.thread.join() else {
            return Err(super::CallError {
                call: "unshare(CLONE_NEWNET)".to_owned(),
                errno: super::Errno::EIO,
            });
        };
        setns(std::os::fd::AsFd::as_fd(&namespace?), CloneFlags::NEWNET)
    }
}
