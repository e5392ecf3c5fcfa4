//! The network: what a sandbox reaches, what it never reaches, and what reaches it.
//!
//! There is no internet where this runs. A fake host stands in: a user and network namespace with
//! services of its own, in which bryo is called as on a real one. Each service sends a word of its
//! own, and a test judges the words that came, not that something connected.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::{Bryo, Home, Running, place, program};

const DRIVERS: [&str; 2] = ["slirp4netns", "pasta"];

/// Services of the fake host: each sends its word to whoever connects.
const HOST_SERVICES: &str = r#"
import socket, sys, threading, time

KNOWN = b'\x03www\x04bryo\x04test', b'\x05short\x04bryo\x04test'

def serve(address, port, word):
    s = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, port)); s.listen(64)
    def loop():
        while True:
            c, _ = s.accept(); c.sendall(word); c.close()
    threading.Thread(target=loop, daemon=True).start()

def serve_names(address):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((address, 53))
    def loop():
        while True:
            q, a = s.recvfrom(2048)
            i = 12
            while q[i]: i += q[i] + 1
            name = q[12:i].lower(); known = name in KNOWN and q[i+1:i+3] == b'\0\1'
            answer = b'\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4' + bytes([192, 0, 2, 7]) if known else b''
            s.sendto(q[:2] + b'\x81\x80\0\1\0' + bytes([known]) + b'\0\0\0\0' + q[12:i+5] + answer, a)
    threading.Thread(target=loop, daemon=True).start()

def serve_speed(address, port):
    s = socket.socket(); s.bind((address, port)); s.listen(8)
    def talk(c):
        if c.recv(1) == b'd':
            c.sendall(bytes(int(sys.argv[1]))); c.close(); return
        n = 0
        while n < int(sys.argv[1]): n += len(c.recv(1 << 20))
        c.sendall(b'.'); c.close()
    def loop():
        while True: talk(s.accept()[0])
    threading.Thread(target=loop, daemon=True).start()

serve('192.0.2.7', 8080, b'host\n')
serve('2001:db8::7', 8080, b'host6\n')
serve('127.0.0.1', 8081, b'LOOPBACK\n')
serve('::1', 8081, b'LOOPBACK6\n')
serve('169.254.169.254', 80, b'METADATA\n')
serve('100.100.100.200', 80, b'METADATA\n')
serve('168.63.129.16', 80, b'METADATA\n')
serve('fd00:ec2::254', 80, b'METADATA6\n')
serve_names('127.0.0.1')
serve_speed('192.0.2.7', 8082)
print('serving', flush=True)
time.sleep(60)
"#;

/// Says what each address sends.
const GET: &str = r"
import socket, sys
for word in sys.argv[1:]:
    address, port = word.rsplit('/', 1)
    try:
        s = socket.create_connection((address, int(port)), timeout=2)
        s.settimeout(2)
        print(word, s.recv(99).decode().strip() or 'nothing')
    except OSError:
        print(word, 'closed')
";

/// Becomes a host with an address, a default route and services; then runs the rest of its words.
const FAKE_HOST: &str = r#"
set -e
ip link set lo up
ip link add d0 type veth peer name d1
ip addr add 192.0.2.7/24 dev d0
ip -6 addr add 2001:db8::7/64 dev d0 nodad
ip link set d0 up; ip link set d1 up
ip route add default via 192.0.2.1
ip -6 route add default via 2001:db8::1
for closed in 169.254.169.254 100.100.100.200 168.63.129.16; do ip addr add $closed/32 dev lo; done
ip -6 addr add fd00:ec2::254/128 dev lo nodad
echo 0 0 >/proc/sys/net/ipv4/ping_group_range
echo nameserver 127.0.0.1 >resolv.conf
mount --bind resolv.conf /etc/resolv.conf
bytes=$1; shift
python3 host.py "$bytes" >serving & services=$!
until grep -qs serving serving; do sleep 0.02; done
set +e
"$@"
status=$?
kill $services
rm -f serving resolv.conf
exit $status
"#;

/// Why there can be no fake host here, if so.
fn no_fake_host() -> Option<String> {
    for needed in ["python3", "ip", "unshare", "slirp4netns", "pasta"] {
        if program(needed).is_none() {
            return Some(format!("`{needed}` is not installed"));
        }
    }
    if std::fs::File::options().read(true).write(true).open("/dev/net/tun").is_err() {
        return Some("/dev/net/tun is closed to users".to_owned());
    }
    let veth = ["-Urn", "ip", "link", "add", "d0", "type", "veth"];
    let made = Command::new("unshare").args(veth).stderr(Stdio::null()).status();
    (!made.is_ok_and(|status| status.success())).then(|| "no veth in a user namespace".to_owned())
}

