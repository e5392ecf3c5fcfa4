#!/usr/bin/env python3
"""Random trees, random operations on them, and what a tree is, to the byte.

    random_tree.py make SEED COUNT LONGEST DIR…     fill each DIR alike, with COUNT trees
    random_tree.py change SEED COUNT LONGEST DIR [WITHOUT…]
                                                    change it, by what it holds and SEED alone
    random_tree.py show DIR                         a line for everything in it
    random_tree.py choose SEED BEFORE AFTER         some of the paths that differ, a NUL after each
    random_tree.py deep-make LEVELS DIR…            one chain of directories, files on the way
    random_tree.py deep-change LEVELS DIR           twice as deep, and changed on the way
    random_tree.py deep-show DIR                    as show, however deep

All are told the same by the same seed and the same tree, so that two trees that were equal before
are equal afterwards if what lies between did no harm. Where a change fails, it fails for both: the
error is part of what `change` prints. LONGEST is how many bytes the longest name has; WITHOUT names
operations that are left out.
"""

import errno
import hashlib
import os
import random
import shutil
import socket
import stat
import struct
import sys

NAMES = [b"a", b"b", b"c", b"dir", b"e f", b"-x", b"n\nl", b"\xff\xfe", b"\xc3\xa4", b".hid"]
TIMES = [0, 10**18, 1_600_000_000_123_456_789, -5 * 10**9]
ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"


def content(rng):
    kind = rng.randrange(4)
    if kind == 0:
        return b""
    if kind == 1:
        return b"".join(b"line %d\n" % rng.randrange(9) for _ in range(rng.randrange(1, 9)))
    return rng.randbytes(rng.randrange(1, 6000))


def access_list(rng):
    """As acl(5) has it: the owner, one more user, the group, the mask, the others."""
    bits = [rng.choice([4, 5, 6, 7]) for _ in range(5)]
    entries = [(1, -1), (2, os.getuid()), (4, -1), (16, -1), (32, -1)]
    packed = (struct.pack("<HHi", tag, bit | 7 if tag == 1 else bit, who) for (tag, who), bit in zip(entries, bits))
    return struct.pack("<I", 2) + b"".join(packed)


def set_time(path, rng):
    moment = rng.choice(TIMES)
    os.utime(path, ns=(moment, moment), follow_symlinks=False)


def write(path, data, rng):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
    set_time(path, rng)


def write_with_holes(path, rng, flags):
    fd = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | flags, 0o644)
    for _ in range(rng.randrange(1, 4)):
        os.pwrite(fd, b"island", rng.randrange(1 << 21))
    os.ftruncate(fd, rng.randrange(1 << 21))
    os.close(fd)
    set_time(path, rng)


def make(rng, directory, depth=0):
    # fuse-overlayfs 1.10 copies a file up with a mode that lets its owner write.
    read_only = 0o444 if len(NAMES[-1]) == 255 else 0o644
    for name in NAMES:
        if rng.random() < 0.65:
            continue
        path = os.path.join(directory, name)
        kind = rng.randrange(9)
        if kind < 3 and depth < 3:
            os.mkdir(path)
            # Some are left empty.
            if rng.random() < 0.8:
                make(rng, path, depth + 1)
            os.chmod(path, rng.choice([0o755, 0o700, 0o775, 0o1777]))
        elif kind == 3:
            os.symlink(rng.choice([b"a", b"../b", b"/etc/passwd", b"nowhere", b"."]), path)
        elif kind == 4 and depth < 2:
            write_with_holes(path, rng, os.O_CREAT | os.O_EXCL)
        else:
            write(path, content(rng), rng)
            os.chmod(path, rng.choice([0o644, 0o600, 0o755, 0o640, read_only]))


def is_plain(path):
    return not stat.S_ISFIFO(mode := os.lstat(path).st_mode) and not stat.S_ISSOCK(mode)


def is_directory(path):
    return os.path.isdir(path) and not os.path.islink(path)


def everything(root):
    """Without FIFOs and sockets, which are never applied."""
    found = []
    for directory, directories, files in os.walk(root):
        directories.sort()
        paths = (os.path.join(directory, name) for name in sorted(directories + files))
        found += filter(is_plain, paths)
    return sorted(found)


# ---------------------------------------------------------------- changes


