/* Means by which programs of one machine talk to each other: sockets, shared memory, queues. */
#include "probe.h"

#include <mqueue.h>
#include <stddef.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

/* The service says the canary to whoever comes. */
static void ask(const char *name, int is_abstract)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {1, 0};
    size_t length = strlen(name);
    if (length + 2 > sizeof address.sun_path)
        say("lacks a name that is short enough");
    memcpy(address.sun_path + is_abstract, name, length);
    int fd = must(socket(AF_UNIX, SOCK_STREAM, 0), "socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    socklen_t size = offsetof(struct sockaddr_un, sun_path) + is_abstract + length;
    must(connect(fd, (struct sockaddr *)&address, size), "connect");
    reached_content(fd);
}

static void in_home(const char *id) { (void)id, ask(given("home-socket"), 0); }
static void in_runtime(const char *id) { (void)id, ask(given("run-socket"), 0); }
static void in_tmp(const char *id) { (void)id, ask(given("tmp-socket"), 0); }
static void by_abstract_name(const char *id) { (void)id, ask(given("abstract"), 1); }

static void by_variable(const char *id)
{
    (void)id;
    const char *path = getenv("SSH_AUTH_SOCK");
    if (!path)
        say("absent variable ENOENT");
    ask(path, 0);
}

static void shared_memory(const char *id)
{
    (void)id;
    char *memory = shmat(given_number("shm"), NULL, 0);
    if (memory == (char *)-1) {
        /* No such segment here. */
        errno = errno == EINVAL ? ENOENT : errno;
        failed("shmat");
    }
    reached(memory);
}

static void queue(const char *id)
{
    (void)id;
    char text[128] = "";
    mqd_t queue = must(mq_open(given("queue"), O_RDONLY | O_NONBLOCK), "mq_open");
    must(mq_receive(queue, text, sizeof text, NULL), "mq_receive");
    reached(text);
}

const struct probe probes[] = {
    {"E1-home", in_home},
    {"E1-runtime", in_runtime},
    {"E1-tmp", in_tmp},
    {"E5-agent", by_variable},
    {"E6-abstract", by_abstract_name},
    {"E8-abstract-net", by_abstract_name},
    {"E9-shm", shared_memory},
    {"E9-queue", queue},
    {0},
};