/// A run on a fake host: of any command there.
fn on_fake_host(home: &Home, bytes: usize) -> Bryo {
    for (name, text) in [("host.py", HOST_SERVICES), ("get.py", GET), ("host.sh", FAKE_HOST)] {
        std::fs::write(home.work().join(name), text).unwrap();
    }
    let words = ["--user", "--map-root-user", "--net", "--mount", "bash", "host.sh"];
    Bryo::program(program("unshare").unwrap())
        .at(home)
        .args(words)
        .arg(bytes.to_string())
        .leftovers_unjudged()
        .limit(Duration::from_secs(60))
}

/// `bryo run …`, as a user of the fake host.
fn bryo_on_fake_host(home: &Home, bytes: usize) -> Bryo {
    let user = ["unshare", "--user", "--map-user=1000", "--map-group=1000"];
    on_fake_host(home, bytes).args(user).arg(place::binary()).arg("run")
}

/// Everything that is tried from inside, and from the fake host itself.
const EVERYTHING: [&str; 12] = [
    "192.0.2.7/8080",
    "2001:db8::7/8080",
    "127.0.0.1/8081",
    "::1/8081",
    "169.254.169.254/80",
    "100.100.100.200/80",
    "168.63.129.16/80",
    "fd00:ec2::254/80",
    // what the drivers would make of the host's loopback
    "10.0.2.2/8081",
    "10.0.2.3/8081",
    "fd00::2/8081",
    "fd00::3/8081",
];

#[test]
fn a_run_has_only_its_own_loopback() {
    Bryo::run()
        .shell("tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '; cat /proc/net/route | wc -l")
        .stdout("lo\n1\n")
        .check();
}

#[test]
fn the_probe_sees_what_is_open() {
    if let Some(reason) = no_fake_host() {
        skip!("{reason}");
    }
    let home = Home::new();
    on_fake_host(&home, 0)
        .args(["python3", "get.py"])
        .args(&EVERYTHING[..8])
        .stdout(
            "192.0.2.7/8080 host\n2001:db8::7/8080 host6\n127.0.0.1/8081 LOOPBACK\n\
             ::1/8081 LOOPBACK6\n169.254.169.254/80 METADATA\n100.100.100.200/80 METADATA\n\
             168.63.129.16/80 METADATA\nfd00:ec2::254/80 METADATA6\n",
        )
        .check();
}

#[test]
fn user_mode_leads_out_and_nowhere_else() {
    if let Some(reason) = no_fake_host() {
        skip!("{reason}");
    }
    for driver in DRIVERS {
        let home = Home::new();
        let closed: String = EVERYTHING[2..].iter().map(|it| format!("{it} closed\n")).collect();
        bryo_on_fake_host(&home, 0)
            .arg(format!("--net={driver}"))
            .command(["python3", "get.py"])
            .args(EVERYTHING)
            .stdout(format!("192.0.2.7/8080 host\n2001:db8::7/8080 host6\n{closed}"))
            .check();
    }
}

#[test]
fn a_resolver_on_the_hosts_loopback_answers_inside() {
    if let Some(reason) = no_fake_host() {
        skip!("{reason}");
    }
    for driver in DRIVERS {
        let home = Home::new();
        bryo_on_fake_host(&home, 0)
            .arg(format!("--net={driver}"))
            .args(["--add-host", "mine:192.0.2.9", "--dns-search", "bryo.test"])
            .shell(
                "cat /etc/resolv.conf
                 for name in www.bryo.test short mine nowhere.invalid; do
                     getent ahostsv4 $name | head -n 1 | tr -s ' ' | cut -d' ' -f1 | grep . || echo none
                 done",
            )
            .stdout(
                "nameserver 10.0.2.3\nsearch bryo.test\n192.0.2.7\n192.0.2.7\n192.0.2.9\nnone\n",
            )
            .check();
    }
}

#[test]
fn ping_works_where_the_host_lets_it() {
    if let Some(reason) = no_fake_host() {
        skip!("{reason}");
    }
    needs!("ping");
    let home = Home::new();
    bryo_on_fake_host(&home, 0)
        .arg("--net")
        .shell("ping -n -c 1 -W 5 192.0.2.7 | grep -o '1 received'")
        .stdout("1 received\n")
        .check();
}

