//! The layers behind the namespaces: Landlock, the keyring, nested user namespaces, capabilities,
//! the masks of /proc, what init shows, and what is reported of all of it.
//!
//! Judged by what is in a file or what a process holds, not by the error that a probe got; and
//! each probe succeeds where its door is open.

use std::fs;
use std::fs::{File, OpenOptions};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;

use serde_json::Value;

use crate::support::{Bryo, Home, place};

const CANARY: &str = "canary\n";

fn landlock() -> u32 {
    bryo::sys::landlock::abi().unwrap_or(0)
}

/// Leaves the test where the kernel has less of Landlock than it is about.
macro_rules! needs_landlock {
    ($abi:expr) => {
        if landlock() < $abi {
            skip!("Landlock has ABI {}, and {} is needed", landlock(), $abi);
        }
    };
}

/// A home with a file beside the working directory, which no sandbox sees.
fn home_with_canary() -> (Home, std::path::PathBuf) {
    let home = Home::new();
    let canary = home.scratch().join("canary");
    fs::write(&canary, CANARY).unwrap();
    (home, canary)
}

fn python(bryo: Bryo, script: &str) -> Bryo {
    bryo.command(["python3", "-c", script])
}

// ---------------------------------------------------------------- streams that are files

#[test]
fn a_file_as_standard_input_is_not_opened_again_for_writing() {
    let (home, canary) = home_with_canary();
    let write =
        "echo planted >/proc/self/fd/0; exec 9<>/dev/stdin; echo planted >&9; exec 9>&-; cat";
    for flags in [&[][..], &["--root"], &["--allow", "nested-userns"]] {
        Bryo::run()
            .at(&home)
            .args(flags)
            .stdin_file(File::open(&canary).unwrap())
            .command(["bash", "-c", write])
            .stdout_contains(CANARY)
            .stderr_any()
            .check();
        assert_eq!(fs::read_to_string(&canary).unwrap(), CANARY, "{flags:?}");
    }
}

#[test]
fn a_file_that_is_shown_writable_stays_so_as_a_stream() {
    needs_landlock!(2);
    let home = Home::new();
    let file = home.work().join("mine");
    fs::write(&file, CANARY).unwrap();
    Bryo::run()
        .at(&home)
        .stdin_file(File::open(&file).unwrap())
        .shell("echo changed >/proc/self/fd/0")
        .check();
    assert_eq!(fs::read_to_string(&file).unwrap(), "changed\n");
}

#[test]
fn a_file_that_is_appended_to_keeps_what_it_had() {
    let (home, canary) = home_with_canary();
    let script = "import os
def tried(act):
    try: act()
    except OSError: pass
tried(lambda: os.ftruncate(1, 0))
tried(lambda: os.pwrite(1, b'planted', 0))
tried(lambda: open('/proc/self/fd/1', 'w').write('reopened\\n'))
tried(lambda: os.truncate('/proc/self/fd/1', 0))
os.write(1, b'appended\\n')
os.write(2, b'too\\n')";
    for flags in [&[][..], &["--allow", "nested-userns"]] {
        fs::write(&canary, CANARY).unwrap();
        let file = OpenOptions::new().append(true).open(&canary).unwrap();
        let both = format!("exec \"$bryo\" run {} -- python3 -c \"$0\" 2>&1", flags.join(" "));
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &both, script]).env("bryo", place::binary()).current_dir(home.work());
        command.env_clear().envs(home.environment()).env("bryo", place::binary());
        let status = command.stdin(std::process::Stdio::null()).stdout(file).status().unwrap();
        assert!(status.success());
        let text = fs::read_to_string(&canary).unwrap();
        let rest = text.strip_prefix(CANARY).unwrap_or_else(|| panic!("{flags:?}: {text}"));
        // One pipe for both: in the order in which they were written.
        assert!(rest.ends_with("reopened\nappended\ntoo\n"), "{flags:?}: {text}");
    }
}

