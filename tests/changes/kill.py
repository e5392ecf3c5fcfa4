#!/usr/bin/env python3
"""An apply, one that is gone on with, an undo and a discard of a part, cut short at every call.

    kill.py BRYO DIRECTORY SHARE FAULT

FAULT is what strace(1) puts in the place of the call: `signal=SIGKILL`, `error=ENOSPC`. SHARE is
`all`: every system call there is, in its turn; or a number N: every Nth of those that change something.

Makes a tree in DIRECTORY, changes it by way of a try, and cuts short what carries the changes over
at its first call, at its second, and so on. Right after each cut every file of the host must be
the old one or the new one, whole. Then what is left must lead both ways: on, to the tree of an apply
that nobody disturbed, and back, to the tree before it. Prints how often it did.
"""

import os
import shutil
import stat
import subprocess
import sys
import tempfile

BRYO, DIRECTORY = sys.argv[1], os.path.abspath(sys.argv[2])
SHARE, FAULT = sys.argv[3], sys.argv[4]
IS_KILL = FAULT.startswith("signal")

# Each openat2 and openat is among them, for some make a file.
CHANGING = (
    "openat2,openat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,rmdir,chmod,fchmod,"
    "fchmodat,utimensat,fsetxattr,fremovexattr,mknodat,symlinkat,linkat,ftruncate,write,pwrite64,"
    "ioctl,fsync,fdatasync,syncfs,copy_file_range"
)
# A failure of these is one of the language's runtime, not of a disk.
RUNTIME = (
    "execve,brk,mmap,munmap,mprotect,mremap,madvise,arch_prctl,set_tid_address,set_robust_list,"
    "rseq,prlimit64,rt_sigaction,rt_sigprocmask,sigaltstack,poll,futex,exit_group,getrandom,"
    "rt_sigreturn,sched_getaffinity,gettid"
)

# Changed in the sandbox and outside.
TEXT = "1\n2\n3\n4\n5\n"
APPLY = ["apply", "it", "--merge"]

CHANGE = """
set -e
echo new > added; chmod 0440 added; ln added added.link
echo more >> file; touch -d 2001-02-03 file
rm gone
rm -r old; mkdir old; echo x > old/inside; chmod 750 old
rm type; mkdir type; echo y > type/below
rm -r turned; echo now a file > turned
mkdir -p new/deeper/still; echo z > new/deeper/still/leaf; chmod 555 new/deeper
ln -sfn elsewhere link; ln -s added fresh
mv moved elsewhere; chmod 711 kept; setfattr -n user.note -v hi kept/stays
rm -r whole
sed -i s/2/two/ merged
touch -d 2001-02-03 added old/inside type/below turned new/deeper/still/leaf
"""
# What lies on it, and must go on to fit, whatever became of an apply below.
ABOVE = """
set -e
echo top >> file; rm elsewhere; echo t > old/top; rm -r kept; mkdir gone
"""
# What a discard of a part forgets.
PART = ["old", "new/deeper", "added", "gone", "turned"]


def make(tree):
    os.mkdir(tree)
    os.chdir(tree)
    for name in ["file", "gone", "type", "moved"]:
        write(name, name * 50)
    for name in ["old", "turned", "kept", "whole", "whole/in"]:
        os.mkdir(name)
    for name in ["old/a", "turned/b", "kept/stays", "kept/linked", "whole/in/c"]:
        write(name, name)
    os.link("kept/linked", "kept/also")
    os.symlink("file", "link")
    write("merged", TEXT)
    os.chmod("kept", 0o755)


def write(name, text):
    with open(name, "w", encoding="ascii") as file:
        file.write(text)
    os.utime(name, ns=(10**18, 10**18))


def entries(root):
    """Everything in a tree, by its path, to the byte: its kind, and what it is."""
    found = {}
    for directory, directories, files in os.walk(root):
        for name in directories + files:
            path = os.path.join(directory, name)
            facts = os.lstat(path)
            entry = [stat.filemode(facts.st_mode)]
            if stat.S_ISLNK(facts.st_mode):
                entry.append(os.readlink(path))
            elif stat.S_ISREG(facts.st_mode):
                with open(path, encoding="ascii") as file:
                    entry.append(file.read())
                entry += sorted(n for n in os.listxattr(path) if "overlay.origin" not in n)
                # What is put together bears a time of its own.
                entry.append("" if name == "merged" else str(facts.st_mtime_ns))
            found[os.path.relpath(path, root)] = (facts, " ".join(entry))
    return found


