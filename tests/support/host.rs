//! Machines made of facts: what `resolve` is asked about, without a machine.

use bryo::base::idrange::IdRange;
use bryo::base::syscall::Abi;
use bryo::base::{HostPath, Text};
use bryo::host::{
    Account, Bounds, Cgroup, Cgroups, Contents, DataDirectory, GitFacts, Host, Inhabitants, Kernel,
    MountPoint, OverlayAbility, PathFact, PathFacts, Program, Programs, ResolverConfig, SubIds,
    UserManager,
};

/// Ada's machine: a Debian with everything, and she in her project below her home.
pub(crate) fn everything() -> Host {
    Host {
        account: Account {
            uid: 1000,
            gid: 1000,
            groups: vec![1000, 27],
            name: "ada".to_owned(),
            group_name: "ada".to_owned(),
            home: HostPath::absolute("/home/ada"),
            account_home: Some(HostPath::absolute("/home/ada")),
            shell: Text::from("/bin/bash"),
        },
        cwd: Some(HostPath::absolute("/home/ada/project")),
        environment: environment(),
        kernel: Kernel {
            memory: 8 << 30,
            no_new_privs: false,
            tmpfs_has_user_xattrs: true,
            effective_uid: 1000,
            maps_every_id: true,
            landlock: 7,
            seccomp: Ok(Abi::X86_64),
            release: (6, 1),
        },
        paths: paths(),
        git: git(),
        programs: Programs {
            newuidmap: program("newuidmap"),
            newgidmap: program("newgidmap"),
            getsubids: program("getsubids"),
            fuse_overlayfs: program("fuse-overlayfs"),
            slirp4netns: program("slirp4netns"),
            pasta: program("pasta"),
        },
        subids: Ok(SubIds {
            uids: vec![IdRange { first: 100_000, count: 65_536 }],
            gids: vec![IdRange { first: 200_000, count: 65_536 }],
        }),
        overlay: OverlayAbility { kernel: None, fuse_device: None },
        data: DataDirectory {
            path: HostPath::absolute("/home/ada/.local/share/bryo"),
            no_layers: None,
        },
        kept: None,
        below: Vec::new(),
        mounts: vec![mount("/"), mount("/srv/data/disk")],
        resolver: ResolverConfig::parse("nameserver 127.0.0.53\nsearch example.test\n"),
        contents: contents(),
        cgroups: Cgroups { own: Ok(Vec::new()), manager: Some(manager()) },
        disks: [
            (Text::from("/srv/data"), Ok("8:0".to_owned())),
            (Text::from("/tmp"), Err("its filesystem is on no single disk".to_owned())),
        ]
        .into(),
        rlimits: vec![
            ("core", Bounds { soft: Some(0), hard: None }),
            ("data", Bounds { soft: None, hard: None }),
            ("nofile", Bounds { soft: Some(1024), hard: Some(1_048_576) }),
            ("nproc", Bounds { soft: Some(31_000), hard: Some(31_000) }),
            ("rtprio", Bounds { soft: Some(0), hard: Some(0) }),
        ],
        no_fresh_proc: None,
        rootfs_passwd: Some(b"root:x:0:0:root:/root:/bin/sh\n".to_vec()),
        rootfs_group: Some(b"root:x:0:\n".to_vec()),
    }
}

/// The same machine, something of it changed.
pub(crate) fn everything_but(change: impl FnOnce(&mut Host)) -> Host {
    let mut host = everything();
    change(&mut host);
    host
}

/// Where throw-away layers of overlays are on disk, and the home takes none.
pub(crate) fn home_on_a_server(host: &mut Host) {
    host.kernel.tmpfs_has_user_xattrs = false;
    host.data.no_layers = Some("`/home/ada` is on NFS".to_owned());
}

fn program(name: &str) -> Option<Program> {
    Some(Program { path: HostPath::absolute(format!("/usr/bin/{name}")) })
}

