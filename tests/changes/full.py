#!/usr/bin/env python3
"""Applies and undos on a disk that is full, really: a small filesystem, filled but for some pages.

    full.py BRYO store|host

Run with a mount namespace of its own. The store, or the host's files, are on the small filesystem,
the other side is not; so everything is copied. However little room there is, every file of the host
is the old one or the new one right afterwards; and with room again it goes on, and back.
"""

import hashlib
import os
import subprocess
import sys

BRYO, SIDE = sys.argv[1:]
DISK = os.path.abspath("disk")
FILLER = os.path.join(DISK, "filler")
PAGE = 4096

CHANGE = """
set -e
head -c 60000 /dev/zero | tr '\\0' n > big
rm gone; echo x >> small; rm -r d
mkdir -p n/m; head -c 30000 /dev/zero | tr '\\0' m > n/m/new
"""


def bryo(*words):
    return subprocess.run([BRYO, *words], capture_output=True, text=True, timeout=60, check=False)


def must(*words):
    run = bryo(*words)
    if run.returncode:
        fail(f"{words} gave {run.returncode}: {run.stderr}")


def fail(text):
    print(text)
    sys.exit(1)


def show():
    found = {}
    for directory, _, files in os.walk("."):
        for name in files:
            path = os.path.join(directory, name)
            with open(path, "rb") as file:
                found[path] = hashlib.sha256(file.read()).hexdigest()
    return found


def fill(pages):
    free = os.statvfs(DISK).f_bavail * PAGE - pages * PAGE
    with open(FILLER, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(free, 1))


def whole(before, after, what):
    there = show()
    for path in {*before, *after, *there}:
        if ".bryo-" not in path and there.get(path) not in (before.get(path), after.get(path)):
            fail(f"{what}: {path} is neither old nor new")


def main():
    os.mkdir(DISK)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", DISK], check=True)
    work = os.path.join(DISK if SIDE == "host" else ".", "tried")
    if SIDE == "store":
        os.environ["XDG_DATA_HOME"] = os.path.join(DISK, "data")
    os.makedirs(os.path.join(work, "d"))
    os.chdir(work)
    for name, size in [("big", 50000), ("gone", 20000), ("small", 10), ("d/in", 9000)]:
        with open(name, "w", encoding="ascii") as file:
            file.write("o" * size)
    before = show()
    must("try", "--name", "it", "--", "sh", "-c", CHANGE)
    must("apply", "it")
    after = show()
    must("undo", "it")
    full = 0
    for pages in [*range(0, 8), *range(8, 60, 4)]:
        what = f"{SIDE}, {pages} pages"
        for verb in ["apply", "undo"]:
            fill(pages)
            run = bryo(verb, "it")
            if run.returncode not in (0, 125) or "panicked" in run.stderr:
                fail(f"{what}: {verb} gave {run.returncode}: {run.stderr}")
            full += run.returncode == 125
            whole(before, after, f"{what}, {verb}: {run.stderr}")
            os.unlink(FILLER)
            if verb == "apply":
                if run.returncode and bryo("apply", "--resume", "it").returncode:
                    must("apply", "it")
                wanted = after
            else:
                if run.returncode:
                    must("undo", "it")
                wanted = before
            if show() != wanted:
                fail(f"{what}: {verb} did not come to its end")
    print(f"kill sweep: {full} full disks of the {SIDE}, {full} right")


main()