def show(root):
    """The same as lines; which names share an inode, too."""
    first, lines = {}, []
    for path, (facts, entry) in entries(root).items():
        line = f"{path} {entry}"
        if stat.S_ISREG(facts.st_mode) and facts.st_nlink > 1 and SHARED:
            line += " is " + first.setdefault(facts.st_ino, path)
        lines.append(line)
    return sorted(lines)


# Hard links are kept by renames alone.
SHARED = os.stat(os.environ["XDG_DATA_HOME"]).st_dev == os.stat(DIRECTORY).st_dev


def bryo(*words, wants=0):
    run = subprocess.run([BRYO, *words], capture_output=True, text=True, timeout=60, check=False)
    if wants is not None and run.returncode != wants:
        fail(f"{words} gave {run.returncode}: {run.stderr}")
    return run


def fail(text):
    print(f"{STORY}: {text}")
    sys.exit(1)


def compare(wanted, what):
    there = show(TREE)
    if there != wanted:
        lost = [line for line in wanted if line not in there]
        extra = [line for line in there if line not in wanted]
        fail(f"{what}\n  lacks {lost}\n  has {extra}")


def look_at_each_file():
    """Right after a cut: each is what it was or what it becomes, and where it is both, it is there."""
    there = entries(TREE)
    for path in {*BEFORE, *AFTER, *there}:
        if any(part.startswith(".bryo-") for part in path.split("/")):
            continue
        facts, entry = there.get(path, (None, None))
        if facts and stat.S_ISDIR(facts.st_mode):
            if not any(path in tree and is_directory(tree[path]) for tree in (BEFORE, AFTER)):
                fail(f"{path} became a directory")
            continue
        allowed = [tree[path][1] if path in tree else None for tree in (BEFORE, AFTER)]
        # One that becomes a directory, or was one, is nothing in between.
        if any(path in tree and is_directory(tree[path]) for tree in (BEFORE, AFTER)):
            allowed.append(None)
        if entry not in allowed:
            fail(f"{path} is {entry}, and not one of {allowed}")


def is_directory(entry):
    return stat.S_ISDIR(entry[0].st_mode)


def calls_of(*words):
    """What it calls, undisturbed: each call by its name and how often it was made before."""
    which = CHANGING if SHARE != "all" else "all" if IS_KILL else f"!{RUNTIME}"
    with tempfile.NamedTemporaryFile("r") as log:
        command = ["strace", "-qq", "-o", log.name, "-e", f"trace={which}", BRYO, *words]
        subprocess.run(command, capture_output=True, timeout=60, check=True)
        lines = [line for line in log.read().splitlines() if "(" in line[:20]]
    names = [line.split("(")[0] for line in lines]
    calls = [(name, names[: index + 1].count(name)) for index, name in enumerate(names)]
    # The first is strace's own, which starts the program.
    calls = [call for call in calls if call[0] not in ("execve", "exit_group")]
    return calls if SHARE == "all" else calls[:: int(SHARE)]


def is_cut_short(call, *words):
    """Whether the fault in the place of that call ended it."""
    name, number = call
    command = ["strace", "-qq", "-o", "/dev/null", "-e", f"trace={name}"]
    command += ["-e", f"inject={name}:{FAULT}:when={number}", BRYO, *words]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if run.returncode == 125 and (IS_KILL or "bryo: error: " not in run.stderr):
        fail(f"{words} failed by itself: {run.stderr}")
    if run.returncode not in (0, 125, -9, 137):
        fail(f"{words} ended with {run.returncode}: {run.stderr}")
    if words[0] != "discard":
        look_at_each_file()
    COUNT["right"] += run.returncode != 0
    return run.returncode != 0


def go_on():
    """To the end of an apply, however far it came: nothing at all, a part, or all of it."""
    run = bryo("apply", "--resume", "it", wants=None)
    if run.returncode and "no apply was cut short" in run.stderr:
        bryo(*APPLY, wants=None)
    elif run.returncode:
        fail(f"resume: {run.stderr}")
    compare(AFTER_LINES, "not as applied")
    fits_above()


def fits_above():
    """What an apply has put below is known to what lies on it: it is overtaken by nothing."""
    run = bryo("apply", "top", "--dry-run")
    if run.stdout != FITS:
        fail(f"what lies above would take other steps: {run.stdout}")


def go_back():
    run = bryo("undo", "it", wants=None)
    if run.returncode and "nothing of it was applied" not in run.stderr:
        fail(f"undo: {run.stderr}")
    compare(BEFORE_LINES, "not as before")


