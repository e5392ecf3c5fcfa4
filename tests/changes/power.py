#!/usr/bin/env python3
"""Power loss, as near as a loop device comes to it: root's, run by hand or by scripts/test as root.

    power.py BRYO USER one|two|bound [STRIDE]

The store and the host's files lie on an image with ext4, or on one each (`two`), or on one that is mounted
twice (`bound`, where no rename leads from one to the other). Its journal is committed by nothing but what bryo syncs (`commit=600`). An apply, and an undo, is killed at each
call that changes something; at once the images are copied as they are. The copy holds what was synced and
nothing else: everything that only memory knew is gone, on both filesystems. It is mounted, replays its
journal, and must lead on and back as after any kill.

What it does not show: a disk that loses or reorders what it was given between two flushes, within
one call of fsync(2). The journal of the filesystem answers for that, not bryo.
"""

import os
import subprocess
import sys
import time

BRYO, USER, DISKS = sys.argv[1:4]
STRIDE = int(sys.argv[4]) if len(sys.argv) > 4 else 1
TOP = os.path.abspath("power")
CALLS = (
    "renameat2,renameat,mkdirat,unlinkat,fchmod,utimensat,fsetxattr,fremovexattr,mknodat,symlinkat,"
    "ftruncate,write,pwrite64,fsync,fdatasync,syncfs"
)
CHANGE = """
set -e
echo new > added; ln added added.link; echo more >> file; rm gone
rm -r old; mkdir old; echo x > old/inside; rm type; mkdir type; echo y > type/below
rm -r turned; echo now a file > turned; mkdir -p new/deeper; echo z > new/deeper/leaf
mv moved elsewhere; chmod 711 kept; ln -sfn elsewhere link
touch -d 2001-02-03 added old/inside type/below turned new/deeper/leaf file
"""
MAKE = """
set -e
for f in file gone type moved; do echo $f > $f; done
mkdir old turned kept; echo a > old/a; echo b > turned/b; echo c > kept/c; ln -s file link
touch -d 2000-01-01 file gone type moved old/a turned/b kept/c
"""


def run(*words, check=True):
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    if check and done.returncode:
        sys.exit(f"{STORY}: {words} gave {done.returncode}: {done.stderr}")
    return done


def user(*words, check=True):
    place = {"PATH": "/usr/bin:/bin", "HOME": f"{TOP}/home", "XDG_RUNTIME_DIR": f"{TOP}/run"}
    place |= {"XDG_DATA_HOME": f"{TOP}/store/data", "XDG_CONFIG_HOME": f"{TOP}/config"}
    settings = [f"{name}={value}" for name, value in place.items()]
    tree = os.path.realpath(f"{TOP}/host/tree")
    inside = ["runuser", "-u", USER, "--", "env", "-i", "-C", tree, *settings, *words]
    return run(*inside, check=check)


def images():
    return ["host-disk", "store-disk"] if DISKS == "two" else ["disk"]


def mount(suffix=""):
    for image in images():
        run("mount", "-o", "loop,commit=600,noatime", f"{TOP}/{image}{suffix}", f"{TOP}/{image}.d")
    for name in ["host", "store"]:
        disk = f"{name}-disk" if DISKS == "two" else "disk"
        os.makedirs(f"{TOP}/{disk}.d/{name}", exist_ok=True)
        if DISKS == "one":
            continue
        run("mount", "--bind", f"{TOP}/{disk}.d/{name}", f"{TOP}/{name}")


def unmount():
    names = [f"{image}.d" for image in images()]
    for name in ["host", "store", *names] if DISKS != "one" else names:
        # What was killed may hold it for a moment more; two mounts of one image would spoil it.
        for _ in range(100):
            if not os.path.ismount(f"{TOP}/{name}"):
                break
            if run("umount", f"{TOP}/{name}", check=False).returncode:
                time.sleep(0.1)
    for _ in range(100):
        if TOP not in run("losetup", "--all").stdout:
            return
        time.sleep(0.1)
    sys.exit(f"{STORY}: an image is still in use")


