//! Mounts: walls taken down, covers taken off.

use crate::escapes::probe::{Door, Family, Probe, has_canary, says_so};
use crate::escapes::stage::Stage;
use crate::escapes::trial::Aftermath;

pub(crate) const FAMILY: Family = Family {
    name: "mounts",
    title: "Mounts",
    session: &[],
    flags: &["--ro", "@RO@", "--hide", "@RO@/covered"],
    prepare,
    probes: &[
        Probe::new("B2-remount", "make a read-only mount writable: remount", ro_changed, OWN_WALLS),
        Probe::new("B4-setattr", "the same: mount_setattr", ro_changed, OWN_WALLS),
        Probe::new("B4-clone", "the same with a copy of it: open_tree", ro_changed, OWN_WALLS),
        Probe::new("B3-umount", "see what is below a cover: umount", has_canary, OWN_WALLS),
        Probe::new("B3-detach", "the same: MNT_DETACH", has_canary, OWN_WALLS),
        Probe::new("B3-move", "move the cover away", has_canary, OWN_WALLS),
        Probe::new("B3-bind", "bind the directory above it elsewhere", has_canary, OWN_WALLS),
        Probe::new("B3-clone", "copy the directory above it: open_tree", has_canary, OWN_WALLS),
        Probe::new("B4-passwd", "cover /etc/passwd", says_so, OWN_WALLS),
        Probe::new(
            "B0-chroot",
            "walk out of a chroot of its own",
            has_canary,
            Door::Unshared(&["-m"], CHROOT),
        ),
    ],
};

const OWN_WALLS: Door = Door::Unshared(
    &["-m"],
    "mount --bind @RO@ @RO@; mount -t tmpfs cover @RO@/covered; mount -o remount,bind,ro @RO@",
);

const CHROOT: &str = "mkdir -p @ROOTFS@@WORK@; mount --bind @WORK@ @ROOTFS@@WORK@
    exec chroot @ROOTFS@ \"$@\"";

fn prepare(stage: &Stage) {
    stage.home().scratch().write("ro/covered/secret", stage.canary());
}

fn ro_changed(after: &Aftermath, probe: &Probe) -> bool {
    !after.stage().is_intact(&format!("ro/{}", probe.id))
}
