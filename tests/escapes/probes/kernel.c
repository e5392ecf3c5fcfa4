/* The kernel: what it offers beyond files, and what a filter is to close. */
#include "probe.h"

#include <linux/perf_event.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define CLONE_NEWUSER_ 0x10000000L

static long number_in(const char *path)
{
    char text[32] = "";
    int fd = open(path, O_RDONLY);
    if (fd < 0 || read(fd, text, sizeof text - 1) < 0)
        return -1;
    close(fd);
    return strtol(text, NULL, 10);
}

static void answered(long result, const char *call)
{
    must(result, call);
    reached(call);
}

static void io_uring(const char *id)
{
    (void)id;
    char parameters[256] = "";
    if (number_in("/proc/sys/kernel/io_uring_disabled") > 0)
        say("lacks io_uring: the sysctl kernel.io_uring_disabled is set");
    answered(syscall(425, 4, parameters), "io_uring_setup");
}

static void perf(const char *id)
{
    (void)id;
    if (number_in("/proc/sys/kernel/perf_event_paranoid") > 2)
        say("lacks perf: the sysctl kernel.perf_event_paranoid is above 2");
    struct perf_event_attr event = {.type = PERF_TYPE_SOFTWARE, .size = sizeof event,
        .config = PERF_COUNT_SW_TASK_CLOCK, .exclude_kernel = 1, .exclude_hv = 1};
    answered(syscall(SYS_perf_event_open, &event, 0, -1, -1, 0), "perf_event_open");
}

static void faults(const char *id)
{
    (void)id;
    answered(syscall(SYS_userfaultfd, O_CLOEXEC | 1 /* UFFD_USER_MODE_ONLY */), "userfaultfd");
}

static void secret_memory(const char *id)
{
    (void)id;
    answered(syscall(447, 0), "memfd_secret");
}

static void compare_processes(const char *id)
{
    (void)id;
    answered(syscall(SYS_kcmp, getpid(), getpid(), 1 /* KCMP_VM */, 0, 0), "kcmp");
}

static void fanotify(const char *id)
{
    (void)id;
    answered(syscall(SYS_fanotify_init, 0x200 /* FAN_REPORT_FID */, O_RDONLY), "fanotify_init");
}

static void file_handle(const char *id)
{
    (void)id;
    struct {
        struct file_handle handle;
        char more[128];
    } space = {.handle = {.handle_bytes = 128}};
    int mount;
    answered(name_to_handle_at(AT_FDCWD, "/proc/self", &space.handle, &mount, 0) == 0 ||
            errno == EOPNOTSUPP ? 0 : -1, "name_to_handle_at");
}

static void move_pages_of_self(const char *id)
{
    (void)id;
    void *page = sbrk(0);
    int status = 0;
    answered(syscall(SYS_move_pages, 0, 1, &page, NULL, &status, 0), "move_pages");
}

static void splice_pages(const char *id)
{
    (void)id;
    int ends[2];
    struct iovec piece = {(void *)id, 1};
    must(pipe(ends), "pipe");
    answered(vmsplice(ends[1], &piece, 1, 0), "vmsplice");
}

static void list_mounts(const char *id)
{
    (void)id;
    struct {
        uint32_t size, spare;
        uint64_t mount, parameter;
    } request = {24, 0, -1UL /* LSMT_ROOT */, 0};
    uint64_t mounts[8];
    answered(syscall(458, &request, mounts, 8, 0), "listmount");
}

static void open_filesystem(const char *id)
{
    (void)id;
    int fd = syscall(430, "tmpfs", 0);
    /* EPERM of the capability, or of the filter: only an own mount namespace tells. */
    if (fd < 0 && unshare(CLONE_NEWNS) == 0)
        fd = syscall(430, "tmpfs", 0);
    answered(fd, "fsopen");
}

/* The key that the session holds; `keyctl` in either entry to the kernel. */
static char key_kind[] = "user", key_name[] = "bryo-escape", key_text[256];

static void read_key(const char *id)
{
    (void)id;
    long key = syscall(SYS_keyctl, 10 /* SEARCH */, -3, key_kind, key_name, 0);
    if (key < 0)
        key = syscall(SYS_request_key, key_kind, key_name, NULL, 0);
    if (key < 0)
        must(key, "keyctl");
    must(syscall(SYS_keyctl, 11 /* READ */, key, key_text, sizeof key_text - 1), "keyctl");
    reached(key_text);
}

