/* The network: the host's own services, its neighbours, and the wires. */
#include "probe.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

static int reach(const char *text, int type)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in *four = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&storage;
    struct timeval patience = {0, 300000};
    int family = strchr(text, ':') ? AF_INET6 : AF_INET;
    in_port_t port = htons(given_number("port"));
    storage.ss_family = family;
    if (family == AF_INET)
        four->sin_port = port, inet_pton(family, text, &four->sin_addr);
    else
        six->sin6_port = port, inet_pton(family, text, &six->sin6_addr);
    int fd = socket(family, type, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    socklen_t size = family == AF_INET ? sizeof *four : sizeof *six;
    if (connect(fd, (struct sockaddr *)&storage, size) < 0 || (type == SOCK_DGRAM && write(fd, "?", 1) < 0)) {
        int error = errno;
        close(fd);
        /* Not in time is not there. */
        errno = error == EINPROGRESS || error == EAGAIN || error == ENETUNREACH ? ECONNREFUSED : error;
        return -1;
    }
    return fd;
}

/* Only what the service says proves that it is the host's. */
static void seek_banner(const char *address, int type)
{
    char text[256] = "";
    int fd = reach(address, type);
    long length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (length > 0 && strstr(text, "CANARY-"))
        reached(text);
    if (fd >= 0)
        errno = ECONNREFUSED;
    close(fd);
}

static void loopback(const char *id)
{
    (void)id;
    seek_banner("127.0.0.1", SOCK_STREAM);
    failed("connect");
}

static void loopback_datagram(const char *id)
{
    (void)id;
    seek_banner("127.0.0.1", SOCK_DGRAM);
    failed("connect");
}

static void own_address(const char *id)
{
    (void)id;
    seek_banner(given("address"), SOCK_STREAM);
    failed("connect");
}

/* Every name that a user-mode network has for its host. */
static void every_address(const char *id)
{
    (void)id;
    static const char *const addresses[] = {
        "127.0.0.1", "::1", "10.0.2.2", "10.0.2.3", "fd00::2", "fd00::3", "fec0::2",
        "169.254.1.1", "169.254.1.2", "192.168.127.1", "192.168.127.254", "0.0.0.0", NULL,
    };
    for (int i = 0; addresses[i]; i++)
        seek_banner(addresses[i], SOCK_STREAM);
    errno = ECONNREFUSED;
    failed("connect");
}

/* Somebody on the host asks at this port. */
static void serve(const char *id)
{
    (void)id;
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct timeval patience = {seconds() / 2, 0};
    int yes = 1, fd = must(socket(AF_INET, SOCK_STREAM, 0), "socket");
    address.sin_port = htons(given_number("free"));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    must(bind(fd, (struct sockaddr *)&address, sizeof address), "bind");
    must(listen(fd, 4), "listen");
    int client = accept(fd, NULL, NULL);
    if (client < 0)
        say("absent client ENOENT");
    must(write(client, "ESCAPED\n", 8), "write");
    usleep(200000);
    reached("a client");
}

static void raw_socket(const char *id)
{
    (void)id;
    must(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), "socket");
    reached("opened");
}

/* The network's owner is not the sandbox's root. */
static void interface_down(const char *id)
{
    (void)id;
    struct ifreq request = {.ifr_name = "lo"};
    int fd = must(socket(AF_INET, SOCK_DGRAM, 0), "socket");
    must(ioctl(fd, SIOCGIFFLAGS, &request), "ioctl");
    request.ifr_flags ^= IFF_UP;
    must(ioctl(fd, SIOCSIFFLAGS, &request), "ioctl");
    reached("switched");
}

const struct probe probes[] = {
    {"F1-loopback", loopback},
    {"F1-datagram", loopback_datagram},
    {"F1-address", own_address},
    {"F2-host", every_address},
    {"F4-listen", serve},
    {"F7-raw", raw_socket},
    {"F8-interface", interface_down},
    {0},
};