class Change:
    """One change to a tree; each method is one kind of it."""

    def __init__(self, rng, root):
        self.rng, self.root = rng, root
        there = everything(root)
        self.directories = [root] + [p for p in there if is_directory(p)]
        files = [p for p in there if os.path.isfile(p) and not os.path.islink(p)]
        self.new = os.path.join(rng.choice(self.directories), rng.choice(NAMES))
        self.some = rng.choice(there) if there else self.new
        # Without one, what is done to it fails: a new name may be a link to anything.
        self.file = rng.choice(files) if files else os.path.join(root, b"no", b"file")
        self.directory = rng.choice(self.directories)

    def write(self):
        write(self.new, content(self.rng), self.rng)

    def make_directory(self):
        os.mkdir(self.new)

    def link(self):
        os.symlink(self.rng.choice([b"a", b"/etc", b"../x"]), self.new)

    def remove(self):
        shutil.rmtree(self.some) if is_directory(self.some) else os.unlink(self.some)

    def move(self):
        """As mv(1) in an overlay, for both: a directory of a lower layer is copied, since its
        rename is EXDEV, and its hard links become files of their own."""
        if not is_directory(self.some):
            return os.rename(self.some, self.new)
        if self.new.startswith(self.some + b"/") or self.new == self.some:
            raise OSError(errno.EINVAL, "into itself")
        if os.path.lexists(self.new):
            if not is_directory(self.new):
                raise NotADirectoryError(errno.ENOTDIR, "not a directory")
            os.rmdir(self.new)
        shutil.copytree(self.some, self.new, symlinks=True)
        return shutil.rmtree(self.some)

    def mode(self):
        mode = self.rng.choice([0o755, 0o700, 0o750])
        if not os.path.islink(self.some):
            os.chmod(self.some, mode)

    def append(self):
        with open(self.file, "ab") as handle:
            handle.write(content(self.rng))
        set_time(self.file, self.rng)

    def change_kind(self):
        if is_directory(self.some):
            shutil.rmtree(self.some)
            write(self.some, content(self.rng), self.rng)
        else:
            os.unlink(self.some)
            os.mkdir(self.some)
            write(os.path.join(self.some, b"inside"), content(self.rng), self.rng)

    def there_and_back(self):
        """A file that became a directory and a file again, or the other way round."""
        was_directory = is_directory(self.some)
        for _ in range(2):
            self.change_kind()
        if was_directory and self.rng.random() < 0.5:
            make(self.rng, self.some, 2)

    def attribute(self):
        os.setxattr(self.file, b"user.test", self.rng.randbytes(self.rng.randrange(1, 40)))

    def attribute_of_directory(self):
        os.setxattr(self.directory, b"user.test", self.rng.randbytes(self.rng.randrange(1, 40)))

    def access_list(self):
        os.setxattr(self.file, ACCESS, access_list(self.rng))

    def access_list_of_directory(self):
        os.setxattr(self.directory, ACCESS, access_list(self.rng))

    def default_access_list(self):
        os.setxattr(self.directory, DEFAULT, access_list(self.rng))

    def truncate(self):
        os.truncate(self.file, self.rng.randrange(100_000))
        set_time(self.file, self.rng)

    def time(self):
        set_time(self.some, self.rng)

    def overwrite(self):
        fd = os.open(self.file, os.O_WRONLY)
        os.pwrite(fd, b"middle", self.rng.randrange(2000))
        os.close(fd)
        set_time(self.file, self.rng)

    def holes(self):
        write_with_holes(self.rng.choice([self.file, self.new]), self.rng, os.O_CREAT)

    def write_and_put_back(self):
        """No change at all."""
        with open(self.file, "rb") as handle:
            data = handle.read()
        times = os.stat(self.file)
        write(self.file, b"for a while", self.rng)
        write(self.file, data, self.rng)
        os.utime(self.file, ns=(times.st_atime_ns, times.st_mtime_ns))

    def make_anew(self):
        """What was below shows no more."""
        if self.directory != self.root:
            shutil.rmtree(self.directory)
        os.makedirs(self.directory, exist_ok=True)
        make(self.rng, self.directory, 2)

    def make_anew_in_anew(self):
        """A directory that hides what was below, in one that does, too."""
        inner = os.path.join(self.directory, self.rng.choice(NAMES))
        for path in [self.directory, inner]:
            if path != self.root:
                shutil.rmtree(path, ignore_errors=True)
                os.makedirs(path, exist_ok=True)
            write(os.path.join(path, b"b"), content(self.rng), self.rng)

    def empty(self):
        for name in sorted(os.listdir(self.directory)):
            path = os.path.join(self.directory, name)
            shutil.rmtree(path) if is_directory(path) else os.unlink(path)

    def hard_link(self):
        write(self.new, content(self.rng), self.rng)
        if len(os.path.basename(self.new)) < 200:
            os.link(self.new, self.new + b".link")

    def hard_link_of_a_file(self):
        """As hard links of a lower file are files of their own in an overlay, it is one first."""
        data = open(self.file, "rb").read()
        os.unlink(self.file)
        write(self.file, data, self.rng)
        os.link(self.file, self.new)

    def fifo(self):
        os.mkfifo(os.path.join(self.directory, b".fifo"))

    def socket(self):
        os.chdir(self.directory)
        with socket.socket(socket.AF_UNIX) as it:
            it.bind(b".socket")

    @classmethod
    def kinds(cls):
        return [name for name in vars(cls) if name not in ("kinds",) and not name.startswith("_")]


def change(rng, root, without):
    kinds = [kind for kind in Change.kinds() if kind not in without]
    for _ in range(rng.randrange(1, 25)):
        kind = rng.choice(kinds)
        try:
            getattr(Change(rng, root), kind)()
        except OSError as error:
            # Through a link to /etc: root's on the host, read-only in the sandbox.
            number = errno.EACCES if error.errno == errno.EROFS else error.errno
            print(kind, errno.errorcode.get(number, "?"), end=" ")
    print()


