//! What is asked of which host, for the golden plans and the golden refusals.

use std::ffi::OsStr;

use bryo::base::Text;
use bryo::base::syscall::Abi;
use bryo::host::{Host, Inhabitants};
use bryo::spec::word::Takes;
use bryo::spec::words::find;
use bryo::spec::{Layers, Origin, Sourced, Spec, policy, profile};

use super::machines::*;
use crate::support::host::{everything, everything_but, home_on_a_server, own_cgroup};

pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) host: Host,
    pub(super) spec: Spec,
    /// The words that it asks for.
    pub(super) words: Vec<&'static str>,
}

/// Flags, each as one word of the command line: `--ro=/srv`, `--root`.
fn case(name: &'static str, host: Host, flags: &[&str]) -> Case {
    let mut spec = Spec { command: vec![Text::from("make"), Text::from("-j4")], ..Spec::default() };
    let mut words = Vec::new();
    for flag in flags {
        let flag = flag.strip_prefix("--").unwrap();
        let (name, value) = flag.split_once('=').map_or((flag, None), |(n, v)| (n, Some(v)));
        let word = find(name).unwrap_or_else(|| panic!("`{name}` is no word"));
        let value = value.unwrap_or(match word.takes {
            Takes::Maybe { given, .. } => given,
            _ => "true",
        });
        (word.set)(&mut spec, OsStr::new(value), Origin::Flag(word.name)).unwrap();
        words.push(word.name);
    }
    Case { name, host, spec, words }
}

/// On top of what is kept in `~/below`, and kept in turn.
fn stacked(name: &'static str, host: Host, flags: &[&str]) -> Case {
    let mut case = case(name, host, flags);
    let sourced =
        |path: &str| Some(Sourced { value: Text::from(path), origin: Origin::Flag("stack") });
    case.spec.overlay_dir = sourced("~/kept");
    case.spec.overlay_below = sourced("~/below");
    case
}

fn layered(name: &'static str, host: Host, layers: Layers) -> Case {
    let mut case = case(name, host, &[]);
    case.spec = Spec { command: case.spec.command, ..layers.merged() };
    case
}

