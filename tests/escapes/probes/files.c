/* Files: what is read-only, what is hidden, what is shared with the host. */
#include "probe.h"

#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/time.h>
#include <sys/xattr.h>

static void write_ro(const char *id) { write_word(must(open(below("ro", id), O_WRONLY), "open")); }

static void append_ro(const char *id)
{
    write_word(must(open(below("ro", id), O_WRONLY | O_APPEND), "open"));
}

static void truncate_ro(const char *id)
{
    must(truncate(below("ro", id), 0), "truncate");
    reached("truncated");
}

static void create_ro(const char *id)
{
    char path[4096];
    snprintf(path, sizeof path, "%s.new", below("ro", id));
    write_word(must(open(path, O_WRONLY | O_CREAT | O_EXCL, 0644), "open"));
}

static void unlink_ro(const char *id)
{
    must(unlink(below("ro", id)), "unlink");
    reached("unlinked");
}

static void rename_ro(const char *id)
{
    char moved[4096];
    snprintf(moved, sizeof moved, "%s.moved", below("ro", id));
    must(rename(below("ro", id), moved), "rename");
    reached("renamed");
}

static void chmod_ro(const char *id)
{
    must(chmod(below("ro", id), 0777), "chmod");
    reached("changed");
}

static void utime_ro(const char *id)
{
    struct timeval times[2] = {{1, 0}, {1, 0}};
    must(utimes(below("ro", id), times), "utimes");
    reached("changed");
}

static void xattr_ro(const char *id)
{
    must(setxattr(below("ro", id), "user.escape", "x", 1, 0), "setxattr");
    reached("changed");
}

static void reopen_ro(const char *id)
{
    char link[64];
    int fd = must(open(below("ro", id), O_RDONLY), "open");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    write_word(must(open(link, O_WRONLY), "reopen"));
}

