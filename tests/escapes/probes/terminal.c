/* The terminal: what is typed at it by nobody, and whose it is. */
#include "probe.h"

#include <dirent.h>
#include <sys/ioctl.h>
#include <termios.h>

/* Each pushes its own name, so that the session can tell whose words came. */
static void push(int fd, unsigned long request, const char *id)
{
    for (const char *c = id; *c; c++)
        must(syscall(SYS_ioctl, fd, request, c), "ioctl");
    reached("pushed");
}

static void push_stdin(const char *id) { push(0, TIOCSTI, id); }

static void push_tty(const char *id)
{
    push(must(open("/dev/tty", O_RDWR | O_NOCTTY), "open"), TIOCSTI, id);
}

/* The kernel takes the low 32 bits; a filter that compares 64 lets it through (CVE-2019-10063). */
static void push_high_bits(const char *id) { push(0, 0x100000000UL | TIOCSTI, id); }

static void push_i386(const char *id)
{
#ifdef __x86_64__
    static char letters[64];
    snprintf(letters, sizeof letters, "%s", id);
    for (char *c = letters; *c; c++) {
        long result;
        __asm__ volatile("int $0x80"
                         : "=a"(result)
                         : "a"(54 /* ioctl */), "b"(0), "c"(TIOCSTI), "d"(c)
                         : "memory", "r8", "r9", "r10", "r11");
        if (result < 0) {
            errno = -result;
            failed("ioctl");
        }
    }
    reached("pushed");
#else
    say("lacks a 32-bit entry");
#endif
}

/* Of a virtual console; everything else answers ENOTTY, which is an answer of the driver. */
static void console_selection(const char *id)
{
    (void)id;
    char subcode = 3;
    if (ioctl(0, TIOCLINUX, &subcode) == 0 || errno == ENOTTY)
        reached("the driver");
    failed("ioctl");
}

/* Whether this is the terminal of the host: `dev:rdev:name`. */
static int is_host_terminal(const struct stat *data)
{
    unsigned long device, number;
    if (sscanf(given("tty"), "%lx:%lx", &device, &number) != 2)
        return 0;
    return data->st_dev == device && data->st_rdev == number;
}

static void terminal_by_name(const char *id)
{
    (void)id;
    static const char *const names[] = {"/dev/console", "/dev/tty0", "/dev/tty1", NULL};
    struct stat data;
    for (int i = 0; names[i]; i++) {
        int fd = open(names[i], O_RDWR | O_NOCTTY | O_NONBLOCK);
        if (fd >= 0 && fstat(fd, &data) == 0 && is_host_terminal(&data))
            reached(names[i]);
    }
    DIR *directory = opendir("/dev/pts");
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        int fd = openat(dirfd(directory), entry->d_name, O_RDWR | O_NOCTTY | O_NONBLOCK);
        if (fd >= 0 && fstat(fd, &data) == 0 && is_host_terminal(&data))
            reached(entry->d_name);
    }
    say("absent terminal ENOENT");
}

static void terminal_as_stream(const char *id)
{
    (void)id;
    struct stat data;
    for (int fd = 0; fd <= 2; fd++)
        if (fstat(fd, &data) == 0 && is_host_terminal(&data))
            reached("a stream");
    say("absent terminal ENOTTY");
}

static void leave_raw(const char *id)
{
    (void)id;
    struct termios settings;
    must(tcgetattr(0, &settings), "tcgetattr");
    cfmakeraw(&settings);
    must(tcsetattr(0, TCSANOW, &settings), "tcsetattr");
    reached("raw");
}

static void leave_nonblocking(const char *id)
{
    (void)id;
    if (!isatty(0))
        failed("isatty");
    must(fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK), "fcntl");
    reached("non-blocking");
}

const struct probe probes[] = {
    {"A1-stdin", push_stdin},
    {"A1-tty", push_tty},
    {"A2-high-bits", push_high_bits},
    {"A2-i386", push_i386},
    {"A3-tioclinux", console_selection},
    {"A4-name", terminal_by_name},
    {"A4-stream", terminal_as_stream},
    {"A12-raw", leave_raw},
    {"A12-nonblock", leave_nonblocking},
    {0},
};