/// Specs that have a plan.
pub(super) fn plans() -> Vec<Case> {
    let with_subids = "--ids=subids";
    vec![
        case("default", everything(), &[]),
        case("home-overlay", everything_but(secrets), &["--home=overlay"]),
        case("home-overlay-elsewhere", everything_but(away), &["--home=overlay"]),
        case("system", everything_but(system), &["--root", "--system"]),
        case("submodules", everything_but(submodules), &["--integrity=off"]),
        case("nothing-installed", everything_but(bare), &["--root"]),
        case("root", everything(), &["--root"]),
        case("root-of-one-id", everything(), &["--root", "--ids=single"]),
        case("user", everything(), &["--user=33:34"]),
        case("own-uid-with-ranges", everything(), &[with_subids]),
        case("large-uid", everything_but(large_uid), &["--root"]),
        case("no-subids", everything_but(no_subids), &["--root"]),
        case("no-newuidmap", everything_but(|h| h.programs.newuidmap = None), &["--root"]),
        case("no-new-privs", everything_but(|h| h.kernel.no_new_privs = true), &["--root"]),
        case("real-root", everything_but(real_root), &[]),
        case("rootfs", everything(), &["--rootfs=/srv/rootfs", "--root"]),
        case("rootfs-read-only", everything(), &["--rootfs=/srv/rootfs:ro"]),
        case("rootfs-writable", everything(), &["--rootfs=/srv/rootfs:rw", "--ids=single"]),
        case("overlay-kernel", everything(), &["--overlay=/opt"]),
        case("overlay-below-mount", everything(), &["--overlay=/srv/data"]),
        case("overlay-refused-by-kernel", everything_but(no_overlay), &["--overlay=/opt"]),
        case("overlay-on-old-tmpfs", everything_but(old_tmpfs), &["--overlay=/opt"]),
        case("overlay-without-home", everything_but(home_on_a_server), &["--overlay=/opt"]),
        case(
            "overlay-kept",
            everything(),
            &["--overlay=/opt", "--overlay-dir=~/kept", "--overlay-driver=fuse"],
        ),
        case(
            "overlay-kept-before",
            everything_but(kept_by_fuse),
            &["--overlay=/opt", "--overlay-dir=~/kept"],
        ),
        stacked("overlay-stacked", everything_but(below_by_fuse), &["--overlay=/opt"]),
        case("overlay-on-disk", everything_but(scratch_on_disk), &["--overlay=/opt"]),
        case(
            "every-kind-of-layer",
            everything(),
            &[
                "--ro=/srv/data:/data",
                "--rw=/srv/motd:/etc/motd",
                "--volume=/srv/data:/mnt/data:overlay",
                "--tmpfs=/scratch:size=64M,mode=1777",
                "--hide=/usr/games",
                "--file=/etc/note=hello",
                "--file=/etc/copy=@/srv/motd",
                "--symlink=/data:/link",
                "--dev=kvm",
                "--home=/srv/sandbox-home",
                "--workdir=/data",
                "--hostname=lab",
            ],
        ),
        case("later-covers-earlier", everything(), &["--ro=/srv/data:/x/y", "--tmpfs=/x"]),
        case(
            "network",
            everything(),
            &[
                "--net",
                "--publish=8080:80",
                "--publish=[::1]:53:53/udp",
                "--dns=9.9.9.9",
                "--dns-search=lab.test",
                "--add-host=db:10.1.2.3",
                "--rate=10mbit",
            ],
        ),
        case(
            "doors",
            everything(),
            &[
                "--allow=nested-userns",
                "--allow=ptrace",
                "--cap-add=CAP_NET_RAW",
                "--cap-drop=all",
                "--cap-add=sys_nice",
                "--integrity=strict",
                "--report=report.json",
            ],
        ),
        case("seccomp-profile", everything(), &["--seccomp=/srv/profile.json"]),
        case("filters-by-best-effort", everything_but(no_filters), &["--best-effort"]),
        case("no-seccomp", everything(), &["--seccomp=none"]),
        case(
            "limits",
            everything(),
            &[
                "--memory=512M",
                "--cpus=1.5",
                "--cpu-weight=50",
                "--pids=256",
                "--io-weight=50",
                "--io-max=/srv/data:rbps=10M,wiops=100",
                "--tmp-size=64M",
                "--rlimit=nofile=1024:4096",
                "--require=limits",
                "--stats",
            ],
        ),
        case(
            "limits-in-own-cgroup",
            everything_but(|host| alone_with(host, &["cpu", "memory", "pids"])),
            &["--memory=512M", "--cpus=2", "--tmp-size=1G"],
        ),
        case(
            "limits-watched",
            everything_but(no_controllers),
            &["--root", "--memory=512M", "--pids=100", "--rlimit=nofile=64"],
        ),
        case(
            "limits-left-out",
            everything_but(|host| alone_with(host, &["memory"])),
            &["--memory=512M", "--cpus=2", "--io-weight=50", "--best-effort"],
        ),
        case("processes-by-rlimit", everything_but(no_controllers), &["--pids=20", "--stats"]),
        case(
            "network-without-slirp4netns",
            everything_but(|h| h.programs.slirp4netns = None),
            &["--net"],
        ),
        case("network-of-host", everything(), &["--net=host"]),
        case(
            "network-of-host-unguarded",
            everything_but(|h| h.kernel.landlock = 5),
            &["--net=host", "--best-effort"],
        ),
        case("network-closed", everything(), &["--net=closed"]),
        case("landlock-old", everything_but(|h| h.kernel.landlock = 2), &["--net=closed"]),
        case("landlock-older", everything_but(|h| h.kernel.landlock = 1), &[]),
        case("landlock-absent", everything_but(|h| h.kernel.landlock = 0), &[]),
        case("nested", everything(), &["--allow=nested-userns"]),
        case("capabilities", everything(), &["--net", "--cap-add=all"]),
        case(
            "environment",
            everything(),
            &["--env=SECRET_TOKEN", "--env=A=1", "--env-file=variables"],
        ),
        case("environment-cleared", everything(), &["--clear-env", "--env=A=\u{1b}[1m"]),
        case(
            "life",
            everything(),
            &[
                "--timeout=1m30s",
                "--grace=2s",
                "--status-fd=3",
                "--pass-fd=4",
                "--time=-3d",
                "--best-effort",
            ],
        ),
        case("cwd-removed", everything_but(|h| h.cwd = None), &["--workdir=/tmp"]),
        case("cwd-is-home-left-out", everything_but(in_home), &["--workdir=/tmp"]),
        layered(
            "policy-under-flags",
            everything(),
            Layers {
                flags: case("", everything(), &["--net=none", "--ro=/srv/data"]).spec,
                policy: of_policy("net = 'user'\nhide = '/usr/games'\nhostname = 'lab'\n"),
                ..Layers::default()
            },
        ),
        layered(
            "profile-build",
            everything(),
            Layers { profile: profile::load("build").unwrap().spec, ..Layers::default() },
        ),
        layered(
            "profile-strict",
            everything(),
            Layers { profile: profile::load("strict").unwrap().spec, ..Layers::default() },
        ),
    ]
}