static void map_ro(const char *id)
{
    int fd = must(open(below("ro", id), O_RDWR), "open");
    char *map = mmap(NULL, 7, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        failed("mmap");
    memcpy(map, "ESCAPED", 7);
    reached("mapped");
}

/* A second name where writing is allowed, for a file where it is not. */
static void link_ro(const char *id)
{
    const char *name = below("work", "link-of-ro");
    must(link(below("ro", id), name), "link");
    write_word(must(open(name, O_WRONLY), "open"));
}

/* The reader is on the host. A FIFO is no file: a read-only mount does not stop a writer. Shown in
 * /srv, if that is there: no directory above that may be written to. */
static void fifo_ro(const char *id)
{
    char path[256];
    snprintf(path, sizeof path, "/srv/ro/%s", id);
    int fd = open(path, O_WRONLY | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        fd = open(below("ro", id), O_WRONLY | O_NONBLOCK);
    write_word(must(fd, "open"));
}

static const char *const secrets[] = {
    ".ssh/id_ed25519", ".aws/credentials", ".config/gh/hosts.yml", ".config/gcloud/credentials.db",
    ".netrc", ".npmrc", ".pypirc", ".cargo/credentials.toml", ".docker/config.json", ".kube/config",
    ".gnupg/secring.gpg", ".password-store/mail.gpg", ".mozilla/firefox/logins.json",
    ".bash_history", ".git-credentials", ".local/share/bryo/changes/a/record", NULL,
};

/* Every place that programs keep secrets in; one readable is enough. */
static void read_secrets(const char *id)
{
    (void)id;
    for (int i = 0; secrets[i]; i++) {
        int fd = open(below("home", secrets[i]), O_RDONLY);
        if (fd >= 0)
            reached_content(fd);
    }
    failed("open");
}

static void read_runtime(const char *id) { read_file(below("run", id)); }
static void read_outside(const char *id) { read_file(below("outside", id)); }

/* Up from the working directory, further than any tree is deep, and down again from there. */
static void walk_up(const char *id)
{
    for (int i = 0; i < 64; i++)
        must(chdir(".."), "chdir");
    const char *path = below("outside", id);
    while (*path == '/')
        path++;
    read_file(path);
}

static const char *const start_files[] = {
    ".bashrc", ".profile", ".zshrc", ".config/fish/config.fish", ".config/autostart/x.desktop",
    ".config/systemd/user/x.service", ".local/bin/git", ".ssh/authorized_keys", ".gitconfig",
    ".cargo/config.toml", NULL,
};

/* What the user's next shell, login or build runs. */
static void write_start_files(const char *id)
{
    (void)id;
    int written = 0;
    for (int i = 0; start_files[i]; i++) {
        int fd = open(below("home", start_files[i]), O_WRONLY | O_APPEND);
        if (fd < 0)
            fd = open(below("home", start_files[i]), O_WRONLY | O_CREAT, 0755);
        written += fd >= 0 && write(fd, "ESCAPED\n", 8) == 8;
    }
    if (!written)
        failed("open");
    reached("written");
}

/* The host's places that all programs share: a canary there to read, a name there to take. */
static void shared_place(const char *place)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", place, given("token"));
    int fd = open(path, O_RDWR);
    if (fd >= 0) {
        char text[256] = "";
        if (read(fd, text, sizeof text - 1) > 0 && strstr(text, "CANARY"))
            reached(text);
    }
    strcat(path, ".taken");
    write_word(must(open(path, O_WRONLY | O_CREAT, 0644), "open"));
}

static void shared_tmp(const char *id) { (void)id, shared_place("/tmp"); }
static void shared_var_tmp(const char *id) { (void)id, shared_place("/var/tmp"); }
static void shared_shm(const char *id) { (void)id, shared_place("/dev/shm"); }

/* The bits that make a file run as its owner for whoever finds it on the host. */
static void setuid_chmod(const char *id)
{
    int fd = must(open(below("work", id), O_WRONLY | O_CREAT, 0755), "open");
    must(fchmod(fd, 06755), "fchmod");
    reached("set");
}

static void setuid_path(const char *id)
{
    const char *path = below("work", id);
    must(open(path, O_WRONLY | O_CREAT, 0755), "open");
    must(chmod(path, 04755), "chmod");
    reached("set");
}

static void setuid_create(const char *id)
{
    must(open(below("work", id), O_WRONLY | O_CREAT | O_EXCL, 04755), "open");
    reached("made");
}

static void setuid_mknod(const char *id)
{
    must(mknod(below("work", id), S_IFREG | 04755, 0), "mknod");
    reached("made");
}

static void setuid_fchmodat2(const char *id)
{
    const char *path = below("work", id);
    must(open(path, O_WRONLY | O_CREAT, 0755), "open");
    must(syscall(452 /* fchmodat2 */, AT_FDCWD, path, 04755, 0), "fchmodat2");
    reached("set");
}

static void setuid_openat2(const char *id)
{
    struct { uint64_t flags, mode, resolve; } how = {O_CREAT | O_WRONLY, 04755, 0};
    must(syscall(437 /* openat2 */, AT_FDCWD, below("work", id), &how, sizeof how), "openat2");
    reached("made");
}

static void setuid_tmpfile(const char *id)
{
    char path[64];
    int fd = must(open(given("work"), O_TMPFILE | O_WRONLY, 04755), "open");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    must(linkat(AT_FDCWD, path, AT_FDCWD, below("work", id), AT_SYMLINK_FOLLOW), "linkat");
    reached("made");
}

/* A device that every user of the host may open. */
static void open_device(const char *id)
{
    (void)id;
    must(open("/dev/fuse", O_RDWR | O_CLOEXEC), "open");
    reached("opened");
}

/* Locking what the host's programs lock: apt, git, sqlite wait for ever. */
static void lock_hidden(const char *id)
{
    int fd = must(open(below("outside", id), O_RDONLY), "open");
    must(flock(fd, LOCK_EX | LOCK_NB), "flock");
    reached("locked");
}

static void watch_hidden(const char *id)
{
    (void)id;
    int fd = must(inotify_init1(IN_CLOEXEC), "inotify_init1");
    must(inotify_add_watch(fd, given("outside"), IN_ALL_EVENTS), "inotify_add_watch");
    reached("watched");
}

/* In an overlay everything may be written, and nothing of it may get through. */
static void write_layer(const char *id) { write_word(must(open(below("layer", id), O_WRONLY), "open")); }

static void unlink_layer(const char *id)
{
    must(unlink(below("layer", id)), "unlink");
    reached("unlinked");
}

static void map_layer(const char *id)
{
    int early = must(open(below("layer", id), O_RDONLY), "open");
    int fd = must(open(below("layer", id), O_RDWR), "open");
    char *map = mmap(NULL, 7, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        failed("mmap");
    memcpy(map, "ESCAPED", 7);
    must(msync(map, 7, MS_SYNC), "msync");
    close(early);
    reached("mapped");
}

static void chmod_layer(const char *id)
{
    must(chmod(below("layer", id), 0777), "chmod");
    reached("changed");
}

/* The loader of every program of the rootfs reads this first. */
static void preload(const char *id)
{
    (void)id;
    write_word(must(open("/etc/ld.so.preload", O_WRONLY | O_CREAT, 0644), "open"));
}

const struct probe probes[] = {
    {"B1-write", write_ro},
    {"B1-append", append_ro},
    {"B1-truncate", truncate_ro},
    {"B1-create", create_ro},
    {"B1-unlink", unlink_ro},
    {"B1-rename", rename_ro},
    {"B1-chmod", chmod_ro},
    {"B1-utime", utime_ro},
    {"B1-setxattr", xattr_ro},
    {"B1-reopen", reopen_ro},
    {"B1-mmap", map_ro},
    {"B11-home", read_secrets},
    {"B11-runtime", read_runtime},
    {"B11-beside", read_outside},
    {"B11-walk-up", walk_up},
    {"B12-start-files", write_start_files},
    {"B13-tmp", shared_tmp},
    {"B13-var-tmp", shared_var_tmp},
    {"B13-shm", shared_shm},
    {"B14-link", link_ro},
    {"B15-fchmod", setuid_chmod},
    {"B15-chmod", setuid_path},
    {"B15-create", setuid_create},
    {"B15-mknod", setuid_mknod},
    {"B15-fchmodat2", setuid_fchmodat2},
    {"B15-openat2", setuid_openat2},
    {"B15-tmpfile", setuid_tmpfile},
    {"B16-device", open_device},
    {"B21-fifo", fifo_ro},
    {"B22-lock", lock_hidden},
    {"B23-preload", preload},
    {"B24-watch", watch_hidden},
    {"B0-overlay-write", write_layer},
    {"B0-overlay-unlink", unlink_layer},
    {"B0-overlay-mmap", map_layer},
    {"B0-overlay-chmod", chmod_layer},
    {0},
};
