//! The layers behind the namespaces: Landlock, the keyring, nested user namespaces, capabilities,
//! the masks of /proc, and what init shows.
//!
//! Judged by what is in a file or what a process holds, not by the error that a probe got; and
//! each probe succeeds where its door is open.

use std::fs;
use std::fs::OpenOptions;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use crate::support::{Bryo, Home, place};

const CANARY: &str = "canary\n";

fn python(bryo: Bryo, script: &str) -> Bryo {
    bryo.command(["python3", "-c", script])
}

// ---------------------------------------------------------------- Landlock

#[test]
fn a_fifo_that_is_shown_read_only_takes_nothing() {
    needs_landlock!(2);
    let home = Home::new();
    let fifo = home.scratch().join("fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o666),
        0,
    )
    .unwrap();
    // Held open, so that nobody waits for the other end.
    let mut held = OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    let show = |word: &str| format!("--{word}={}:/srv/fifo", fifo.display());
    let write = "echo canary >/srv/fifo || echo refused";
    let run = |word: &str| Bryo::run().at(&home).arg(show(word)).shell(write).stderr_any();
    run("ro").stdout("refused\n").check();
    run("rw").stdout("").check();
    let mut read = [0; 7];
    std::io::Read::read_exact(&mut held, &mut read).unwrap();
    assert_eq!(&read, b"canary\n");
}

#[test]
fn everything_below_writable_places_can_be_done() {
    let script = "set -e
        mkdir -p a/b c; echo x >a/b/f; mv a/b/f c/f; ln c/f a/g; ln -s g a/l; mkfifo a/p
        : >c/f; truncate -s 5 c/f; rm -r a c; cp /bin/true ./true; ./true
        echo x >/tmp/t; mv /tmp/t /tmp/u; cp /tmp/u ~/u; rm ~/u; echo x >/dev/shm/s
        echo name >/proc/self/comm; echo 500 >/proc/self/oom_score_adj
        echo x >/dev/null; head -c 1 /dev/urandom >/dev/null; ls / /etc /dev /proc >/dev/null
        cat /etc/passwd /proc/self/status /proc/sys/kernel/ostype >/dev/null; echo fine";
    for flags in [&[][..], &["--root"], &["--profile", "strict"]] {
        Bryo::run().args(flags).shell(script).stdout("fine\n").stderr_any().check();
    }
}

#[test]
fn abstract_sockets_of_the_host_are_closed_even_with_its_network() {
    needs!("python3");
    needs_landlock!(6);
    let name = format!("bryo-confinement-{}", std::process::id());
    let listener =
        UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let connect = format!(
        "import socket\ns = socket.socket(socket.AF_UNIX)\ntry:\n s.connect('\\0{name}'); print('open')\nexcept PermissionError: print('closed')"
    );
    // Outside, and to one of its own, it works.
    Bryo::program("/usr/bin/python3").args(["-c", &connect]).stdout("open\n").check();
    drop(listener.accept().unwrap());
    python(Bryo::run().arg("--net=host"), &connect).stdout("closed\n").stderr_any().check();
    let own = "import socket
a = socket.socket(socket.AF_UNIX); a.bind('\\0own'); a.listen()
b = socket.socket(socket.AF_UNIX); b.connect('\\0own'); print('own')";
    python(Bryo::run(), own).stdout("own\n").check();
}

#[test]
fn a_closed_network_has_not_even_a_loopback() {
    needs!("python3");
    let talk = "import socket
def tried(name, act):
    try: act(); print(name, 'open')
    except OSError: print(name, 'closed')
def tcp():
    a = socket.socket(); a.bind(('127.0.0.1', 0)); a.listen()
    socket.create_connection(a.getsockname(), 2)
def udp():
    a = socket.socket(type=socket.SOCK_DGRAM); a.bind(('127.0.0.1', 0))
    b = socket.socket(type=socket.SOCK_DGRAM); b.sendto(b'x', a.getsockname()); a.settimeout(2); a.recv(1)
def pair():
    a, b = socket.socketpair(); a.send(b'x'); b.recv(1)
tried('tcp', tcp); tried('udp', udp); tried('pair', pair)";
    python(Bryo::run(), talk).stdout("tcp open\nudp open\npair open\n").check();
    for flags in [["--net=closed"], ["--profile=strict"]] {
        python(Bryo::run().args(flags), talk)
            .stdout("tcp closed\nudp closed\npair open\n")
            .stderr_any()
            .check();
    }
}

// ---------------------------------------------------------------- keys and user namespaces

