#!/usr/bin/env python3
"""A random tree, random operations on it, and what a tree is, to the byte.

    random_tree.py make SEED DIR      fill DIR
    random_tree.py change SEED DIR    change it, by what it holds and SEED alone
    random_tree.py show DIR           a line for everything in it

All three are told the same by the same seed and the same tree, so that two trees that were equal
before are equal afterwards if what lies between did no harm. Where a change fails, it fails for
both: the error is part of what `change` prints.
"""

import errno
import hashlib
import os
import random
import shutil
import stat
import sys

NAMES = [b"a", b"b", b"c", b"dir", b"e f", b"-x", b"n\nl", b"\xff\xfe", b"\xc3\xa4", b".hid", b"x" * 255]
TIMES = [0, 10**18, 1_600_000_000_123_456_789, -5 * 10**9]


def content(rng):
    kind = rng.randrange(4)
    if kind == 0:
        return b""
    if kind == 1:
        return b"".join(b"line %d\n" % rng.randrange(9) for _ in range(rng.randrange(1, 9)))
    return rng.randbytes(rng.randrange(1, 6000))


def set_time(path, rng):
    moment = rng.choice(TIMES)
    os.utime(path, ns=(moment, moment), follow_symlinks=False)


def write(path, data, rng):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
    set_time(path, rng)


def make(rng, directory, depth=0):
    for name in NAMES:
        if rng.random() < 0.45:
            continue
        path = os.path.join(directory, name)
        kind = rng.randrange(8)
        if kind < 3 and depth < 3:
            os.mkdir(path)
            make(rng, path, depth + 1)
            os.chmod(path, rng.choice([0o755, 0o700, 0o775, 0o1777]))
        elif kind == 3:
            os.symlink(rng.choice([b"a", b"../b", b"/etc/passwd", b"nowhere", b"."]), path)
        else:
            write(path, content(rng), rng)
            os.chmod(path, rng.choice([0o644, 0o600, 0o755, 0o444, 0o640]))


def everything(root):
    found = []
    for directory, directories, files in os.walk(root):
        directories.sort()
        found += [os.path.join(directory, name) for name in sorted(directories + files)]
    return sorted(found)


def move(source, target):
    """As mv(1) in an overlay, for both: a directory of a lower layer is copied, since its rename is
    EXDEV, and its hard links become files of their own."""
    if not os.path.isdir(source) or os.path.islink(source):
        return os.rename(source, target)
    if target.startswith(source + b"/") or target == source:
        raise OSError(errno.EINVAL, "into itself")
    if os.path.lexists(target):
        if not os.path.isdir(target) or os.path.islink(target):
            raise NotADirectoryError(errno.ENOTDIR, "not a directory")
        os.rmdir(target)
    shutil.copytree(source, target, symlinks=True)
    return shutil.rmtree(source)


def one_change(rng, root):
    there = everything(root)
    directories = [root] + [p for p in there if os.path.isdir(p) and not os.path.islink(p)]
    files = [p for p in there if os.path.isfile(p) and not os.path.islink(p)]
    new = os.path.join(rng.choice(directories), rng.choice(NAMES))
    some = rng.choice(there) if there else new
    file = rng.choice(files) if files else new
    kind = rng.randrange(15)
    if kind == 0:
        write(new, content(rng), rng)
    elif kind == 1:
        os.mkdir(new)
    elif kind == 2:
        os.symlink(rng.choice([b"a", b"/etc", b"../x"]), new)
    elif kind == 3:
        if os.path.isdir(some) and not os.path.islink(some):
            shutil.rmtree(some)
        else:
            os.unlink(some)
    elif kind == 4:
        move(some, new)
    elif kind == 5:
        mode = rng.choice([0o755, 0o700, 0o750])
        if not os.path.islink(some):
            os.chmod(some, mode)
    elif kind == 6:
        with open(file, "ab") as handle:
            handle.write(content(rng))
        set_time(file, rng)
    elif kind == 7:
        # Of one kind after the other under one name.
        if os.path.isdir(some) and not os.path.islink(some):
            shutil.rmtree(some)
            write(some, content(rng), rng)
        else:
            os.unlink(some)
            os.mkdir(some)
            write(os.path.join(some, b"inside"), content(rng), rng)
    elif kind == 8:
        os.setxattr(file, b"user.test", rng.randbytes(rng.randrange(1, 40)))
    elif kind == 9:
        os.truncate(file, rng.randrange(100_000))
        set_time(file, rng)
    elif kind == 10:
        set_time(some, rng)
    elif kind == 11:
        fd = os.open(file, os.O_WRONLY)
        os.pwrite(fd, b"middle", rng.randrange(2000))
        os.close(fd)
        set_time(file, rng)
    elif kind == 12:
        # Written and put back: no change at all.
        data = open(file, "rb").read()
        times = os.stat(file)
        write(file, b"for a while", rng)
        write(file, data, rng)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    elif kind == 13:
        directory = rng.choice(directories)
        shutil.rmtree(directory, ignore_errors=True) if directory != root else None
        os.makedirs(directory, exist_ok=True)
        make(rng, directory, 2)
    else:
        write(new, content(rng), rng)
        os.link(new, new + b".link") if len(new.rsplit(b"/")[-1]) < 200 else None


def change(rng, root):
    for _ in range(rng.randrange(1, 25)):
        try:
            one_change(rng, root)
        except OSError as error:
            print(errno.errorcode.get(error.errno, "?"), end=" ")
    print()


def show(root):
    inodes = {}
    for path in everything(root):
        facts = os.lstat(path)
        name = os.path.relpath(path, root).hex()
        line = [name, stat.filemode(facts.st_mode)]
        if stat.S_ISLNK(facts.st_mode):
            line.append(os.readlink(path).hex())
        elif stat.S_ISREG(facts.st_mode):
            first = inodes.setdefault(facts.st_ino, name)
            attributes = sorted(n for n in os.listxattr(path) if n != "user.overlay.origin")
            line += [
                str(facts.st_size),
                str(facts.st_mtime_ns),
                hashlib.sha256(open(path, "rb").read()).hexdigest()[:16],
                first if first != name else "-",
                *(f"{n}={os.getxattr(path, n).hex()}" for n in attributes),
            ]
        print(" ".join(line))


def main():
    verb, *arguments = sys.argv[1:]
    os.umask(0o022)
    directory = os.fsencode(arguments[-1])
    if verb == "show":
        return show(directory)
    rng = random.Random(int(arguments[0]))
    # Many small trees side by side are as many cases for one sandbox.
    for index in range(int(arguments[1])):
        tree = os.path.join(directory, b"%d" % index)
        if verb == "make":
            os.mkdir(tree)
            make(rng, tree)
        else:
            change(random.Random(f"{arguments[0]}/{index}"), tree)
    return None


main()
