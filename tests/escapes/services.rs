//! Services of the host that tell the canary to whoever asks: by a socket with a path, an abstract
//! one, and ports of the host. They end with the stage.

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::support::port;

/// How long a client is listened to.
const PATIENCE: Duration = Duration::from_millis(200);

pub(crate) struct Services {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    sockets: Vec<(&'static str, PathBuf)>,
    abstract_name: String,
    port: u16,
    /// One that nobody on the host serves.
    free: u16,
    address: String,
}

impl Services {
    pub(crate) fn start(root: &Path, canary: &str) -> Self {
        let port = TcpListener::bind("0.0.0.0:0").unwrap();
        let number = port.local_addr().unwrap().port();
        let mut services = Self {
            over: Arc::default(),
            threads: Vec::new(),
            sockets: vec![
                ("home-socket", root.join("home/.agent.sock")),
                ("run-socket", root.join("run/agent.sock")),
                ("tmp-socket", std::env::temp_dir().join(format!("s{number}.sock"))),
            ],
            abstract_name: format!("/tmp/.X11-unix/X{}-{number}", std::process::id()),
            address: own_address(),
            port: number,
            free: port::free(),
        };
        for (_, path) in services.sockets.clone() {
            services.serve_stream(UnixListener::bind(path).unwrap(), canary);
        }
        let name = SocketAddr::from_abstract_name(services.abstract_name.as_bytes()).unwrap();
        services.serve_stream(UnixListener::bind_addr(&name).unwrap(), canary);
        services.serve_port(port, canary);
        services.serve_datagrams(canary);
        services
    }

    /// The words by which a probe finds them.
    pub(crate) fn words(&self) -> Vec<String> {
        let mut words = vec![
            format!("port={}", self.port),
            format!("address={}", self.address),
            format!("free={}", self.free),
            format!("abstract={}", self.abstract_name),
            format!("queue=/bryo-escape-{}", self.port),
        ];
        let sockets = self.sockets.iter();
        words.extend(sockets.map(|(name, path)| format!("{name}={}", path.display())));
        words
    }

    pub(crate) fn fill(&self, word: &str) -> String {
        word.replace("@FREE@", &self.free.to_string())
            .replace("@QUEUE@", &format!("/bryo-escape-{}", self.port))
    }

    pub(crate) fn agent(&self) -> &Path {
        &self.sockets[1].1
    }

    fn serve_stream(&mut self, listener: UnixListener, canary: &str) {
        listener.set_nonblocking(true).unwrap();
        let (over, canary) = (self.over.clone(), canary.to_owned());
        self.threads.push(thread::spawn(move || {
            until(&over, || {
                let (stream, _) = listener.accept().ok()?;
                stream.set_nonblocking(false).ok()?;
                answer(stream, &canary)
            });
        }));
    }

    fn serve_port(&mut self, listener: TcpListener, canary: &str) {
        listener.set_nonblocking(true).unwrap();
        let (over, canary) = (self.over.clone(), canary.to_owned());
        self.threads.push(thread::spawn(move || {
            until(&over, || {
                let (stream, _) = listener.accept().ok()?;
                stream.set_nonblocking(false).ok()?;
                stream.set_write_timeout(Some(PATIENCE)).ok()?;
                answer(stream, &canary)
            });
        }));
    }

    fn serve_datagrams(&mut self, canary: &str) {
        let socket = UdpSocket::bind(("0.0.0.0", self.port)).unwrap();
        socket.set_nonblocking(true).unwrap();
        let (over, canary) = (self.over.clone(), canary.to_owned());
        self.threads.push(thread::spawn(move || {
            until(&over, || {
                let (_, from) = socket.recv_from(&mut [0; 64]).ok()?;
                socket.send_to(canary.as_bytes(), from).ok().map(drop)
            });
        }));
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        for (_, path) in &self.sockets {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Asks again and again whether there is a client, until it is over.
fn until(over: &AtomicBool, mut serve: impl FnMut() -> Option<()>) {
    while !over.load(Ordering::Relaxed) {
        if serve().is_none() {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn answer(mut stream: impl Read + Write, canary: &str) -> Option<()> {
    stream.write_all(canary.as_bytes()).ok()
}

/// An address of this machine that is not its loopback; 127.0.0.1 where there is none.
fn own_address() -> String {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    // Nothing is sent: only the route is looked up.
    let route = socket.connect("192.0.2.1:9").and_then(|()| socket.local_addr());
    route.map_or_else(|_| "127.0.0.1".to_owned(), |it| it.ip().to_string())
}
