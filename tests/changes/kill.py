#!/usr/bin/env python3
"""An apply and an undo, cut short at every system call that changes something.

    kill.py BRYO DIRECTORY STRIDE FAULT

FAULT is what strace(1) puts in the place of the call: `signal=SIGKILL`, `error=ENOSPC`.

Makes a tree in DIRECTORY, changes it by way of a try, and cuts short what carries the changes over
at its first such call, at its second, and so on. Whatever is left must lead both ways: on, to the tree
of an apply that nobody disturbed, and back, to the tree before it. Prints how often it did.
"""

import os
import shutil
import stat
import subprocess
import sys
import tempfile

BRYO, DIRECTORY, STRIDE = sys.argv[1], os.path.abspath(sys.argv[2]), int(sys.argv[3])
FAULT = sys.argv[4]

# Each openat2 is among them, for some make a file.
CALLS = (
    "openat2,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,rmdir,chmod,fchmod,fchmodat,"
    "utimensat,fsetxattr,fremovexattr,mknodat,symlinkat,linkat,ftruncate,write,pwrite64,ioctl,"
    "fsync,fdatasync,syncfs,copy_file_range"
)

# Changed in the sandbox and outside: what an apply puts together bears a time of its own.
TEXT = "1\n2\n3\n4\n5\n"

# How each verb is called.
WORDS = {"apply": ["apply", "it", "--merge"], "undo": ["undo", "it"]}

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
sed -i s/2/two/ old.text
touch -d 2001-02-03 added old/inside type/below turned new/deeper/still/leaf
"""


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
    write("old.text", TEXT)
    os.chmod("kept", 0o755)


def write(name, text):
    with open(name, "w", encoding="ascii") as file:
        file.write(text)
    os.utime(name, ns=(10**18, 10**18))


def show(root):
    """Everything in a tree, to the byte; which names share an inode, too."""
    first, lines = {}, []
    for directory, directories, files in os.walk(root):
        for name in directories + files:
            path = os.path.join(directory, name)
            facts = os.lstat(path)
            line = [os.path.relpath(path, root), stat.filemode(facts.st_mode)]
            if stat.S_ISLNK(facts.st_mode):
                line.append(os.readlink(path))
            elif stat.S_ISREG(facts.st_mode):
                with open(path, encoding="ascii") as file:
                    line.append(file.read())
                attributes = sorted(n for n in os.listxattr(path) if "overlay.origin" not in n)
                line += attributes
            if stat.S_ISREG(facts.st_mode) and facts.st_nlink > 1 and SHARED:
                line.append("is " + first.setdefault(facts.st_ino, line[0]))
            if not stat.S_ISLNK(facts.st_mode) and not name.startswith("old"):
                line.append(str(facts.st_mtime_ns) if not os.path.isdir(path) else "")
            lines.append(" ".join(line))
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


def calls_of(verb):
    """What it calls, undisturbed: each call by its name and how often it was made before."""
    with tempfile.NamedTemporaryFile("r") as log:
        command = ["strace", "-qq", "-o", log.name, "-e", f"trace={CALLS}", BRYO, *WORDS[verb]]
        subprocess.run(command, capture_output=True, timeout=60, check=True)
        names = [line.split("(")[0] for line in log.read().splitlines() if "(" in line]
    return [(name, names[: index + 1].count(name)) for index, name in enumerate(names)]


def is_cut_short(verb, call):
    """Whether the fault in the place of that call ended it."""
    name, number = call
    command = ["strace", "-qq", "-o", "/dev/null", "-e", f"trace={name}"]
    command += ["-e", f"inject={name}:{FAULT}:when={number}", BRYO, *WORDS[verb]]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if run.returncode == 125 and (FAULT.startswith("signal") or "bryo: error: " not in run.stderr):
        fail(f"{verb} failed by itself: {run.stderr}")
    if run.returncode not in (0, 125, -9, 137):
        fail(f"{verb} ended with {run.returncode}: {run.stderr}")
    return run.returncode != 0


def go_on():
    """To the end of an apply, however far it came: nothing at all, a part, or all of it."""
    run = bryo("apply", "--resume", "it", wants=None)
    if run.returncode and "no apply was cut short" in run.stderr:
        bryo(*WORDS["apply"], wants=None)
    elif run.returncode:
        fail(f"resume: {run.stderr}")


def go_back():
    run = bryo("undo", "it", wants=None)
    if run.returncode and "nothing of it was applied" not in run.stderr:
        fail(f"undo: {run.stderr}")


def fresh():
    os.chdir(DIRECTORY)
    bryo("discard", "it", wants=None)
    shutil.rmtree(TREE, ignore_errors=True)
    if os.path.exists(TREE):
        subprocess.run(["chmod", "-R", "u+rwx", TREE], check=True)
        shutil.rmtree(TREE)
    make(TREE)
    bryo("try", "--name", "it", "--", "sh", "-c", CHANGE)
    write("old.text", TEXT + "6\n")


def main():
    global STORY
    fresh()
    before = show(TREE)
    applying = calls_of("apply")
    after = show(TREE)
    undoing = calls_of("undo")
    compare(before, "undo")
    cuts = 0
    for call in applying[::STRIDE]:
        STORY = f"apply cut short at {call}, gone on with"
        cuts += is_cut_short("apply", call)
        go_on()
        compare(after, "not as applied")
        STORY += ", undone"
        go_back()
        compare(before, "not as before")
        STORY = f"apply cut short at {call}, undone"
        cuts += is_cut_short("apply", call)
        go_back()
        compare(before, "not as before")
        STORY += ", applied again"
        bryo(*WORDS["apply"])
        compare(after, "not as applied")
        go_back()
    for call in undoing[::STRIDE]:
        STORY = f"undo cut short at {call}, gone on with"
        bryo(*WORDS["apply"])
        cuts += is_cut_short("undo", call)
        go_back()
        compare(before, "not as before")
    STORY = "at last"
    bryo(*WORDS["apply"])
    compare(after, "not as applied")
    print(f"cut short {cuts} times, at {len(applying)} and {len(undoing)} calls")


TREE = os.path.join(DIRECTORY, "tree")
STORY = "undisturbed"
main()
