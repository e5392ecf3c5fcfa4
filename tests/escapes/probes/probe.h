/* What every family of probes stands on: its arguments, one process a probe, one line of facts.
 *
 * A family is a program `FAMILY name=value… -- ID…`. Each probe is tried in a process of its own
 * and says in one line on stderr what came of it; who started it judges, from what it knows of the
 * host:
 *
 *     probe: ID reached WHAT      it got what it was after (the judge looks for proof)
 *     probe: ID refused CALL ERR  somebody said no
 *     probe: ID absent CALL ERR   there was nothing to be had
 *     probe: ID lacks WHY         this machine has no such thing
 *     probe: ID silent HOW        it said nothing: killed, or not in time
 */
#ifndef PROBE_H
#define PROBE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct probe {
    const char *id;
    void (*run)(const char *id);
};

/* Ends with the probes of the family: `{0}`. */
extern const struct probe probes[];

static int argument_count;
static char **argument_words;
static char fact[4096];

/* The value of `name=value`; what is not given is empty. */
static inline const char *given(const char *name)
{
    size_t length = strlen(name);
    for (int i = 0; i < argument_count; i++)
        if (!strncmp(argument_words[i], name, length) && argument_words[i][length] == '=')
            return argument_words[i] + length + 1;
    return "";
}

static inline long given_number(const char *name) { return strtol(given(name), NULL, 0); }

/* No probe takes longer; what waits for a host that does not answer ends then. */
static inline unsigned seconds(void) { return given_number("seconds"); }

/* A path below a given directory; good until the fourth call after this one. */
static inline const char *below(const char *directory, const char *rest)
{
    static char paths[4][4096];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", given(directory), rest);
    return path;
}

/* Says the fact and ends the probe. */
static inline void say(const char *format, ...)
{
    char line[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    for (char *c = line; *c; c++)
        if (*c == '\n' || *c == '\r' || *c == '\t' || *c == 27)
            *c = ' ';
    /* One write, so that no other line comes between. */
    dprintf(2, "%s%s\n", fact, line);
    _exit(0);
}

static inline void reached(const char *what) { say("reached %s", what); }

/* A failed call: what is not there is absent, everything else was refused. */
static inline void failed(const char *call)
{
    int error = errno;
    int absent = error == ENOENT || error == ENOTDIR || error == ESRCH || error == EBADF ||
        error == ECONNREFUSED || error == ENXIO || error == ENODEV || error == ENOTTY;
    say("%s %s %s", absent ? "absent" : "refused", call, strerrorname_np(error));
}

static inline int must(long result, const char *call)
{
    if (result < 0)
        failed(call);
    return (int)result;
}

/* What is read there, as the fact. */
static inline void reached_content(int fd)
{
    char text[512] = "";
    long length = read(fd, text, sizeof text - 1);
    must(length, "read");
    text[length] = 0;
    reached(text);
}

static inline void read_file(const char *path)
{
    reached_content(must(open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY), "open"));
}

static inline void write_word(int fd)
{
    must(write(fd, "ESCAPED\n", 8), "write");
    reached("written");
}

static inline void write_small(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        failed(path);
    close(fd);
}

/* The root of a user namespace of one's own, with whatever else is asked. */
static inline void become_nested_root(int namespaces)
{
    char map[64];
    unsigned uid = getuid(), gid = getgid();
    must(unshare(0x10000000 /* CLONE_NEWUSER */ | namespaces), "unshare");
    snprintf(map, sizeof map, "0 %u 1", uid);
    write_small("/proc/self/uid_map", map);
    write_small("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "0 %u 1", gid);
    write_small("/proc/self/gid_map", map);
}

static void try_probe(const struct probe *probe)
{
    snprintf(fact, sizeof fact, "probe: %s ", probe->id);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(seconds());
        probe->run(probe->id);
        say("silent it returned");
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        dprintf(2, "%ssilent no process\n", fact);
    else if (WIFSIGNALED(status))
        dprintf(2, "%ssilent killed by signal %d\n", fact, WTERMSIG(status));
    else if (WEXITSTATUS(status))
        dprintf(2, "%ssilent status %d\n", fact, WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
    argument_words = argv + 1;
    while (argument_count < argc - 1 && strcmp(argument_words[argument_count], "--"))
        argument_count++;
    for (int i = argument_count + 2; i < argc; i++)
        for (const struct probe *probe = probes; probe->id; probe++)
            if (!strcmp(probe->id, argv[i]))
                try_probe(probe);
    dprintf(2, "probe: end of the family\n");
    return 0;
}
#endif
