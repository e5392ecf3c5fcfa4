/* The user's session on the host, which starts a sandbox and has what a sandboxed program is after.
 *
 *     session name=value… -- COMMAND…
 *
 * Opens what it is told to, keeps a key, shared memory and a victim, starts COMMAND with the words
 * `@VICTIM@`, `@SHM@` and `@TTY@` filled in, and writes to `report` what has become of all that.
 * Never lives longer than its time limit.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static int count;
static char **words;

static const char *given(const char *name)
{
    size_t length = strlen(name);
    for (int i = 0; i < count; i++)
        if (!strncmp(words[i], name, length) && words[i][length] == '=')
            return words[i] + length + 1;
    return NULL;
}

/* Longer than all probes of a start take. */
static unsigned seconds(void) { return strtoul(given("seconds") ? given("seconds") : "4", NULL, 10) * 12; }

static void die(const char *what)
{
    fprintf(stderr, "session: %s: %s\n", what, strerror(errno));
    exit(99);
}

static void put(const char *name, int flags, int number)
{
    const char *path = given(name);
    if (!path)
        return;
    int fd = open(path, flags, 0644);
    if (fd < 0 || (fd != number && dup2(fd, number) < 0))
        die(path);
    if (fd != number)
        close(fd);
}

/* A session keyring of our own, so that the key goes with us. */
static void keep_key(const char *canary)
{
    if (!canary)
        return;
    if (syscall(SYS_keyctl, 1 /* JOIN_SESSION_KEYRING */, NULL) < 0 ||
        syscall(SYS_add_key, "user", "bryo-escape", canary, strlen(canary), -3) < 0)
        die("keyring");
}

/* A process of the same user that lets itself be traced, with the canary in its arguments and its
 * environment, so on its stack. */
static pid_t start_victim(const char *canary)
{
    int ready[2];
    if (!canary)
        return 0;
    if (pipe(ready))
        die("pipe");
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        alarm(seconds());
        close(ready[0]);
        /* Close on exec: its end says that the program runs. */
        fcntl(ready[1], F_SETFD, FD_CLOEXEC);
        setenv("ESCAPE_VICTIM", canary, 1);
        put("victim-file", O_RDONLY, 9);
        char *argv[] = {"victim", (char *)canary, NULL};
        execv("/proc/self/exe", argv);
        _exit(98);
    }
    close(ready[1]);
    char end;
    if (read(ready[0], &end, 1) < 0)
        die("victim");
    close(ready[0]);
    return pid;
}

static void be_victim(void)
{
    prctl(0x59616d61 /* PR_SET_PTRACER */, -1UL, 0, 0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(seconds());
    for (;;)
        pause();
}

static char *filled(char *word, pid_t victim, int shm)
{
    static const char *names[] = {"@VICTIM@", "@SHM@", "@TTY@"};
    char numbers[3][96] = {"", "", "none"};
    snprintf(numbers[0], sizeof numbers[0], "%d", victim);
    snprintf(numbers[1], sizeof numbers[1], "%d", shm);
    struct stat tty;
    if (isatty(0) && fstat(0, &tty) == 0)
        snprintf(numbers[2], sizeof numbers[2], "%lx:%lx:%s", (long)tty.st_dev, (long)tty.st_rdev,
            ttyname(0) ? ttyname(0) : "none");
    for (int i = 0; i < 3; i++) {
        char *place = strstr(word, names[i]);
        if (!place)
            continue;
        char *text;
        if (asprintf(&text, "%.*s%s%s", (int)(place - word), word, numbers[i],
                place + strlen(names[i])) < 0)
            die("memory");
        word = text;
    }
    return word;
}

static void pause_ms(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* A neighbour of the host that asks at a port as soon as somebody serves it. */
static pid_t start_knocking(const char *port, char *heard)
{
    pid_t pid = port ? fork() : 0;
    if (!port || pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct timeval patience = {0, 300000};
    for (;; pause_ms(20)) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
            read(fd, heard, 100) > 0)
            _exit(0);
        close(fd);
    }
}

/* Waits for the end of the sandbox, or kills it once it has made the file it is to be killed at. */
static int wait_for(pid_t pid)
{
    const char *sign = given("kill-when");
    int status = 0;
    for (unsigned i = 0; sign && i < seconds() * 100 && access(sign, F_OK); i++) {
        if (waitpid(pid, &status, WNOHANG) == pid)
            return status;
        pause_ms(10);
    }
    if (sign)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) != pid)
        if (errno != EINTR)
            die("wait");
    return status;
}