#[test]
fn a_stream_is_opened_again_for_what_it_is_for() {
    let (home, canary) = home_with_canary();
    for flags in [&[][..], &["--allow", "nested-userns"]] {
        let out = File::create(home.scratch().join("out")).unwrap();
        let mut command = std::process::Command::new(place::binary());
        command.args(["run", "--root"]).args(flags).args(["--", "sh", "-c"]);
        command.arg("cat /dev/stdin >/dev/stdout; echo end >>/dev/stderr; : </dev/null");
        command.env_clear().envs(home.environment()).current_dir(home.work());
        command.stdin(File::open(&canary).unwrap()).stdout(out);
        let output = command.stderr(std::process::Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.ends_with("end\n"), "{flags:?}: {said}");
        assert_eq!(fs::read_to_string(home.scratch().join("out")).unwrap(), CANARY);
    }
}

#[test]
fn relayed_streams_lose_nothing_and_hold_nobody_up() {
    let home = Home::new();
    let numbers: String = (0..200_000).map(|number| format!("{number}\n")).collect();
    let (source, copy) = (home.scratch().join("numbers"), home.scratch().join("copy"));
    fs::write(&source, &numbers).unwrap();
    let run = |script: &str| {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", script]).env_clear().envs(home.environment());
        command.env("bryo", place::binary()).current_dir(home.work());
        let output = command.env("home", home.root()).output().unwrap();
        assert!(output.status.success(), "{script}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let relayed = "\"$bryo\" run --allow nested-userns --";
    run(&format!("{relayed} cat <\"$home\"/numbers >\"$home\"/copy"));
    assert!(fs::read_to_string(&copy).unwrap() == numbers);
    // Whoever reads on begins where the command stopped.
    let rest = run(&format!(
        "{{ {relayed} sh -c 'read a; read b'; read c; echo $c; }} <\"$home\"/numbers"
    ));
    assert_eq!(rest, "2\n");
    // Closed streams end nothing and are waited for by nobody.
    run(&format!("{relayed} sh -c 'exec <&- >&-; sleep 0.1' <\"$home\"/numbers >\"$home\"/copy"));
    assert_eq!(fs::read_to_string(&copy).unwrap(), "");
}

#[test]
fn a_directory_is_no_stream() {
    let home = Home::new();
    Bryo::run()
        .at(&home)
        .stdin_file(File::open(home.root()).unwrap())
        .shell("echo started")
        .stderr_contains("cannot pass standard input to the sandbox: it is a directory of the host")
        .status(125)
        .check();
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
    let bryo = place::binary();
    open()
        .at(&home)
        .arg(format!("--ro={}:/srv/bryo", bryo.display()))
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

// ---------------------------------------------------------------- the report

/// What the same facts look like in /proc, seen by the payload.
const FACTS: &str = "cat /proc/self/status; \
    for n in user mnt pid uts ipc net cgroup time; do echo ns $n $(readlink /proc/self/ns/$n); done; \
    sed 's/^/uids /' /proc/self/uid_map; sed 's/^/gids /' /proc/self/gid_map; \
    echo nested $(cat /proc/sys/user/max_user_namespaces); \
    for f in keys kallsyms kcore timer_list; do test -c /proc/$f && echo masked $f; done; true";

struct Facts(String);

impl Facts {
    fn of(&self, key: &str) -> String {
        let line = self.0.lines().find_map(|line| line.strip_prefix(key));
        let line = line.unwrap_or_else(|| panic!("no `{key}` in {}", self.0));
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn all(&self, key: &str) -> Vec<String> {
        let lines = self.0.lines().filter_map(|line| line.strip_prefix(key));
        lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }
}

fn words(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect()
}

/// The names of the capabilities in one of the masks of /proc/PID/status.
fn names_of(mask: &str) -> Vec<String> {
    let mask = u64::from_str_radix(mask, 16).unwrap();
    let held = bryo::sys::capability::CAPABILITIES.iter().filter(|(_, bit)| mask >> bit & 1 == 1);
    held.map(|(name, _)| (*name).to_owned()).collect()
}

#[test]
fn the_report_says_what_proc_says_for_every_profile() {
    needs!("slirp4netns");
    let cases: [&[&str]; 7] = [
        &[],
        &["--profile", "strict"],
        &["--profile", "build"],
        &["--profile", "shell"],
        &["--root"],
        &["--cap-add", "net_raw", "--allow", "proc"],
        &["--allow", "nested-userns"],
    ];
    for flags in cases {
        let home = Home::new();
        let file = home.scratch().join("report.json");
        let outcome = Bryo::run()
            .at(&home)
            .args(flags)
            .arg(format!("--report={}", file.display()))
            .shell(FACTS)
            .stdout_any()
            .stderr_any()
            .check();
        let facts = Facts(outcome.text().to_owned());
        let report: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        compare(&report, &facts);
        let doors = words(&report["doors"]);
        assert_eq!(doors.contains(&"nested-userns".to_owned()), flags.contains(&"nested-userns"));
        let left: Vec<_> = fs::read_dir(home.root()).unwrap().flatten().collect();
        assert!(!left.iter().any(|it| it.file_name().to_string_lossy().starts_with('.')));
    }
}

fn compare(report: &Value, facts: &Facts) {
    let enforced = &report["enforced"];
    for (set, key) in [
        ("inheritable", "CapInh:"),
        ("permitted", "CapPrm:"),
        ("effective", "CapEff:"),
        ("bounding", "CapBnd:"),
        ("ambient", "CapAmb:"),
    ] {
        assert_eq!(words(&enforced["capabilities"][set]), names_of(&facts.of(key)), "{set}");
    }
    assert_eq!(enforced["no_new_privs"].as_bool().unwrap(), facts.of("NoNewPrivs:") == "1");
    let filter = &report["seccomp"]["kernel"];
    assert_eq!(filter["mode"].as_u64().unwrap().to_string(), facts.of("Seccomp:"));
    assert_eq!(filter["count"].as_u64().unwrap().to_string(), facts.of("Seccomp_filters:"));
    for (kind, number) in enforced["namespaces"].as_object().unwrap() {
        assert!(facts.of(&format!("ns {kind} ")).ends_with(&format!("[{number}]")), "{kind}");
    }
    assert_eq!(enforced["namespaces"].as_object().unwrap().len(), 8);
    assert_eq!(words(&enforced["ids"]["uid_map"]), facts.all("uids "));
    assert_eq!(words(&enforced["ids"]["gid_map"]), facts.all("gids "));
    let uids = enforced["ids"]["uid"].as_u64().unwrap();
    assert_eq!(facts.of("Uid:"), [uids.to_string().as_str(); 4].join(" "));
    let nested = enforced["max_user_namespaces"].as_u64().unwrap().to_string();
    assert_eq!(nested, facts.of("nested "));
    let masked = words(&enforced["proc"]["masked"]);
    for name in facts.all("masked ") {
        assert!(masked.contains(&name), "{name}");
    }
    assert_eq!(masked.contains(&"keys".to_owned()), facts.all("masked ").contains(&"keys".into()));
    assert_eq!(enforced["landlock"]["abi"].as_u64().unwrap_or(0), u64::from(landlock()));
    assert_eq!(enforced["descriptors"], serde_json::json!([0, 1, 2]));
}

#[test]
fn a_report_that_cannot_be_written_stops_the_run() {
    let home = Home::new();
    let directory = home.root().display().to_string();
    for (path, why) in [
        ("/proc/nothing/here", "no such file or directory"),
        ("/usr/report.json", "permission denied"),
        (directory.as_str(), "it is a directory"),
    ] {
        Bryo::run()
            .at(&home)
            .args(["--report", path])
            .shell("echo started")
            .stderr_contains(format!("cannot write the report `{path}`"))
            .stderr_contains(why)
            .status(125)
            .check();
    }
}

#[test]
fn a_report_is_written_where_it_was_asked_for_and_through_no_link() {
    let home = Home::new();
    let (report, canary) = (home.work().join("report.json"), home.scratch().join("canary"));
    fs::write(&canary, CANARY).unwrap();
    symlink(&canary, &report).unwrap();
    Bryo::run().at(&home).args(["--report", "report.json"]).shell("true").check();
    assert_eq!(fs::read_to_string(&canary).unwrap(), CANARY);
    assert!(fs::read_to_string(&report).unwrap().contains("\"enforced\""));
    // A run that does not start has nothing to report.
    let never = home.work().join("never.json");
    Bryo::run()
        .at(&home)
        .args(["--report", "never.json"])
        .command(["/nothing/here"])
        .stderr_any()
        .status(127)
        .check();
    assert!(!Path::new(&never).exists());
}