def show():
    wanted = r"cd $0; find . ! -name . \( -type d -printf '%p %y %m\n' -o -type l -printf '%p %l\n' -o "
    wanted += r"-type f -printf '%p %m %Ts ' -exec md5sum {} \; \) | sort"
    return run("sh", "-c", wanted, f"{TOP}/host/tree").stdout


def copy(source, target):
    for image in images():
        run("cp", "--sparse=always", f"{TOP}/{image}{source}", f"{TOP}/{image}{target}")


def expect(wanted, what):
    if show() != wanted:
        sys.exit(f"{STORY}: {what}:\n{show()}\nwanted:\n{wanted}")


def calls(verb):
    log = f"{TOP}/home/log"
    user("strace", "-qq", "-o", log, "-e", f"trace={CALLS}", BRYO, verb, "it")
    with open(log, encoding="ascii") as file:
        names = [line.split("(")[0] for line in file if "(" in line[:20]]
    return [(name, names[: index + 1].count(name)) for index, name in enumerate(names)][::STRIDE]


def go_on(after):
    if user(BRYO, "apply", "--resume", "it", check=False).returncode:
        user(BRYO, "apply", "it")
    expect(after, "not as applied")


def go_back(before):
    done = user(BRYO, "undo", "it", check=False)
    if done.returncode and "nothing of it was applied" not in done.stderr:
        sys.exit(f"{STORY}: undo: {done.stderr}")
    expect(before, "not as before")


def cut(verb, call, begun):
    """Power goes at that call: what is mounted then is what the disks held."""
    copy(begun, "")
    mount()
    inject = f"inject={call[0]}:signal=SIGKILL:when={call[1]}"
    words = ["-qq", "-o", "/dev/null", "-e", f"trace={call[0]}", "-e", inject, BRYO, verb, "it"]
    user("strace", *words, check=False)
    copy("", ".cut")
    unmount()
    mount(".cut")


def main():
    global STORY
    for name in ["home", "run", "config", *(f"{it}.d" for it in images())]:
        os.makedirs(f"{TOP}/{name}")
    for name in ["host", "store"]:
        if DISKS == "one":
            os.symlink(f"disk.d/{name}", f"{TOP}/{name}")
        else:
            os.makedirs(f"{TOP}/{name}")
    for image in images():
        with open(f"{TOP}/{image}", "wb") as file:
            file.truncate(24 << 20)
        run("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", f"{TOP}/{image}")
    mount()
    os.makedirs(f"{TOP}/host/tree")
    run("chown", "-R", f"{USER}:", TOP)
    run("chmod", "700", f"{TOP}/run")
    user("sh", "-c", MAKE)
    user(BRYO, "try", "--name", "it", "--", "sh", "-c", CHANGE)
    before = show()
    unmount()
    copy("", ".tried")
    mount()
    applying = calls("apply")
    after = show()
    unmount()
    copy("", ".applied")
    mount()
    undoing = calls("undo")
    expect(before, "not as before")
    unmount()
    count = 0
    for call in applying:
        for lead in ([go_on], [go_back, go_on]):
            STORY = f"power lost at {call} of an apply, {len(lead)}"
            cut("apply", call, ".tried")
            for step in lead:
                step(after if step is go_on else before)
            unmount()
            count += 1
    for call in undoing:
        STORY = f"power lost at {call} of an undo"
        cut("undo", call, ".applied")
        done = user(BRYO, "undo", "it", check=False)
        if done.returncode and "nothing of it was applied" not in done.stderr:
            sys.exit(f"{STORY}: undo: {done.stderr}")
        expect(before, "not as before")
        unmount()
        count += 1
    print(f"kill sweep: {count} losses of power with {DISKS} ext4, {count} right")


STORY = "undisturbed"
try:
    main()
finally:
    unmount()