static int are_same(const struct termios *one, const struct termios *other)
{
    return one->c_iflag == other->c_iflag && one->c_oflag == other->c_oflag &&
        one->c_cflag == other->c_cflag && one->c_lflag == other->c_lflag;
}

/* How the terminal is left, and what the next program at it would read as if it had been typed. */
static void report_terminal(FILE *report, const struct termios *before)
{
    struct termios raw;
    if (!isatty(0) || tcgetattr(0, &raw))
        return;
    fprintf(report, "settings %s\n", are_same(before, &raw) ? "same" : "changed");
    fprintf(report, "flags %s\n", fcntl(0, F_GETFL) & O_NONBLOCK ? "changed" : "same");
    fcntl(0, F_SETFL, O_RDWR);
    raw.c_lflag &= ~(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 2;
    signal(SIGTTOU, SIG_IGN);
    tcsetpgrp(0, getpgrp());
    tcsetattr(0, TCSANOW, &raw);
    char text[256];
    long length = read(0, text, sizeof text - 1);
    fprintf(report, "input %.*s\n", length > 0 ? (int)length : 0, text);
}

int main(int argc, char **argv)
{
    if (!strcmp(argv[0], "victim"))
        be_victim();
    words = argv + 1;
    while (count < argc - 1 && strcmp(words[count], "--"))
        count++;
    if (count >= argc - 2 || !given("report"))
        return 2;
    alarm(seconds());
    keep_key(given("key"));
    struct termios settings;
    memset(&settings, 0, sizeof settings);
    tcgetattr(0, &settings);
    const char *canary = given("shm");
    int shm = canary ? shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600) : -1;
    char *segment = shm >= 0 ? shmat(shm, NULL, 0) : (char *)-1;
    if (segment != (char *)-1)
        strcpy(segment, canary);
    const char *queue_name = given("queue");
    if (queue_name) {
        struct mq_attr size = {.mq_maxmsg = 4, .mq_msgsize = 128};
        mqd_t queue = mq_open(queue_name, O_CREAT | O_RDWR, 0600, &size);
        if (queue < 0 || mq_send(queue, canary, strlen(canary), 0))
            die("queue");
        mq_close(queue);
    }
    pid_t victim = start_victim(given("victim"));
    char *heard = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t knocker = start_knocking(given("knock"), heard);

    pid_t pid = fork();
    if (pid == 0) {
        char **command = words + count + 1;
        for (char **word = command; *word; word++)
            *word = filled(*word, victim, shm);
        if (given("first-path")) {
            char *path;
            if (asprintf(&path, "%s:%s", given("first-path"), getenv("PATH")) < 0)
                die("memory");
            setenv("PATH", path, 1);
        }
        if (given("core")) {
            struct rlimit core = {RLIM_INFINITY, RLIM_INFINITY};
            setrlimit(RLIMIT_CORE, &core);
        }
        put("stdin", O_RDONLY, 0);
        put("stdout", O_WRONLY | O_APPEND | O_CREAT, 1);
        put("directory7", O_RDONLY | O_DIRECTORY, 7);
        put("file8", O_RDWR, 8);
        execvp(command[0], command);
        die(command[0]);
    }
    int status = wait_for(pid);

    FILE *report = fopen(given("report"), "w");
    if (!report)
        die(given("report"));
    fprintf(report, "status %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    if (victim) {
        int end = 0;
        pause_ms(50);
        if (waitpid(victim, &end, WNOHANG) == victim)
            fprintf(report, "victim ended by %d\n", WIFSIGNALED(end) ? WTERMSIG(end) : 0);
        else
            fprintf(report, "victim lives\n");
        kill(victim, SIGKILL);
    }
    if (knocker) {
        kill(knocker, SIGKILL);
        fprintf(report, "heard %s\n", heard);
    }
    if (segment != (char *)-1) {
        fprintf(report, "shm %.120s\n", segment);
        shmdt(segment);
        shmctl(shm, IPC_RMID, NULL);
    }
    if (queue_name)
        mq_unlink(queue_name);
    report_terminal(report, &settings);
    fclose(report);
    return 0;
}