#[test]
fn keys_of_the_callers_session_are_not_there() {
    needs!("python3");
    // Plants a key in a session keyring of its own, looks for it, and runs what follows.
    let plant = "import ctypes, os, platform, sys
key, find = {'x86_64': (248, 250), 'aarch64': (217, 219)}[platform.machine()]
c = ctypes.CDLL(None, use_errno=True)
if c.syscall(find, 1, None) < 0 or c.syscall(key, b'user', b'bryo-canary', b'secret', 6, -3) < 0:
    sys.exit('no keys')
os.execvp(sys.argv[1], sys.argv[1:])";
    let look = "import ctypes, platform
find = {'x86_64': 250, 'aarch64': 219}[platform.machine()]
c = ctypes.CDLL(None, use_errno=True)
key = c.syscall(find, 10, -3, b'user', b'bryo-canary', 0)
print('found' if key > 0 else 'nothing')";
    let run = |words: &[&str]| {
        Bryo::program("/usr/bin/python3")
            .args(["-c", plant])
            .args(words)
            .stderr_any()
            .stdout_any()
            .check()
            .text()
            .to_owned()
    };
    assert_eq!(run(&["python3", "-c", look]), "found\n");
    let binary = place::binary();
    let bryo = binary.to_str().unwrap();
    let doors = ["--seccomp=none", "--allow=keyring"];
    for door in doors {
        assert_eq!(run(&[bryo, "run", door, "--", "python3", "-c", look]), "nothing\n", "{door}");
    }
}

#[test]
fn user_namespaces_are_closed_twice_and_open_by_name() {
    needs!("unshare", "bwrap");
    // Without the filter, the second lock alone.
    let unshare = ["unshare", "-Ur", "--mount-proc", "-pf", "id", "-u"];
    Bryo::run()
        .args(["--seccomp", "none"])
        .command(unshare)
        .stderr_contains("unshare failed: No space left on device")
        .status(1)
        .check();
    for flags in [&[][..], &["--root"]] {
        let outcome = Bryo::run().args(flags).command(unshare).stderr_any().status(1).check();
        assert_eq!(outcome.text(), "");
    }
    let open = || Bryo::run().args(["--allow", "nested-userns"]).stderr_any();
    open().command(unshare).stdout("0\n").check();
    let bwrap = "bwrap --ro-bind / / --proc /proc --dev /dev --unshare-all -- echo nested";
    open().shell(bwrap).stdout("nested\n").check();
    let home = Home::new();
    let bryo = format!("--ro={}:/srv/bryo", place::binary().display());
    let closed = Bryo::run().at(&home).arg(&bryo).shell("/srv/bryo run -- true").status(125);
    closed.stderr_contains("start the outer one with `--allow nested-userns`").check();
    open()
        .at(&home)
        .arg(bryo)
        .shell("/srv/bryo run -- sh -c 'echo nested; cat /proc/sys/user/max_user_namespaces'")
        .stdout("nested\n0\n")
        .check();
}

#[test]
fn a_nested_sandbox_does_not_undo_the_view() {
    needs!("unshare", "python3");
    let home = Home::new();
    let shown = home.scratch().dir("shown");
    // mount_setattr(2) is 442 everywhere: recursively, read-only taken away.
    let script = "import ctypes, struct
c = ctypes.CDLL(None)
c.syscall(442, -100, b'/srv/shown', 0x8000, struct.pack('QQQQ', 0, 1, 0, 0), 32)
try: open('/srv/shown/planted', 'w')
except OSError: print('kept')
import os
os.system('umount /srv/hidden/secret /srv/hidden 2>/dev/null; cat /srv/hidden/secret 2>/dev/null')";
    let hidden = home.scratch().dir("hidden");
    fs::write(hidden.join("secret"), CANARY).unwrap();
    Bryo::run()
        .at(&home)
        .args(["--allow", "nested-userns"])
        .arg(format!("--ro={}:/srv/shown", shown.display()))
        .arg(format!("--ro={}:/srv/hidden", hidden.display()))
        .args(["--hide", "/srv/hidden"])
        .command(["unshare", "-Urm", "python3", "-c", script])
        .stdout("kept\n")
        .stderr_any()
        .check();
    assert!(!shown.join("planted").exists());
}

// ---------------------------------------------------------------- capabilities

