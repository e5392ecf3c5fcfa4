/* /proc and /sys: other processes, init first of all, and what the kernel tells and takes there.
 *
 * Inside, process 1 is the sandbox's own init; outside, where the probes are seen to work, the
 * session's victim stands for it.
 */
#include "probe.h"

#include <dirent.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

static int init_error;

/* The processes to try: init, then the victim. What init answered counts. */
static int targets(long pids[2])
{
    pids[0] = 1;
    pids[1] = given_number("victim");
    return pids[1] > 0 ? 2 : 1;
}

static const char *of_process(long pid, const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "/proc/%ld/%s", pid, name);
    return path;
}

static void remember(long pid)
{
    if (pid == 1)
        init_error = errno;
}

static void gave_up(const char *call)
{
    errno = init_error;
    failed(call);
}

/* Says what lies around the canary, if it is there. */
static void seek_canary(char *text, long length)
{
    char *found = length > 0 ? memmem(text, length, "CANARY-", 7) : NULL;
    if (found) {
        text[length] = 0;
        reached(found);
    }
}

static char buffer[1 << 20];

static void seek_in_file(const char *path, long pid)
{
    struct stat data;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    /* A pipe may be the one that the probes speak into: to read it would be to silence them. */
    int is_file = fd >= 0 && fstat(fd, &data) == 0 && S_ISREG(data.st_mode);
    long length = fd < 0 ? -1 : is_file ? read(fd, buffer, sizeof buffer - 1) : 0;
    if (length < 0)
        remember(pid);
    else
        init_error = init_error ? init_error : ENOENT;
    seek_canary(buffer, length);
    if (fd >= 0)
        close(fd);
}

static void environment(const char *id)
{
    (void)id;
    long pids[2];
    for (int i = 0, n = targets(pids); i < n; i++)
        seek_in_file(of_process(pids[i], "environ"), pids[i]);
    gave_up("environ");
}

/* Where the stack of a process lies: its arguments and environment begin there. */
static int stack_of(long pid, unsigned long *start, unsigned long *end)
{
    FILE *maps = fopen(of_process(pid, "maps"), "r");
    char line[512];
    while (maps && fgets(line, sizeof line, maps))
        if (strstr(line, "[stack]") && sscanf(line, "%lx-%lx", start, end) == 2) {
            fclose(maps);
            return 1;
        }
    return 0;
}

enum way { MEMORY_FILE, VECTOR, TRACE };

static void read_memory(enum way way, const char *call)
{
    long pids[2];
    for (int i = 0, n = targets(pids); i < n; i++) {
        unsigned long start, end;
        errno = 0;
        if (way == TRACE && ptrace(PTRACE_SEIZE, pids[i], 0, 0) < 0) {
            remember(pids[i]);
            continue;
        }
        if (!stack_of(pids[i], &start, &end)) {
            errno = errno ? errno : EACCES;
            remember(pids[i]);
            continue;
        }
        unsigned long size = end - start < sizeof buffer - 1 ? end - start : sizeof buffer - 1;
        long length = -1;
        if (way == VECTOR) {
            struct iovec local = {buffer, size}, remote = {(void *)(end - size), size};
            length = process_vm_readv(pids[i], &local, 1, &remote, 1, 0);
        } else {
            int fd = open(of_process(pids[i], "mem"), O_RDONLY);
            length = fd < 0 ? -1 : pread(fd, buffer, size, end - size);
        }
        if (length < 0)
            remember(pids[i]);
        seek_canary(buffer, length);
    }
    gave_up(call);
}

static void memory_file(const char *id) { (void)id, read_memory(MEMORY_FILE, "mem"); }
static void vector(const char *id) { (void)id, read_memory(VECTOR, "process_vm_readv"); }
static void trace(const char *id) { (void)id, read_memory(TRACE, "ptrace"); }

static void descriptors(const char *id)
{
    (void)id;
    long pids[2];
    init_error = ENOENT;
    for (int i = 0, n = targets(pids); i < n; i++)
        for (int fd = 0; fd < 64; fd++) {
            char name[32];
            snprintf(name, sizeof name, "fd/%d", fd);
            seek_in_file(of_process(pids[i], name), pids[i]);
        }
    gave_up("fd");
}

static void take_descriptor(const char *id)
{
    (void)id;
    long pids[2];
    for (int i = 0, n = targets(pids); i < n; i++) {
        int process = syscall(434 /* pidfd_open */, pids[i], 0);
        for (int fd = 0; fd < 64; fd++) {
            int taken = syscall(438 /* pidfd_getfd */, process, fd, 0);
            if (taken < 0 && errno != EBADF)
                remember(pids[i]);
            if (taken >= 0 && pids[i] == 1)
                reached("a descriptor of init");
            if (taken >= 0)
                seek_canary(buffer, pread(taken, buffer, sizeof buffer - 1, 0));
            close(taken);
        }
    }
    gave_up("pidfd_getfd");
}

static void root_link(const char *id)
{
    long pids[2];
    for (int i = 0, n = targets(pids); i < n; i++) {
        char name[4096];
        snprintf(name, sizeof name, "root%s", below("outside", id));
        seek_in_file(of_process(pids[i], name), pids[i]);
    }
    gave_up("root");
}

