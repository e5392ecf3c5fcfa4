//! The network: what a sandbox reaches, and what it never reaches.
//!
//! There is no internet where this runs. A fake host stands in: a user and network namespace with
//! services of its own, in which bryo is called as on a real one. Each service sends a word of its
//! own, and a test judges the words that came, not that something connected.

use std::io::Write;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{Bryo, Home, landlock, place, program, slowness};

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
time.sleep(600)
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
fn a_closed_tun_is_told_with_its_remedy() {
    if let Some(reason) = no_fake_host() {
        skip!("{reason}");
    }
    let home = Home::new();
    let script = "touch tun; chmod 000 tun; mount --bind tun /dev/net/tun; \
                  exec unshare --user --map-user=1000 --map-group=1000 \"$0\" run --net -- echo started";
    Bryo::program(program("unshare").unwrap())
        .at(&home)
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
        .arg(place::binary())
        .stderr_contains("cannot make a network in user mode")
        .stderr_contains("chmod 666 /dev/net/tun")
        .status(125)
        .leftovers_unjudged()
        .check();
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
    // What an emulated machine carries at all is little more.
    let (megabit, bytes) = (20 / slowness(), 5_000_000 / slowness() as usize);
    let (least, most) = (f64::from(megabit) * 0.75, f64::from(megabit) * 1.25);
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
    let speeds = |driver: &str| -> [f64; 2] {
        let home = Home::new();
        std::fs::write(home.work().join("measure.py"), measure).unwrap();
        let outcome = bryo_on_fake_host(&home, bytes)
            .args([&format!("--net={driver}"), "--rate", &format!("{megabit}mbit")])
            .command(["python3", "measure.py", &bytes.to_string()])
            .stdout_any()
            .check();
        let speeds: Vec<f64> = outcome.text().lines().map(|line| line.parse().unwrap()).collect();
        speeds.try_into().unwrap()
    };
    for driver in DRIVERS {
        // No run may be faster. A slower one may be the machine's fault, but not every one.
        let (mut down, mut up): (f64, f64) = (0.0, 0.0);
        for _ in 0..5 {
            let [this_down, this_up] = speeds(driver);
            (down, up) = (down.max(this_down), up.max(this_up));
            if down.min(up) >= least {
                break;
            }
        }
        for (way, speed) in [("down", down), ("up", up)] {
            assert!((least..=most).contains(&speed), "{driver}: {way} {speed} Mbit/s");
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
    // An older Landlock leaves the host's abstract sockets open, which has to be granted.
    let granted: &[&str] = if landlock() < 6 { &["--best-effort"] } else { &[] };
    Bryo::run()
        .arg("--net=host")
        .args(granted)
        .command(["bash", "-c", &format!("cat </dev/tcp/127.0.0.1/{port}")])
        .stdout("of the host\n")
        .stderr_contains("shares the host's network")
        .check();
    server.join().unwrap();
}

#[test]
fn the_value_of_net_goes_behind_the_equals_sign() {
    for word in ["none", "host"] {
        Bryo::run()
            .args(["--net", word, "true"])
            .stderr_contains(format!("`{word}` behind `--net` would be the command"))
            .stderr_contains(format!("write `--net={word}`, or `--net -- {word}`"))
            .status(125)
            .check();
    }
    // Behind the command it is an argument like any other.
    Bryo::run().args(["echo", "--net", "host"]).stdout("--net host\n").check();
}