#[test]
fn capabilities_are_kept_and_dropped_as_asked() {
    let sets = "sed -n 's/^Cap\\(.*\\):\\t0*/\\1=/p' /proc/self/status | tr '\\n' ' '";
    let raw = "Inh=2000 Prm=2000 Eff=2000 Bnd=2000 Amb=2000 ";
    Bryo::run().args(["--cap-add", "net_raw"]).shell(sets).stdout(raw).check();
    Bryo::run().args(["--user=33", "--cap-add=NET_RAW"]).shell(sets).stdout(raw).check();
    let none = "Inh= Prm= Eff= Bnd= Amb= ";
    Bryo::run().args(["--root", "--cap-drop", "all"]).shell(sets).stdout(none).check();
    let root = "Inh= Prm=a Eff=a Bnd=a Amb= ";
    Bryo::run()
        .args(["--root", "--cap-drop=all", "--cap-add=dac_override", "--cap-add=fowner"])
        .shell(sets)
        .stdout(root)
        .check();
    // All but the one that would undo the view.
    let outcome = Bryo::run().args(["--cap-add=all"]).shell(sets).stderr_any().stdout_any().check();
    let held = outcome.text().split_whitespace().find_map(|it| it.strip_prefix("Eff=")).unwrap();
    let held = u64::from_str_radix(held, 16).unwrap();
    assert_eq!(held & (1 << 21 | 1 << 12 | 1), 1 << 12 | 1, "{held:x}");
}

#[test]
fn the_capability_that_undoes_the_view_is_refused() {
    Bryo::run()
        .args(["--cap-add", "sys_admin"])
        .shell("echo started")
        .stderr_contains("cannot use `--cap-add`: with it the command could make writable")
        .stderr_contains("--allow nested-userns")
        .status(125)
        .check();
    Bryo::run()
        .args(["--cap-add", "sys_resource"])
        .shell("true")
        .stderr_contains("warning: `sys_resource` is kept")
        .check();
}

// ---------------------------------------------------------------- /proc

#[test]
fn parts_of_proc_are_masked_until_their_door_opens() {
    let look = "wc -c </proc/keys 2>/dev/null; wc -c </proc/kallsyms 2>/dev/null";
    Bryo::run().shell(look).stdout("0\n0\n").check();
    for door in ["proc", "nested-userns"] {
        let outcome =
            Bryo::run().args(["--allow", door]).shell(look).stdout_any().stderr_any().check();
        let sizes: Vec<u64> = outcome.text().lines().map(|line| line.parse().unwrap()).collect();
        assert!(sizes.iter().any(|size| *size > 0), "{door}: {sizes:?}");
    }
}

#[test]
fn nothing_of_the_kernel_is_set_through_proc() {
    let script = "for f in /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe \
        /proc/sys/vm/drop_caches /proc/sysrq-trigger /proc/sys/kernel/hostname \
        /proc/sys/user/max_user_namespaces /proc/sys/fs/binfmt_misc/register
        do (echo 1 >$f) 2>/dev/null && echo $f; done; cat /proc/sys/user/max_user_namespaces";
    let pattern = fs::read("/proc/sys/kernel/core_pattern").unwrap();
    for flags in [&[][..], &["--root"], &["--root", "--allow", "proc"]] {
        Bryo::run().args(flags).shell(script).stdout("0\n").stderr_any().check();
    }
    assert_eq!(fs::read("/proc/sys/kernel/core_pattern").unwrap(), pattern);
}

#[test]
fn init_shows_nothing_of_itself() {
    needs!("python3");
    let home = Home::new();
    // In a place that is writable inside, as while bryo itself is built.
    let own = home.work().join("bryo");
    fs::copy(place::binary(), &own).unwrap();
    let before = fs::read(&own).unwrap();
    let probe = "import os
for name in ['exe', 'cwd', 'root']:
    try: print(name, os.readlink('/proc/1/' + name))
    except OSError: pass
for name in ['environ', 'maps', 'mem', 'exe', 'auxv']:
    try:
        if open('/proc/1/' + name, 'rb').read(1): print(name)
    except OSError: pass
for name in ['exe', 'mem']:
    try: os.open('/proc/1/' + name, os.O_RDWR); print(name, 'writable')
    except OSError: pass
try: print(os.listdir('/proc/1/fd'))
except OSError: pass
try: os.open('/proc/1/root/etc/passwd', os.O_RDONLY); print('root')
except OSError: pass
print(open('/proc/1/comm').read().strip(), repr(open('/proc/1/cmdline').read().strip('\\0')))";
    let traced = ["--root", "--allow", "ptrace", "--cap-add", "sys_ptrace"];
    for flags in [&[][..], &["--root"], &traced[1..3], &traced] {
        Bryo::program(&own)
            .arg("run")
            .at(&home)
            .args(flags)
            .env("SECRET", "value")
            .command(["python3", "-c", probe])
            .stdout("bryo-init ''\n")
            .stderr_any()
            .check();
        assert!(fs::read(&own).unwrap() == before, "{flags:?}");
    }
}