def fresh():
    os.chdir(DIRECTORY)
    for name in "top", "it":
        bryo("discard", "--force", name, wants=None)
    if os.path.exists(TREE):
        subprocess.run(["chmod", "-R", "u+rwx", TREE], check=True)
        shutil.rmtree(TREE)
    make(TREE)
    bryo("try", "--name", "it", "--", "sh", "-c", CHANGE)
    bryo("try", "--name", "top", "--stack", "it", "--", "sh", "-c", ABOVE)
    write("merged", TEXT + "6\n")


def sweep_apply(calls):
    global STORY
    for turn, call in enumerate(calls):
        if SHARE == "all" or turn % 2 == 0:
            STORY = f"apply cut short at {call}, gone on with, undone"
            is_cut_short(call, *APPLY)
            go_on()
            go_back()
        if SHARE == "all" or turn % 2 == 1:
            STORY = f"apply cut short at {call}, undone, applied again, undone"
            is_cut_short(call, *APPLY)
            go_back()
            go_on()
            go_back()


def sweep_after_a_cut(applying, words, lead):
    """An apply is killed at some call; then what goes on with it, or takes it back, is cut short."""
    global STORY
    renames = [call for call in applying if call[0] in ("renameat2", "fchmod")]
    for first in renames[2 :: max(1, len(renames) // (6 if SHARE == "all" else 2))]:
        kill_apply(first)
        calls = calls_of(*words)
        go_back_quietly()
        for turn, call in enumerate(calls):
            if SHARE == "all" and turn % 5 != 0:
                continue
            STORY = f"apply killed at {first}, then {words} cut short at {call}"
            kill_apply(first)
            is_cut_short(call, *words)
            lead(turn)


def kill_apply(call):
    command = ["strace", "-qq", "-o", "/dev/null", "-e", f"trace={call[0]}"]
    command += ["-e", f"inject={call[0]}:signal=SIGKILL:when={call[1]}", BRYO, *APPLY]
    subprocess.run(command, capture_output=True, timeout=60, check=False)


def go_back_quietly():
    bryo("undo", "it", wants=None)


def lead_both_ways(turn):
    if turn % 2:
        go_on()
    go_back()


def sweep_undo(calls):
    global STORY
    for call in calls:
        STORY = f"undo cut short at {call}, gone on with"
        bryo(*APPLY)
        is_cut_short(call, "undo", "it")
        go_back()


def sweep_discard():
    """The host is not touched; gone on with, it forgets what it would have."""
    global STORY
    words = ["discard", "it", *(os.path.join(TREE, path) for path in PART)]
    fresh()
    bryo("discard", "top")
    before = show(TREE)
    calls = calls_of(*words)
    compare(before, "touched by a discard")
    bryo(*APPLY)
    wanted = show(TREE)
    for call in calls if SHARE != "all" else calls[::3]:
        STORY = f"discard of a part cut short at {call}"
        fresh()
        bryo("discard", "top")
        is_cut_short(call, *words)
        compare(before, "touched by a discard")
        for path in words[2:]:
            bryo("discard", "it", path, wants=None)
        bryo(*APPLY)
        compare(wanted, "not as applied without a part")


def main():
    global STORY, BEFORE, AFTER, BEFORE_LINES, AFTER_LINES, FITS
    fresh()
    BEFORE, BEFORE_LINES = entries(TREE), show(TREE)
    applying = calls_of(*APPLY)
    AFTER, AFTER_LINES = entries(TREE), show(TREE)
    FITS = bryo("apply", "top", "--dry-run").stdout
    undoing = calls_of("undo", "it")
    compare(BEFORE_LINES, "undo")
    sweep_apply(applying)
    sweep_after_a_cut(applying, ("apply", "--resume", "it"), lead_both_ways)
    sweep_after_a_cut(applying, ("undo", "it"), lambda _: go_back())
    sweep_undo(undoing)
    STORY = "at last"
    bryo(*APPLY)
    compare(AFTER_LINES, "not as applied")
    sweep_discard()
    word = "kills" if IS_KILL else f"faults by {FAULT.removeprefix('error=')}"
    where = "on one filesystem" if SHARED else "between two filesystems"
    print(f"kill sweep: {COUNT['right']} {word} {where}, {COUNT['right']} right")


TREE = os.path.join(DIRECTORY, "tree")
STORY = "undisturbed"
BEFORE, AFTER, BEFORE_LINES, AFTER_LINES = {}, {}, [], []
FITS = ""
COUNT = {"right": 0}
main()