static void add_key(const char *id)
{
    (void)id;
    answered(syscall(SYS_add_key, key_kind, "mine", "x", 1, -3), "add_key");
}

static void keyring_of_user(const char *id)
{
    (void)id;
    answered(syscall(SYS_keyctl, 0 /* GET_KEYRING_ID */, -4 /* the user's */, 1), "keyctl");
}

/* What a nested root is after: mounts, and a network stack of its own to attack. */
static void mount_something(const char *id)
{
    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    must(mount("x", "/tmp", "tmpfs", 0, NULL), "mount");
    int fd = must(open("/tmp/x", O_WRONLY | O_CREAT, 0644), "open");
    must(write(fd, id, 1), "write");
    reached("mounted");
}

static void nested_by_unshare(const char *id)
{
    become_nested_root(CLONE_NEWNS);
    mount_something(id);
}

static void nested_by_clone(const char *id)
{
    (void)id;
    long pid = syscall(SYS_clone, CLONE_NEWUSER_ | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        _exit(0);
    answered(pid, "clone");
}

static void nested_by_clone3(const char *id)
{
    (void)id;
    uint64_t arguments[11] = {CLONE_NEWUSER_ | CLONE_NEWNS, 0, 0, 0, SIGCHLD};
    long pid = syscall(435, arguments, sizeof arguments);
    if (pid == 0)
        _exit(0);
    answered(pid, "clone3");
}

/* CAP_SYS_ADMIN of the sandbox's own root would do. */
static void mounts_by_unshare(const char *id)
{
    must(unshare(CLONE_NEWNS), "unshare");
    mount_something(id);
}

static void nested_packet(const char *id)
{
    (void)id;
    become_nested_root(CLONE_NEWNET);
    answered(socket(AF_PACKET, SOCK_RAW, 0), "socket");
}

static void nested_netfilter(const char *id)
{
    (void)id;
    become_nested_root(CLONE_NEWNET);
    answered(socket(AF_NETLINK, SOCK_RAW, 12 /* NETLINK_NETFILTER */), "socket");
}

/* Only UNIX, INET, INET6 and NETLINK are for programs; one of all others is enough. */
static void socket_families(const char *id)
{
    (void)id;
    for (int family = 3; family < 46; family++) {
        static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET};
        if (family == AF_INET6 || family == AF_NETLINK)
            continue;
        for (int type = 0; type < 4; type++)
            if (socket(family, types[type], 0) >= 0)
                say("reached family %d", family);
    }
    errno = EAFNOSUPPORT;
    failed("socket");
}

static void vsock(const char *id)
{
    (void)id;
    answered(socket(AF_VSOCK, SOCK_STREAM, 0), "socket");
}

static void packet(const char *id)
{
    (void)id;
    answered(socket(AF_PACKET, SOCK_RAW, 0), "socket");
}

static void netlink(const char *id)
{
    (void)id;
    for (int protocol = 1; protocol < 23; protocol++)
        if (socket(AF_NETLINK, SOCK_RAW, protocol) >= 0)
            say("reached protocol %d", protocol);
    errno = EAFNOSUPPORT;
    failed("socket");
}

#ifdef __x86_64__
static long call32(long number, long a, long b, long c, long d)
{
    long result;
    register long fourth __asm__("rsi") = d;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(number), "b"(a), "c"(b), "d"(c), "r"(fourth), "D"(0)
                     : "memory", "r8", "r9", "r10", "r11");
    if (result < 0) {
        errno = -result;
        return -1;
    }
    return result;
}
#else
static long call32(long number, long a, long b, long c, long d)
{
    (void)number, (void)a, (void)b, (void)c, (void)d;
    say("lacks a 32-bit entry");
    return -1;
}
#endif

static void entry32(const char *id)
{
    (void)id;
    answered(call32(20 /* getpid */, 0, 0, 0, 0), "getpid");
}

static void key32(const char *id)
{
    (void)id;
    long key = must(call32(287 /* request_key */, (long)key_kind, (long)key_name, 0, 0), "request_key");
    must(call32(288 /* keyctl */, 11, key, (long)key_text, sizeof key_text - 1), "keyctl");
    reached(key_text);
}