static void directory_link(const char *id)
{
    long pids[2];
    for (int i = 0, n = targets(pids); i < n; i++) {
        char name[4096];
        snprintf(name, sizeof name, "cwd/../outside/%s", id);
        seek_in_file(of_process(pids[i], name), pids[i]);
    }
    gave_up("cwd");
}

/* The file that the launcher runs from: who can open it may one day write it (CVE-2019-5736). */
static void launcher_file(const char *id)
{
    (void)id;
    struct stat data;
    int fd = must(open("/proc/1/exe", O_RDONLY), "open");
    must(fstat(fd, &data), "fstat");
    say("reached %lu:%lu", (long)data.st_dev, (long)data.st_ino);
}

/* Settings of the whole machine. Where one of a namespace opens, so would those. */
static void settings(const char *id)
{
    (void)id;
    static const char *const names[] = {
        "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hotplug",
        "/proc/sys/fs/binfmt_misc/register", "/proc/sysrq-trigger", "/proc/sys/kernel/sysrq",
        "/proc/sys/vm/overcommit_memory", "/proc/sys/net/ipv4/ip_forward",
        "/proc/sys/net/ipv4/ip_unprivileged_port_start", NULL,
    };
    for (int i = 0; names[i]; i++)
        if (open(names[i], O_WRONLY) >= 0)
            reached(names[i]);
    failed("open");
}

/* Runs as the root of a mount namespace of one's own, nested if need be. */
static void in_own_mounts(int namespaces)
{
    if (unshare(CLONE_NEWNS | namespaces) < 0)
        become_nested_root(CLONE_NEWNS | namespaces);
    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

static const char *new_directory(const char *id)
{
    const char *path = below("work", id);
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        failed("mkdir");
    return path;
}

static void fresh_proc(const char *id)
{
    in_own_mounts(CLONE_NEWPID);
    pid_t pid = fork();
    if (pid == 0) {
        char path[4200];
        const char *directory = new_directory(id);
        must(mount("proc", directory, "proc", 0, NULL), "mount");
        snprintf(path, sizeof path, "%s/kallsyms", directory);
        int fd = must(open(path, O_RDONLY), "open");
        must(read(fd, buffer, 16) > 0 ? 0 : -1, "read");
        reached("kallsyms");
    }
    waitpid(pid, NULL, 0);
    _exit(0);
}

static void fresh_sysfs(const char *id)
{
    in_own_mounts(CLONE_NEWNET);
    must(mount("sysfs", new_directory(id), "sysfs", 0, NULL), "mount");
    reached("mounted");
}

static void fresh_cgroups(const char *id)
{
    in_own_mounts(0x02000000 /* CLONE_NEWCGROUP */);
    must(mount("cgroup2", new_directory(id), "cgroup2", 0, NULL), "mount");
    reached("mounted");
}

static void keys(const char *id)
{
    (void)id;
    int fd = must(open("/proc/keys", O_RDONLY), "open");
    long length = must(read(fd, buffer, sizeof buffer - 1), "read");
    buffer[length] = 0;
    if (strstr(buffer, "bryo-escape"))
        reached("bryo-escape");
    say("absent key ENOENT");
}

static void symbols(const char *id)
{
    (void)id;
    int fd = must(open("/proc/kallsyms", O_RDONLY), "open");
    if (must(read(fd, buffer, 64), "read") > 16)
        reached("symbols");
    say("absent symbols ENOENT");
}

static void sysfs(const char *id)
{
    (void)id;
    DIR *directory = opendir("/sys/kernel");
    if (!directory)
        failed("opendir");
    struct dirent *entry;
    while ((entry = readdir(directory)))
        if (*entry->d_name != '.')
            reached(entry->d_name);
    say("absent sysfs ENOENT");
}

static void list_processes(const char *id)
{
    (void)id;
    DIR *directory = opendir("/proc");
    struct dirent *entry;
    if (!directory)
        failed("opendir");
    while ((entry = readdir(directory))) {
        long pid = strtol(entry->d_name, NULL, 10);
        int fd = pid > 0 ? open(of_process(pid, "cmdline"), O_RDONLY) : -1;
        long length = fd < 0 ? 0 : read(fd, buffer, sizeof buffer - 1);
        if (fd >= 0)
            close(fd);
        if (length > 7 && !memcmp(buffer, "victim", 7))
            reached("the victim");
    }
    say("absent process ESRCH");
}

const struct probe probes[] = {
    {"C1-exe", launcher_file},
    {"C2-environ", environment},
    {"C2-mem", memory_file},
    {"C2-fd", descriptors},
    {"C2-root", root_link},
    {"C2-cwd", directory_link},
    {"C3-sysctl", settings},
    {"C5-proc", fresh_proc},
    {"C5-sysfs", fresh_sysfs},
    {"C6-cgroup2", fresh_cgroups},
    {"C7-keys", keys},
    {"C7-kallsyms", symbols},
    {"C7-sys", sysfs},
    {"C9-list", list_processes},
    {"D2-ptrace", trace},
    {"D2-vm-readv", vector},
    {"D2-pidfd-getfd", take_descriptor},
    {0},
};