/// A user's systemd with all that an administrator can hand on.
fn manager() -> UserManager {
    UserManager {
        socket: HostPath::absolute("/run/user/1000/systemd/private"),
        mount: HostPath::absolute("/sys/fs/cgroup"),
        controllers: ["cpu", "io", "memory", "pids"].map(str::to_owned).to_vec(),
    }
}

/// A cgroup of Ada's own with these controllers.
pub(crate) fn own_cgroup(inhabitants: Inhabitants, controllers: &[&str]) -> Cgroup {
    Cgroup {
        directory: HostPath::absolute("/sys/fs/cgroup/ada"),
        controllers: controllers.iter().map(|name| (*name).to_owned()).collect(),
        enabled: Vec::new(),
        inhabitants,
    }
}

fn mount(path: &str) -> MountPoint {
    MountPoint { path: HostPath::absolute(path), filesystem: "ext4".to_owned() }
}

fn environment() -> Vec<(Text, Text)> {
    [
        ("HOME", "/home/ada"),
        ("LC_ALL", "C.UTF-8"),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("SECRET_TOKEN", "hunter2"),
        ("SHELL", "/bin/bash"),
        ("SSH_AUTH_SOCK", "/run/user/1000/agent"),
        ("TERM", "xterm-256color"),
    ]
    .map(|(name, value)| (Text::from(name), Text::from(value)))
    .to_vec()
}

fn contents() -> Contents {
    let mut contents = Contents::new();
    let mut put = |path, content| contents.insert(HostPath::absolute(path), content);
    put("/home/ada/project/variables", Ok(b"# for the build\nCC=clang\nTERM\n".to_vec()));
    put("/srv/motd", Ok(b"hello\n".to_vec()));
    let profile = r#"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86"],
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}"#;
    put("/srv/profile.json", Ok(profile.into()));
    put("/srv/misspelt.json", Ok(profile.replace("mkdirat", "mkdri").into()));
    put("/srv/secret", Err("permission denied".to_owned()));
    contents
}

/// Her project is a repository.
fn git() -> GitFacts {
    git_facts(&[".git"], &[".git/config", ".git/hooks"])
}

pub(crate) fn git_facts(found_by: &[&str], obeyed: &[&str]) -> GitFacts {
    let paths = |names: &[&str]| {
        names.iter().map(|name| HostPath::absolute("/home/ada/project").join(name)).collect()
    };
    GitFacts { found_by: paths(found_by), obeyed: paths(obeyed), ..GitFacts::default() }
}

fn paths() -> PathFacts {
    let mut paths = PathFacts::default();
    let directories = [
        "/usr",
        "/opt",
        "/etc/ssl",
        "/home/ada/.cargo/bin",
        "/home/ada/.cargo/registry",
        "/home/ada/kept",
        "/home/ada/project",
        "/srv/data",
        "/srv/rootfs",
        "/srv/sandbox-home",
    ];
    for path in directories {
        let real = HostPath::absolute(path);
        paths.insert(real.clone(), PathFact::Directory { real });
    }
    for path in ["/etc/ld.so.cache", "/srv/motd"] {
        let real = HostPath::absolute(path);
        paths.insert(real.clone(), PathFact::File { real });
    }
    for name in ["bin", "sbin", "lib", "lib64"] {
        let path = HostPath::absolute(format!("/{name}"));
        let real = HostPath::absolute(format!("/usr/{name}"));
        paths.insert(path.clone(), PathFact::Directory { real });
        paths.insert_link(path, Text::from(format!("usr/{name}")));
    }
    let kvm = HostPath::absolute("/dev/kvm");
    paths.insert(kvm.clone(), PathFact::Special { real: kvm });
    let dangling = HostPath::absolute("/srv/dangling");
    paths.insert(dangling.clone(), PathFact::DanglingLink(Text::from("nowhere")));
    paths.insert_link(dangling, Text::from("nowhere"));
    paths.insert(HostPath::absolute("/srv/locked"), PathFact::Forbidden);
    paths
}