/// Specs that are refused.
pub(super) fn refusals() -> Vec<Case> {
    vec![
        case("cwd-is-home", everything_but(in_home), &[]),
        case("cwd-holds-home", everything_but(|h| h.cwd = Some(path("/home"))), &[]),
        case("cwd-is-shared", everything_but(|h| h.cwd = Some(path("/var/tmp"))), &[]),
        case("cwd-was-removed", everything_but(|h| h.cwd = None), &[]),
        case("subids-without-ranges", everything_but(no_subids), &["--ids=subids"]),
        case(
            "subids-without-newuidmap",
            everything_but(|h| h.programs.newuidmap = None),
            &["--ids=subids"],
        ),
        case(
            "subids-with-no-new-privs",
            everything_but(|h| h.kernel.no_new_privs = true),
            &["--ids=subids"],
        ),
        case("root-and-user", everything(), &["--root", "--user=33"]),
        case("user-beyond-ranges", everything(), &["--user=70000"]),
        case("user-of-one-id", everything_but(no_subids), &["--user=33", "--ids=subids"]),
        case("net-without-programs", everything_but(no_network), &["--net"]),
        case("net-pasta-missing", everything_but(|h| h.programs.pasta = None), &["--net=pasta"]),
        case("rate-without-net", everything(), &["--rate=1mbit"]),
        case("dns-without-net", everything(), &["--dns=9.9.9.9"]),
        case("publish-on-closed", everything(), &["--net=closed", "--publish=80:80"]),
        case("host-without-scopes", everything_but(|h| h.kernel.landlock = 5), &["--net=host"]),
        case("host-without-landlock", everything_but(|h| h.kernel.landlock = 0), &["--net=host"]),
        case("sys-admin", everything(), &["--cap-add=sys_admin"]),
        case("publish-on-host", everything(), &["--net=host", "--publish=80:80"]),
        case("grace-without-timeout", everything(), &["--grace=2s"]),
        case("no-overlay-at-all", everything_but(bare), &["--overlay=/opt"]),
        case("no-fuse", everything_but(bare), &["--overlay=/opt", "--overlay-driver=fuse"]),
        stacked("stacked-elsewhere", everything_but(below_by_fuse), &["--overlay=/srv/data"]),
        stacked(
            "stacked-by-another-driver",
            everything_but(below_by_fuse),
            &["--overlay=/opt", "--overlay-driver=kernel"],
        ),
        stacked("stacked-on-two-drivers", everything_but(below_by_both), &["--overlay=/opt"]),
        case(
            "kept-by-another-driver",
            everything_but(kept_by_fuse),
            &["--overlay=/opt", "--overlay-dir=~/kept", "--overlay-driver=kernel"],
        ),
        case(
            "kept-over-another-directory",
            everything_but(kept_by_fuse),
            &["--overlay=/srv/data", "--overlay-dir=~/kept"],
        ),
        case("overlay-dir-of-nothing", everything(), &["--overlay-dir=~/kept"]),
        case("source-missing", everything(), &["--ro=/srv/nothing"]),
        case("source-dangling", everything(), &["--ro=/srv/dangling"]),
        case("source-forbidden", everything(), &["--ro=/srv/locked"]),
        case("dest-in-proc", everything(), &["--ro=/srv/data:/proc/x"]),
        case("dest-is-root", everything(), &["--tmpfs=/"]),
        case("rootfs-is-the-host", everything_but(root_is_there), &["--rootfs=/"]),
        case("rootfs-is-a-file", everything(), &["--rootfs=/srv/motd"]),
        case("home-overlay-in-a-secret", everything_but(in_secret), &["--home=overlay"]),
        case("home-overlay-in-a-rootfs", everything(), &["--home=overlay", "--rootfs=/srv/rootfs"]),
        case("system-without-root", everything_but(system), &["--system"]),
        case(
            "system-by-the-kernel",
            everything_but(system),
            &["--root", "--system", "--overlay-driver=kernel"],
        ),
        case("home-is-the-real-one", everything(), &["--home=~"]),
        case("seccomp-misspelt", everything(), &["--seccomp=/srv/misspelt.json"]),
        case("seccomp-unreadable", everything(), &["--seccomp=/srv/secret"]),
        case("no-filters", everything_but(no_filters), &[]),
        case(
            "no-32-bit-table",
            everything_but(|h| h.kernel.seccomp = Ok(Abi::Aarch64)),
            &["--allow=compat32"],
        ),
        case("file-unreadable", everything(), &["--file=/x=@/srv/secret"]),
        case("dev-is-no-device", everything(), &["--dev=nothing"]),
        case("memory-for-no-start", everything(), &["--memory=1M"]),
        case("tmpfs-for-no-start", everything(), &["--tmp-size=4K"]),
        case("files-for-no-start", everything(), &["--rlimit=nofile=2"]),
        case("rlimit-above-ones-own", everything(), &["--rlimit=nofile=2000000"]),
        case("disk-is-none", everything(), &["--io-max=/tmp:rbps=1M"]),
        case("limits-not-held", everything_but(no_controllers), &["--memory=1G", "--cpus=1"]),
        case(
            "limits-required",
            everything_but(no_controllers),
            &["--memory=1G", "--require=limits"],
        ),
        case(
            "limits-among-others",
            everything_but(|host| {
                host.cgroups.manager = None;
                host.cgroups.own = Ok(vec![own_cgroup(Inhabitants::Others, &["memory"])]);
            }),
            &["--memory=1G", "--require=limits"],
        ),
        case(
            "controller-not-handed-on",
            everything_but(|host| {
                if let Some(manager) = &mut host.cgroups.manager {
                    manager.controllers.retain(|name| name != "io");
                }
            }),
            &["--io-weight=50"],
        ),
    ]
}

fn of_policy(text: &str) -> Spec {
    policy::parse("lab.toml", text, &path("/home/ada/project")).unwrap().spec
}
