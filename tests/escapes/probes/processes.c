/* Processes: the host's, which are not to be reached, and the sandbox's own, which are not to
 * outlive it. */
#include "probe.h"

#include <sys/resource.h>

static long victim(void) { return given_number("victim"); }

static void by_kill(const char *id)
{
    (void)id;
    must(kill(victim(), SIGKILL), "kill");
    reached("killed");
}

static void by_group(const char *id)
{
    (void)id;
    must(kill(-victim(), SIGKILL), "kill");
    reached("killed");
}

static void by_thread(const char *id)
{
    (void)id;
    must(syscall(SYS_tgkill, victim(), victim(), SIGKILL), "tgkill");
    reached("killed");
}

static void by_pidfd(const char *id)
{
    (void)id;
    int fd = must(syscall(434 /* pidfd_open */, victim(), 0), "pidfd_open");
    must(syscall(424 /* pidfd_send_signal */, fd, SIGKILL, NULL, 0), "pidfd_send_signal");
    reached("killed");
}

/* The kernel sends it when the pipe can be read. */
static void by_owner(const char *id)
{
    (void)id;
    int ends[2];
    must(pipe(ends), "pipe");
    must(fcntl(ends[0], F_SETOWN, (int)victim()), "fcntl");
    must(fcntl(ends[0], F_SETSIG, SIGKILL), "fcntl");
    must(fcntl(ends[0], F_SETFL, O_ASYNC), "fcntl");
    must(write(ends[1], "x", 1), "write");
    reached("signalled");
}

static void by_priority(const char *id)
{
    (void)id;
    must(setpriority(PRIO_PROCESS, victim(), 19), "setpriority");
    reached("slowed");
}

static void by_limit(const char *id)
{
    (void)id;
    struct rlimit limit = {1, 1};
    must(prlimit(victim(), RLIMIT_CPU, &limit, NULL), "prlimit");
    reached("limited");
}

/* Writes to `work/ID` again and again, whatever it is told, for longer than it is looked for. */
static void beat(const char *id)
{
    for (int signal = 1; signal < 32; signal++)
        (void)sigaction(signal, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    int fd = open(below("work", id), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    for (unsigned i = 0; fd >= 0 && i < seconds() * 40; i++) {
        (void)!write(fd, ".", 1);
        usleep(20000);
    }
    _exit(0);
}

/* Out of the session, the group and the care of its parents. */
static void leave_daemon(const char *id)
{
    if (fork() == 0) {
        setsid();
        if (fork() == 0)
            beat(id);
        _exit(0);
    }
    usleep(100000);
}

static void daemon_of_command(const char *id)
{
    leave_daemon(id);
    reached("started");
}

/* Whoever started the sandbox is killed once the file `ready` is there. */
static void wait_to_be_killed(void)
{
    dprintf(2, "%sreached started\n", fact);
    /* Until whoever is to be killed has passed it on. */
    usleep(300000);
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    (void)open(below("work", "ready"), O_WRONLY | O_CREAT, 0644);
    sleep(seconds());
    _exit(0);
}

static void child_of_killed(const char *id)
{
    if (fork() == 0)
        beat(id);
    usleep(100000);
    wait_to_be_killed();
}

static void daemon_of_killed(const char *id)
{
    leave_daemon(id);
    wait_to_be_killed();
}

const struct probe probes[] = {
    {"D1-kill", by_kill},
    {"D1-group", by_group},
    {"D1-tgkill", by_thread},
    {"D1-pidfd", by_pidfd},
    {"D1-owner", by_owner},
    {"D1-priority", by_priority},
    {"D1-limit", by_limit},
    {"D4-child", child_of_killed},
    {"D5-daemon", daemon_of_killed},
    {"D9-daemon", daemon_of_command},
    {0},
};
