/* Descriptors: what the sandbox was given or inherited, and what can be made of it. */
#include "probe.h"

#include <dirent.h>
#include <limits.h>
#include <sys/ioctl.h>

/* Opened for reading on the host, and not to be seen in the sandbox. */
static void reopen_stdin(const char *id)
{
    (void)id;
    write_word(must(open("/proc/self/fd/0", O_WRONLY), "reopen"));
}

static void truncate_stdin(const char *id)
{
    (void)id;
    must(truncate("/proc/self/fd/0", 0), "truncate");
    reached("truncated");
}

/* Opened for appending; to read it is to read what the sandbox has not written. */
static void read_stdout(const char *id)
{
    (void)id;
    read_file("/proc/self/fd/1");
}

static void truncate_stdout(const char *id)
{
    (void)id;
    must(open("/proc/self/fd/1", O_WRONLY | O_TRUNC), "reopen");
    reached("truncated");
}

static void overwrite_stdout(const char *id)
{
    (void)id;
    must(fcntl(1, F_SETFL, 0), "fcntl");
    must(pwrite(1, "ESCAPED\n", 8, 0), "pwrite");
    reached("overwritten");
}

/* A descriptor above 2 that leads somewhere. Nothing of ours is open yet. */
static void enumerate(const char *id)
{
    (void)id;
    DIR *directory = opendir("/proc/self/fd");
    if (!directory)
        failed("opendir");
    struct dirent *entry;
    char found[1024] = "";
    while ((entry = readdir(directory))) {
        int fd = atoi(entry->d_name);
        char link[64], target[256] = "";
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        if (fd <= 2 || fd == dirfd(directory) || readlink(link, target, sizeof target - 1) < 0)
            continue;
        snprintf(found + strlen(found), sizeof found - strlen(found), "%d=%s ", fd, target);
    }
    if (*found)
        reached(found);
    say("absent descriptors ENOENT");
}

static void read_directory(const char *id)
{
    reached_content(must(openat(7, id, O_RDONLY), "openat"));
}

static void write_directory(const char *id)
{
    write_word(must(openat(7, id, O_WRONLY), "openat"));
}

static void enter_directory(const char *id)
{
    must(fchdir(7), "fchdir");
    read_file(id);
}

static void write_file(const char *id)
{
    (void)id;
    must(pwrite(8, "ESCAPED\n", 8, 0), "pwrite");
    reached("written");
}

/* Where it starts: never outside of its root, never a name that is not below it. */
static void start_directory(const char *id)
{
    char directory[PATH_MAX];
    if (syscall(SYS_getcwd, directory, sizeof directory) < 0)
        failed("getcwd");
    if (!strncmp(directory, "(unreachable)", 13))
        reached(directory);
    int fd = open(id, O_RDONLY);
    if (fd >= 0)
        reached_content(fd);
    failed("open");
}

const struct probe probes[] = {
    {"A5-write", reopen_stdin},
    {"A5-truncate", truncate_stdin},
    {"A6-read", read_stdout},
    {"A6-truncate", truncate_stdout},
    {"A6-overwrite", overwrite_stdout},
    {"A7-enumerate", enumerate},
    {"A7-file", write_file},
    {"A8-openat", read_directory},
    {"A8-write", write_directory},
    {"A8-fchdir", enter_directory},
    {"A8-workdir", start_directory},
    {0},
};