static void nested32(const char *id)
{
    (void)id;
    answered(call32(310 /* unshare */, CLONE_NEWUSER_, 0, 0, 0), "unshare");
}

static void socket32(const char *id)
{
    (void)id;
    static unsigned arguments[3] = {AF_VSOCK, SOCK_STREAM, 0};
    answered(call32(102 /* socketcall */, 1 /* SYS_SOCKET */, (long)arguments, 0, 0), "socketcall");
}

static void executable_memory(const char *id)
{
    (void)id;
    answered(personality(READ_IMPLIES_EXEC), "personality");
}

static void segments(const char *id)
{
    (void)id;
#ifdef __x86_64__
    char table[64];
    answered(syscall(SYS_modify_ldt, 0, table, sizeof table), "modify_ldt");
#else
    say("lacks segments");
#endif
}

static void plain_clone3(const char *id)
{
    (void)id;
    uint64_t arguments[11] = {0, 0, 0, 0, SIGCHLD};
    long pid = syscall(435, arguments, sizeof arguments);
    if (pid == 0)
        _exit(0);
    answered(pid, "clone3");
}

/* A program that is root for whoever runs it, as long as it asks for the password. */
static void setuid_program(const char *id)
{
    (void)id;
    int input[2];
    char path[64], line[256];
    unsigned own = geteuid(), real, effective = own;
    if (access("/usr/bin/su", X_OK) && access("/bin/su", X_OK))
        failed("access");
    must(pipe(input), "pipe");
    pid_t pid = fork();
    if (pid == 0) {
        dup2(input[0], 0);
        close(input[1]);
        int null = open("/dev/null", O_WRONLY);
        dup2(null, 1);
        dup2(null, 2);
        execl("/usr/bin/su", "su", "nobody", NULL);
        _exit(1);
    }
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    /* Whoever it is to be, it is from its first moment. */
    for (int i = 0, runs = 0; i < 500 && !runs; i++, poll(NULL, 0, 3)) {
        FILE *status = fopen(path, "r");
        while (status && fgets(line, sizeof line, status)) {
            runs |= !strcmp(line, "Name:\tsu\n");
            sscanf(line, "Uid: %u %u", &real, &effective);
        }
        if (status)
            fclose(status);
    }
    kill(pid, SIGKILL);
    if (effective != own)
        say("reached uid %u", effective);
    say("refused setuid EPERM");
}

/* No filter, or no no_new_privs, on this very process. */
static void unconfined(const char *id)
{
    (void)id;
    char line[256];
    int filter = -1, privileges = -1;
    FILE *status = fopen("/proc/self/status", "r");
    if (!status)
        failed("open");
    while (fgets(line, sizeof line, status)) {
        sscanf(line, "Seccomp: %d", &filter);
        sscanf(line, "NoNewPrivs: %d", &privileges);
    }
    if (filter != 2 || privileges != 1)
        say("reached Seccomp %d NoNewPrivs %d", filter, privileges);
    say("refused confined EPERM");
}

const struct probe probes[] = {
    {"C11-setup", io_uring},
    {"C12-perf", perf},
    {"C12-userfaultfd", faults},
    {"C12-memfd-secret", secret_memory},
    {"C12-kcmp", compare_processes},
    {"C12-fanotify", fanotify},
    {"C12-file-handle", file_handle},
    {"C12-move-pages", move_pages_of_self},
    {"C12-vmsplice", splice_pages},
    {"C12-listmount", list_mounts},
    {"C12-fsopen", open_filesystem},
    {"C13-read", read_key},
    {"C13-add", add_key},
    {"C13-user", keyring_of_user},
    {"C14-unshare", nested_by_unshare},
    {"C14-clone", nested_by_clone},
    {"C14-clone3", nested_by_clone3},
    {"C14-mounts", mounts_by_unshare},
    {"C14-packet", nested_packet},
    {"C14-netfilter", nested_netfilter},
    {"C15-families", socket_families},
    {"C15-vsock", vsock},
    {"C15-packet", packet},
    {"C15-netlink", netlink},
    {"C16-entry", entry32},
    {"C16-key", key32},
    {"C16-unshare", nested32},
    {"C16-socketcall", socket32},
    {"C17-personality", executable_memory},
    {"C17-modify-ldt", segments},
    {"C18-su", setuid_program},
    {"C20-clone3", plain_clone3},
    {"C21-status", unconfined},
    {0},
};