# ---------------------------------------------------------------- what a tree is


def attributes(path):
    """Those of a user, without what a driver notes."""
    return [
        f"{name}={os.getxattr(path, name).hex()}"
        for name in sorted(os.listxattr(path))
        if not name.startswith(("user.overlay.", "user.fuseoverlayfs."))
    ]


def line_of(path, name, inodes):
    facts = os.lstat(path)
    line = [name, stat.filemode(facts.st_mode)]
    if stat.S_ISLNK(facts.st_mode):
        line.append(os.readlink(path).hex())
    elif stat.S_ISDIR(facts.st_mode):
        line += attributes(path)
    elif stat.S_ISREG(facts.st_mode):
        first = inodes.setdefault(facts.st_ino, name)
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()[:16]
        line += [str(facts.st_size), str(facts.st_mtime_ns), digest, first if first != name else "-"]
        line += attributes(path)
    return " ".join(line)


def lines_of(root):
    inodes = {}
    names = ((path, os.path.relpath(path, root).hex()) for path in everything(root))
    return {path: line_of(path, name, inodes) for path, name in names}


def choose(rng, before, after):
    """Some of the paths, relative to both trees, at each of which there is a change."""
    old = {os.path.relpath(path, before): line for path, line in lines_of(before).items()}
    new = {os.path.relpath(path, after): line for path, line in lines_of(after).items()}
    chosen = set()
    for path in sorted(old.keys() | new.keys()):
        # What went with its directory is not a change of its own.
        above = os.path.dirname(path)
        # By its own path: a link in its place may lead to a directory.
        is_above_there = (not above or above in new) and is_directory(os.path.join(after, above))
        is_gone_with_it = path not in new and not is_above_there
        if old.get(path) != new.get(path) and not is_gone_with_it and rng.random() < 0.4:
            chosen.add(path)
    for names in linked(after, new):
        # A file with several names is applied by all of them, or becomes files of their own.
        if any(is_within(name, chosen) for name in names):
            chosen.update(names)
    sys.stdout.buffer.write(b"".join(path + b"\0" for path in sorted(chosen)))


def linked(root, paths):
    inodes = {}
    for path in paths:
        facts = os.lstat(os.path.join(root, path))
        if stat.S_ISREG(facts.st_mode) and facts.st_nlink > 1:
            inodes.setdefault(facts.st_ino, []).append(path)
    return inodes.values()


def is_within(path, chosen):
    while path:
        if path in chosen:
            return True
        path = os.path.dirname(path)
    return False


# ---------------------------------------------------------------- one deep chain


def deep_make(levels, directory):
    os.chdir(directory)
    for level in range(levels):
        if level % 100 == 0 or level == levels - 1:
            write(b"file", b"%d\n" % level, random.Random(level))
        os.mkdir(b"d")
        os.chdir(b"d")


def deep_change(levels, directory):
    os.chdir(directory)
    for level in range(levels):
        if level % 300 == 0:
            write(b"new", b"%d\n" % level, random.Random(level))
        elif level % 100 == 0:
            os.unlink(b"file")
        os.chdir(b"d")
    deep_make(levels, b".")


def deep_show(directory):
    os.chdir(directory)
    level = 0
    while True:
        for name in sorted(os.listdir(b".")):
            if name != b"d":
                print(level, line_of(name, name.hex(), {}))
        if not os.path.isdir(b"d"):
            break
        print(level, stat.filemode(os.lstat(b"d").st_mode))
        os.chdir(b"d")
        level += 1


def main():
    verb, *words = sys.argv[1:]
    os.umask(0o022)
    if verb == "show":
        for line in lines_of(os.fsencode(words[0])).values():
            print(line)
    elif verb == "choose":
        choose(random.Random(words[0]), *map(os.fsencode, words[1:]))
    elif verb == "make":
        NAMES.append(b"x" * int(words[2]))
        for directory in map(os.fsencode, words[3:]):
            rng = random.Random(int(words[0]))
            # Many small trees side by side are as many cases for one sandbox.
            for index in range(int(words[1])):
                tree = os.path.join(directory, b"%d" % index)
                os.mkdir(tree)
                make(rng, tree)
    elif verb == "change":
        NAMES.append(b"x" * int(words[2]))
        directory = os.path.abspath(os.fsencode(words[3]))
        for index in range(int(words[1])):
            rng = random.Random(f"{words[0]}/{index}")
            change(rng, os.path.join(directory, b"%d" % index), words[4:])
    elif verb == "deep-show":
        deep_show(os.fsencode(words[0]))
    elif verb == "deep-make":
        for directory in map(os.path.abspath, words[1:]):
            deep_make(int(words[0]), directory)
    elif verb == "deep-change":
        deep_change(int(words[0]), os.fsencode(words[1]))


main()
