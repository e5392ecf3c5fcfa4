/* Limits: more processes, memory or files than were given. */
#include "probe.h"

#include <pthread.h>
#include <sys/resource.h>

/* What is asked for is many times what the limits of the run allow, and little for a machine. */
#define MANY 300
#define MEGABYTES 64

static void processes(const char *id)
{
    (void)id;
    pid_t pids[MANY];
    int count = 0, error = 0;
    for (; count < MANY; count++) {
        pids[count] = fork();
        if (pids[count] == 0) {
            pause();
            _exit(0);
        }
        if (pids[count] < 0) {
            error = errno;
            break;
        }
    }
    for (int i = 0; i < count; i++)
        kill(pids[i], SIGKILL);
    errno = error;
    if (error)
        failed("fork");
    reached("all of them");
}

static void *sleeping(void *nothing)
{
    pause();
    return nothing;
}

static void threads(const char *id)
{
    (void)id;
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536);
    for (int i = 0; i < MANY; i++) {
        pthread_t thread;
        errno = pthread_create(&thread, &small, sleeping, NULL);
        if (errno)
            failed("pthread_create");
    }
    reached("all of them");
}

static void fill(const char *directory, const char *id)
{
    static char megabyte[1 << 20];
    char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, id);
    int fd = must(open(path, O_WRONLY | O_CREAT, 0600), "open");
    for (int i = 0; i < MEGABYTES; i++)
        if (write(fd, megabyte, sizeof megabyte) != sizeof megabyte) {
            int error = errno ? errno : ENOSPC;
            unlink(path);
            errno = error;
            failed("write");
        }
    unlink(path);
    reached("all of it");
}

static void fill_tmp(const char *id) { fill("/tmp", id); }
static void fill_shm(const char *id) { fill("/dev/shm", id); }

static void open_files(const char *id)
{
    (void)id;
    for (int i = 0; i < MANY; i++)
        must(dup(2), "dup");
    reached("all of them");
}

const struct probe probes[] = {
    {"I8-processes", processes},
    {"I8-threads", threads},
    {"I9-tmp", fill_tmp},
    {"I9-shm", fill_shm},
    {"I11-files", open_files},
    {0},
};
