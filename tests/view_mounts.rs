//! What the view is mounted from: nothing of it gives a right, and nobody inside takes it apart.

use crate::support::{Bryo, Home};

#[test]
fn no_mount_of_the_host_keeps_set_uid_or_devices() {
    needs!("findmnt");
    let script = "findmnt -rno OPTIONS | grep -v nosuid; findmnt -rno TARGET,OPTIONS |
        grep -v nodev | cut -d ' ' -f 1";
    let outcome = Bryo::run().shell(script).stdout_any().check();
    for line in outcome.text().lines() {
        assert!(line.starts_with("/dev") || line.starts_with("/proc/"), "{line}");
    }
}

#[test]
fn the_view_cannot_be_taken_apart() {
    let home = Home::new();
    home.scratch().write("home/.ssh/id", "CANARY\n");
    let script = "for place in / /usr /tmp /proc ~ /proc/kcore /etc; do
            mount -o remount,rw,bind $place 2>/dev/null && echo remounted $place
            umount $place 2>/dev/null && echo unmounted $place
            umount -l $place 2>/dev/null && echo detached $place
        done
        mount --bind /tmp /usr 2>/dev/null && echo bound
        mount -t tmpfs x /tmp 2>/dev/null && echo mounted
        grep -rs CANARY ~; touch /usr/x 2>/dev/null; true";
    for flags in [&[][..], &["--root"][..]] {
        Bryo::run().at(&home).args(flags).shell(script).check();
    }
}

#[test]
fn devices_are_few_and_harmless() {
    let script = "cd /dev; ls | tr '\\n' ' '; echo; echo x > null; head -c 3 zero | od -An -tx1;
        head -c 8 urandom | wc -c; echo x > full 2>/dev/null || echo full; ls fd/ | head -1;
        stat -c %a shm; mknod /tmp/null c 1 3 2>/dev/null || echo no";
    Bryo::run()
        .shell(script)
        .stdout(
            "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero \n 00 00 00\n8\n\
             full\n0\n1777\nno\n",
        )
        .check();
}

#[test]
fn proc_is_the_sandbox_own_and_its_risky_parts_are_closed() {
    let script = "ls /proc | grep -c '^[0-9]'; cat /proc/1/comm;
        for f in sysrq-trigger sys/kernel/core_pattern sys/kernel/hostname; do
            echo x 2>/dev/null > /proc/$f && echo wrote $f
        done
        cat /proc/keys /proc/kallsyms /proc/timer_list 2>/dev/null | wc -c";
    for flags in [&[][..], &["--root"][..]] {
        let outcome = Bryo::run().args(flags).shell(script).stdout_any().check();
        let lines: Vec<_> = outcome.text().lines().collect();
        assert!(lines[0].parse::<u32>().unwrap() < 8, "{lines:?}");
        assert_eq!(&lines[2..], ["0"], "{lines:?}");
    }
}

#[test]
fn nothing_mounted_inside_is_seen_outside_and_the_other_way_round() {
    needs!("unshare", "mount");
    let home = Home::new();
    let submount = home.scratch().dir("work/sub");
    // Submounts of a world of our own, below a tree that is shown: visible, and read-only with it.
    let script = format!(
        "mount -t tmpfs x {sub}; echo text > {sub}/f; mount --make-rshared /; exec '{bryo}' run \
         --ro {work}:/shown -- sh -c 'cat /shown/sub/f; echo x > /shown/sub/f; touch sub/ok; \
         findmnt -rno PROPAGATION | sort -u'",
        sub = submount.display(),
        work = home.work().display(),
        bryo = crate::support::place::binary().display()
    );
    Bryo::program("/usr/bin/unshare")
        .at(&home)
        .args(["-rm", "sh", "-c", &script])
        .stdout("text\nprivate\n")
        .stderr_contains("Read-only file system")
        .check();
}
