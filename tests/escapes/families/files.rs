//! Files: what is read-only, what is hidden, what is shared with the host.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::escapes::probe::{Door, Family, Probe, has_canary, nothing_more, says_so};
use crate::escapes::scenario::Scenario;
use crate::escapes::stage::INTACT;
use crate::escapes::trial::Aftermath;

pub(crate) const FAMILY: Family = Family {
    name: "files",
    title: "Files",
    session: &[],
    flags: &["--ro", "@RO@", "--overlay", "@LAYER@"],
    prepare: nothing_more,
    probes: &[
        Probe::new("B1-write", "write to a file shown read-only", ro_changed, WRITABLE),
        Probe::new("B1-append", "append to it", ro_changed, WRITABLE),
        Probe::new("B1-truncate", "truncate it", ro_changed, WRITABLE),
        Probe::new("B1-create", "make a file beside it", beside_ro, WRITABLE),
        Probe::new("B1-unlink", "remove it", ro_changed, WRITABLE),
        Probe::new("B1-rename", "rename it", ro_changed, WRITABLE),
        Probe::new("B1-chmod", "change its mode", ro_changed, WRITABLE),
        Probe::new("B1-utime", "change its times", ro_changed, WRITABLE),
        Probe::new("B1-setxattr", "give it an attribute", ro_changed, WRITABLE),
        Probe::new("B1-reopen", "reopen it by /proc/self/fd for writing", ro_changed, WRITABLE),
        Probe::new("B1-mmap", "write to it in memory", ro_changed, WRITABLE),
        Probe::new(
            "B11-home",
            "read keys, tokens and histories of the home",
            has_canary,
            Door::Outside,
        ),
        Probe::new(
            "B11-runtime",
            "read files of the session's runtime directory",
            has_canary,
            Door::Outside,
        ),
        Probe::new(
            "B11-beside",
            "read a directory beside the working directory",
            has_canary,
            Door::Outside,
        ),
        Probe::new(
            "B11-walk-up",
            "walk there by `..` from the working directory",
            has_canary,
            Door::Outside,
        ),
        Probe::new(
            "B12-start-files",
            "write what the next shell, login or build runs",
            start_files,
            Door::Outside,
        ),
        Probe::new(
            "B13-tmp",
            "read from /tmp of the host, or take a name there",
            |a, p| shared(a, p, "/tmp"),
            Door::Outside,
        ),
        Probe::new(
            "B13-var-tmp",
            "the same in /var/tmp",
            |a, p| shared(a, p, "/var/tmp"),
            Door::Outside,
        ),
        Probe::new(
            "B13-shm",
            "the same in /dev/shm",
            |a, p| shared(a, p, "/dev/shm"),
            Door::Outside,
        ),
        Probe::new(
            "B14-link",
            "link a read-only file to where writing is allowed",
            ro_changed,
            Door::Outside,
        ),
        Probe::new(
            "B15-fchmod",
            "leave a set-uid file in the working directory: fchmod",
            set_uid,
            BITS,
        ),
        Probe::new("B15-chmod", "the same: chmod", set_uid, BITS),
        Probe::new("B15-create", "the same: open", set_uid, BITS),
        Probe::new("B15-mknod", "the same: mknod", set_uid, BITS),
        Probe::new("B15-fchmodat2", "the same: fchmodat2", set_uid, BITS),
        Probe::new("B15-openat2", "the same: openat2, whose mode no filter sees", set_uid, BITS),
        Probe::new("B15-tmpfile", "the same: O_TMPFILE, and a name given later", set_uid, BITS),
        Probe::new(
            "B16-device",
            "open a device that all users of the host may open",
            says_so,
            Door::Flags(&["--dev", "fuse"]),
        ),
        Probe::new(
            "B21-fifo",
            "write to a FIFO shown read-only, to a reader on the host",
            fifo,
            Door::Flags(&["--rw", "@RO@:/srv/ro"]),
        )
        .with(&["--ro", "@RO@:/srv/ro"])
        .open_in(&[Scenario::KernelOverlay, Scenario::FuseOverlay]),
        Probe::new("B22-lock", "lock a file that is not shown", says_so, Door::Outside),
        Probe::new(
            "B23-preload",
            "write /etc/ld.so.preload of a rootfs",
            preload,
            Door::Flags(&["--rootfs", "@ROOTFS@:rw", "--rw", "@WORK@", "-w", "@WORK@"]),
        ),
        Probe::new(
            "B24-watch",
            "watch what the user does in a directory that is not shown",
            says_so,
            Door::Outside,
        ),
        Probe::new(
            "B0-overlay-write",
            "write to the directory below an overlay, through it",
            layer_changed,
            LAYER,
        ),
        Probe::new("B0-overlay-unlink", "remove a file there", layer_changed, LAYER),
        Probe::new(
            "B0-overlay-mmap",
            "write to a file there in memory, opened before it is copied up",
            layer_changed,
            LAYER,
        ),
        Probe::new("B0-overlay-chmod", "change the mode of a file there", layer_changed, LAYER),
    ],
};

const WRITABLE: Door = Door::Flags(&["--rw", "@RO@"]);
const LAYER: Door = Door::Flags(&["--rw", "@LAYER@"]);
const BITS: Door = Door::Flags(&["--allow", "setuid-bits"]);

fn ro_changed(after: &Aftermath, probe: &Probe) -> bool {
    !after.stage().is_intact(&format!("ro/{}", probe.id))
}

fn beside_ro(after: &Aftermath, probe: &Probe) -> bool {
    after.stage().path(&format!("ro/{}.new", probe.id)).exists()
}

fn layer_changed(after: &Aftermath, probe: &Probe) -> bool {
    !after.stage().is_intact(&format!("layer/{}", probe.id))
}

fn start_files(after: &Aftermath, _: &Probe) -> bool {
    let home = after.stage().path("home");
    let is_new = |name: &str| home.join(name).exists();
    fs::read_to_string(home.join(".bashrc")).unwrap_or_default() != INTACT
        || [".profile", ".ssh/authorized_keys", ".gitconfig", ".local/bin/git"]
            .iter()
            .any(|it| is_new(it))
}

fn shared(after: &Aftermath, probe: &Probe, place: &str) -> bool {
    has_canary(after, probe) || after.stage().is_taken(place)
}

fn set_uid(after: &Aftermath, probe: &Probe) -> bool {
    let file = fs::symlink_metadata(after.stage().path(&format!("work/{}", probe.id)));
    file.is_ok_and(|it| it.mode() & 0o6000 != 0)
}

fn fifo(after: &Aftermath, probe: &Probe) -> bool {
    after.stage().heard_by_fifo(probe.id).contains("ESCAPED")
}

fn preload(after: &Aftermath, _: &Probe) -> bool {
    after.stage().path("rootfs/etc/ld.so.preload").exists()
}