#[test]
fn slow_rate_holds_both_ways() {
    if let Some(reason) = no_fake_host() {
        skip!("{reason}");
    }
    const BYTES: usize = 5_000_000;
    let measure = r"
import socket, sys, time
for way in b'd', b'u':
    s = socket.create_connection(('192.0.2.7', 8082)); start = time.time(); s.sendall(way)
    if way == b'd':
        while s.recv(1 << 20): pass
    else:
        s.sendall(bytes(int(sys.argv[1]))); assert s.recv(1) == b'.'
    print(int(sys.argv[1]) * 8 / (time.time() - start) / 1e6)
";
    for driver in DRIVERS {
        let home = Home::new();
        std::fs::write(home.work().join("measure.py"), measure).unwrap();
        let outcome = bryo_on_fake_host(&home, BYTES)
            .args([&format!("--net={driver}"), "--rate", "20mbit"])
            .command(["python3", "measure.py", &BYTES.to_string()])
            .stdout_any()
            .check();
        let speeds: Vec<f64> = outcome.text().lines().map(|line| line.parse().unwrap()).collect();
        assert_eq!(speeds.len(), 2);
        for (way, speed) in ["down", "up"].iter().zip(&speeds) {
            assert!((15.0..25.0).contains(speed), "{driver}: {way} {speed} Mbit/s");
        }
    }
}

#[test]
fn the_hosts_network_is_shared_with_a_warning() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        listener.accept().unwrap().0.write_all(b"of the host\n").unwrap();
    });
    Bryo::run()
        .arg("--net=host")
        .command(["bash", "-c", &format!("cat </dev/tcp/127.0.0.1/{port}")])
        .stdout("of the host\n")
        .stderr_contains("shares the host's network")
        .check();
    server.join().unwrap();
}

#[test]
fn the_value_of_net_goes_behind_the_equals_sign() {
    needs!("slirp4netns");
    Bryo::run()
        .args(["--net", "none", "true"])
        .stderr_contains("cannot find `none`")
        .stderr_contains("--net=none")
        .status(127)
        .check();
}

/// A port that nobody has just now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
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
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(text).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

#[test]
fn a_published_port_leads_in_by_both_loopbacks() {
    needs!("python3");
    let (home, port) = (Home::new(), free_port());
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
fn two_thousand_short_connections() {
    needs!("python3");
    let (home, port) = (Home::new(), free_port());
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
    let (home, port) = (Home::new(), free_port());
    let script = "echo ready; sleep 10";
    let flags = ["-p".to_owned(), format!("{port}:4000")];
    let run = Bryo::run().at(&home).args(flags).shell(script).start();
    run.wait_for("ready");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let error = stream.read(&mut [0; 9]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
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
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let run = serve_inside(&home, &["-p".to_owned(), format!("{port}:4000/udp")], service);
    let clients: Vec<UdpSocket> = (0..3).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    for (number, client) in clients.iter().enumerate() {
        client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
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
    if let Some(reason) = no_fake_host() {
        skip!("{reason}");
    }
    for (flags, name, told) in [
        (vec!["--net=slirp4netns".to_owned()], "slirp4netns", "slirp4netns ended before"),
        (vec!["-p".to_owned(), format!("{}:80", free_port())], "bryo-ports", "forwarder ended"),
    ] {
        let home = Home::new();
        let run = Bryo::run().at(&home).args(flags).shell("echo ready; sleep 15").start();
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
    if let Some(reason) = no_fake_host() {
        skip!("{reason}");
    }
    let (home, port) = (Home::new(), free_port());
    let flags = ["--net".to_owned(), "-p".to_owned(), format!("{port}:80")];
    let run = Bryo::run().at(&home).args(flags).shell("echo ready; sleep 15").start();
    run.wait_for("ready");
    let helpers: Vec<i32> =
        ["slirp4netns", "bryo-ports"].iter().flat_map(|name| children(run.pid(), name)).collect();
    assert_eq!(helpers.len(), 2);
    run.signal(Signal::KILL);
    run.finish();
    let deadline = Instant::now() + Duration::from_secs(3);
    for pid in helpers {
        let process = format!("/proc/{pid}/exe");
        while Path::new(&process).symlink_metadata().is_ok_and(|_| is_running(pid)) {
            assert!(Instant::now() < deadline, "{pid} lives on");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A zombie is not.
fn is_running(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().next());
    state.is_some_and(|state| state != "Z" && state != "X")
}
