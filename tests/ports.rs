//! Published ports, and the helpers of a network: what reaches a sandbox, and what is left of it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use rustix::process::Signal;

use crate::support::{Bryo, Deadline, Home, Running, patient, port, stat};

fn tun_is_open() -> bool {
    std::fs::File::options().read(true).write(true).open("/dev/net/tun").is_ok()
}

/// A run with a service inside; returns when it serves.
fn serve_inside(home: &Home, flags: &[String], service: &str) -> Running {
    std::fs::write(home.work().join("service.py"), service).unwrap();
    let run = Bryo::run().at(home).args(flags).command(["python3", "service.py"]).start();
    run.wait_for("serving");
    run
}

const TCP_SERVICE: &str = r"
import socket, threading
def answer(c):
    text = b''
    while True:
        part = c.recv(65536)
        if not part: break
        text += part
    c.sendall(b'got ' + text); c.close()
s = socket.create_server(('127.0.0.1', 4000), backlog=512)
print('serving', flush=True)
while True: threading.Thread(target=answer, args=(s.accept()[0],), daemon=True).start()
";

/// Sends a text, ends sending, and reads to the end.
fn ask(address: (&str, u16), text: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(patient(Duration::from_secs(10)))).unwrap();
    stream.write_all(text).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

#[test]
fn a_published_port_leads_in_by_both_loopbacks() {
    needs!("python3");
    let (home, port) = (Home::new(), port::free());
    let flags = ["-p".to_owned(), format!("{port}:4000")];
    let run = serve_inside(&home, &flags, TCP_SERVICE);
    for address in ["127.0.0.1", "::1"] {
        assert_eq!(ask((address, port), b"hello"), b"got hello", "{address}");
    }
    let large = vec![b'x'; 20 << 20];
    assert_eq!(ask(("127.0.0.1", port), &large).len(), large.len() + 4);
    run.signal(Signal::TERM);
    assert_eq!(run.finish().status, 128 + 15);
    let refused = TcpStream::connect(("127.0.0.1", port)).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused, "the forwarder lives on");
}

#[test]
fn slow_two_thousand_short_connections() {
    needs!("python3");
    let (home, port) = (Home::new(), port::free());
    let run = serve_inside(&home, &["-p".to_owned(), format!("{port}:4000")], TCP_SERVICE);
    for number in 0..2000 {
        let text = format!("{number}");
        assert_eq!(ask(("127.0.0.1", port), text.as_bytes()), format!("got {text}").as_bytes());
    }
    run.signal(Signal::TERM);
    run.finish();
}

#[test]
fn a_published_port_that_nobody_serves_is_reset() {
    let (home, port) = (Home::new(), port::free());
    let flags = ["-p".to_owned(), format!("{port}:4000")];
    let run = Bryo::run().at(&home).args(flags).shell("echo ready; sleep 60").start();
    run.wait_for("ready");
    // Of a connection that is reset before its maker runs again, connect(2) tells.
    let error = TcpStream::connect(("127.0.0.1", port)).and_then(|mut it| it.read(&mut [0; 9]));
    assert_eq!(error.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    run.signal(Signal::TERM);
    run.finish();
}

#[test]
fn datagrams_find_their_way_in_and_back() {
    needs!("python3");
    let service = r"
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
s.bind(('::1', 4000))
print('serving', flush=True)
while True:
    text, client = s.recvfrom(65536); s.sendto(b'got ' + text, client)
";
    let home = Home::new();
    let port = port::free();
    let run = serve_inside(&home, &["-p".to_owned(), format!("{port}:4000/udp")], service);
    let clients: Vec<UdpSocket> = (0..3).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    for (number, client) in clients.iter().enumerate() {
        client.set_read_timeout(Some(patient(Duration::from_secs(5)))).unwrap();
        client.send_to(format!("{number}").as_bytes(), ("127.0.0.1", port)).unwrap();
    }
    for (number, client) in clients.iter().enumerate() {
        let mut answer = [0; 64];
        let length = client.recv(&mut answer).unwrap();
        assert_eq!(&answer[..length], format!("got {number}").as_bytes());
    }
    run.signal(Signal::TERM);
    run.finish();
}

#[test]
fn a_port_that_cannot_be_had_is_told_with_its_reason() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let own = std::fs::read_to_string("/proc/self/comm").unwrap();
    Bryo::run()
        .args(["-p", &format!("{port}:80")])
        .command(["echo", "started"])
        .stderr_contains(format!("127.0.0.1:{port} is taken: held by `{}`", own.trim()))
        .status(125)
        .check();
    Bryo::run()
        .args(["-p", "192.0.2.99:8080:80"])
        .command(["echo", "started"])
        .stderr_contains("`192.0.2.99` is no address of this machine")
        .status(125)
        .check();
    Bryo::run()
        .args(["-p", "8080:80", "-p", "127.0.0.1:8080:81"])
        .command(["echo", "started"])
        .stderr_contains("port 8080 is published already, by `8080:80`")
        .status(125)
        .check();
}

