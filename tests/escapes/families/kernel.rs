//! The kernel: what it offers beyond files, and what a filter is to close. Whether a call was
//! answered only the kernel can tell; the proof is what the probe says of it.

use crate::escapes::probe::{Door, Family, Probe, has_canary, nothing_more, says_so};

pub(crate) const FAMILY: Family = Family {
    name: "kernel",
    title: "Kernel",
    session: &["key=@CANARY@"],
    flags: &[],
    prepare: nothing_more,
    probes: &[
        Probe::new(
            "C11-setup",
            "set up io_uring, whose operations no filter sees",
            says_so,
            Door::Flags(&["--allow", "io-uring"]),
        ),
        Probe::new(
            "C12-perf",
            "count events: perf_event_open",
            says_so,
            Door::Flags(&["--allow", "perf"]),
        ),
        Probe::new(
            "C12-userfaultfd",
            "handle page faults: userfaultfd",
            says_so,
            Door::Flags(&["--allow", "userfaultfd"]),
        ),
        Probe::new(
            "C12-memfd-secret",
            "memory that the kernel does not see: memfd_secret",
            says_so,
            NO_FILTER,
        ),
        Probe::new("C12-kcmp", "compare what processes share: kcmp", says_so, NO_FILTER),
        Probe::new("C12-fanotify", "watch files: fanotify_init", says_so, NO_FILTER),
        Probe::new(
            "C12-file-handle",
            "name files without a path: name_to_handle_at",
            says_so,
            NO_FILTER,
        ),
        Probe::new("C12-move-pages", "move pages between nodes: move_pages", says_so, NO_FILTER),
        Probe::new("C12-vmsplice", "give pages to a pipe: vmsplice", says_so, NO_FILTER),
        Probe::new("C12-listmount", "list mounts: listmount", says_so, NO_FILTER),
        Probe::new(
            "C12-fsopen",
            "open a file system: fsopen",
            says_so,
            Door::Unshared(&["-m"], "true"),
        ),
        Probe::new("C13-read", "read a key of the session", has_canary, Door::Outside),
        Probe::new("C13-add", "add a key", says_so, Door::Flags(&["--allow", "keyring"])),
        Probe::new("C13-user", "open the user's keyring", says_so, Door::Outside),
        Probe::new(
            "C14-unshare",
            "be root of a user namespace, and mount: unshare",
            says_so,
            NESTED,
        ),
        Probe::new("C14-clone", "make a user namespace: clone", says_so, NESTED),
        Probe::new(
            "C14-clone3",
            "make a user namespace: clone3",
            says_so,
            Door::Flags(&["--seccomp", "none", "--allow", "nested-userns"]),
        ),
        Probe::new(
            "C14-mounts",
            "mount in a mount namespace of its own",
            says_so,
            Door::Unshared(&["-m"], "true"),
        ),
        Probe::new(
            "C14-packet",
            "raw packets in a nested network namespace",
            says_so,
            NESTED_SOCKETS,
        ),
        Probe::new(
            "C14-netfilter",
            "netfilter in a nested network namespace",
            says_so,
            NESTED_SOCKETS,
        ),
        Probe::new("C15-families", "open a socket of any odd family", says_so, SOCKETS),
        Probe::new("C15-vsock", "reach the hypervisor: AF_VSOCK", says_so, SOCKETS),
        Probe::new(
            "C15-packet",
            "see raw packets: AF_PACKET",
            says_so,
            Door::Unshared(&["-n"], "true"),
        ),
        Probe::new("C15-netlink", "speak netlink beyond routes", says_so, SOCKETS),
        Probe::new("C16-entry", "make a 32-bit system call", says_so, COMPAT),
        Probe::new("C16-key", "read a key of the session by one", has_canary, Door::Outside),
        Probe::new("C16-unshare", "make a user namespace by one", says_so, Door::Outside),
        Probe::new("C16-socketcall", "open AF_VSOCK by one", says_so, Door::Outside),
        Probe::new(
            "C17-personality",
            "make all its memory executable: personality",
            says_so,
            NO_FILTER,
        ),
        Probe::new("C17-modify-ldt", "use segments of its own: modify_ldt", says_so, NO_FILTER),
        Probe::new("C18-su", "become another user by a set-uid program", says_so, Door::Outside),
        Probe::new(
            "C20-clone3",
            "start a process by clone3, whose flags no filter sees",
            says_so,
            NO_FILTER,
        ),
        Probe::new(
            "C21-status",
            "run without a filter, or able to gain privileges",
            says_so,
            NO_FILTER,
        ),
    ],
};

const NO_FILTER: Door = Door::Flags(&["--seccomp", "none"]);
const NESTED: Door = Door::Flags(&["--allow", "nested-userns"]);
const NESTED_SOCKETS: Door = Door::Flags(&["--allow", "nested-userns", "--allow", "sockets"]);
const SOCKETS: Door = Door::Flags(&["--allow", "sockets"]);
const COMPAT: Door = Door::Flags(&["--allow", "compat32"]);