#[test]
fn a_privileged_port_names_the_sysctl() {
    let sysctl = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
    let first = std::fs::read_to_string(sysctl).unwrap();
    if first.trim() == "0" || rustix::process::geteuid().is_root() {
        skip!("every port is open to this user");
    }
    Bryo::run()
        .args(["-p", "1:80"])
        .command(["echo", "started"])
        .stderr_contains(format!("`net.ipv4.ip_unprivileged_port_start` is {}", first.trim()))
        .status(125)
        .check();
}

/// The children of a process whose names begin so, with their numbers.
fn children(of: u32, name: &str) -> Vec<i32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let Some((front, back)) = stat.rsplit_once(')') else { continue };
        let parent = back.split_whitespace().nth(1) == Some(&of.to_string());
        if parent && front.split_once('(').is_some_and(|(_, comm)| comm.starts_with(name)) {
            found.push(entry.file_name().to_string_lossy().parse().unwrap());
        }
    }
    found
}

fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, Signal::KILL).unwrap();
}

#[test]
fn a_dead_helper_ends_the_run() {
    needs!("slirp4netns");
    if !tun_is_open() {
        skip!("/dev/net/tun is closed to users");
    }
    for (flags, name, told) in [
        (vec!["--net=slirp4netns".to_owned()], "slirp4netns", "slirp4netns ended before"),
        (vec!["-p".to_owned(), format!("{}:80", port::free())], "bryo-ports", "forwarder ended"),
    ] {
        let home = Home::new();
        let run = Bryo::run().at(&home).args(flags).shell("echo ready; sleep 60").start();
        run.wait_for("ready");
        let helpers = children(run.pid(), name);
        assert_eq!(helpers.len(), 1, "{name}");
        kill(helpers[0]);
        let outcome = run.finish();
        assert_eq!(outcome.status, 125);
        assert!(outcome.talk().contains(told), "{}", outcome.talk());
        assert!(outcome.talk().contains("killed by signal 9"), "{}", outcome.talk());
    }
}

#[test]
fn helpers_die_with_a_killed_caller() {
    needs!("slirp4netns");
    if !tun_is_open() {
        skip!("/dev/net/tun is closed to users");
    }
    let (home, port) = (Home::new(), port::free());
    let flags = ["--net".to_owned(), "-p".to_owned(), format!("{port}:80")];
    let run = Bryo::run().at(&home).args(flags).shell("echo ready; sleep 60").start();
    run.wait_for("ready");
    let helpers: Vec<i32> =
        ["slirp4netns", "bryo-ports"].iter().flat_map(|name| children(run.pid(), name)).collect();
    assert_eq!(helpers.len(), 2);
    run.signal(Signal::KILL);
    run.finish();
    let deadline = Deadline::after(Duration::from_secs(3));
    for pid in helpers {
        assert!(deadline.sees(|| !stat::is_alive(pid)), "{pid} lives on");
    }
}
