/* The payload of the fault sweep: says what is so inside, a fact a line. What a launch protects
 * shows here, so that a run which succeeds without a protection is found out. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char **environ;

static void tell(const char *name, long answer)
{
	printf("%s: %s\n", name, answer < 0 ? strerror(errno) : "yes");
}

static void show(const char *name, const char *path)
{
	char line[4096];
	FILE *file = fopen(path, "re");
	if (!file) {
		tell(path, -1);
		return;
	}
	while (fgets(line, sizeof line, file))
		printf("%s %s", name, line);
	fclose(file);
}

static void show_descriptors(void)
{
	char path[300], target[300];
	struct dirent *entry;
	DIR *open = opendir("/proc/self/fd");
	while (open && (entry = readdir(open))) {
		if (entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(open))
			continue;
		snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
		long length = readlink(path, target, sizeof target - 1);
		target[length < 0 ? 0 : length] = 0;
		printf("descriptor %s %.*s\n", entry->d_name, (int)strcspn(target, ":"), target);
	}
}

static void show_directory(const char *path)
{
	struct dirent **names;
	int count = scandir(path, &names, NULL, alphasort);
	if (count < 0)
		tell(path, -1);
	for (int i = 0; i < count; i++)
		printf("entry %s %s\n", path, names[i]->d_name);
}

static void try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);
	printf("open %x ", flags);
	tell(path, fd);
	if (fd >= 0)
		close(fd);
}

static void try_links(const char *path)
{
	char target[300];
	printf("link ");
	tell(path, readlink(path, target, sizeof target));
}

int main(void)
{
	char host[65] = "", here[4096] = "";
	show("status", "/proc/self/status");
	show("mount", "/proc/self/mountinfo");
	show("limit", "/proc/self/limits");
	show("cgroup", "/proc/self/cgroup");
	show("address", "/proc/net/if_inet6");
	show("route", "/proc/net/route");
	show("command", "/proc/1/cmdline");
	show("uid", "/proc/self/uid_map");
	show("gid", "/proc/self/gid_map");
	show_descriptors();
	show_directory("/");
	show_directory("/dev");
	gethostname(host, sizeof host - 1);
	printf("host %s\n", host);
	printf("directory %s\n", getcwd(here, sizeof here) ? here : "none");
	for (char **variable = environ; *variable; variable++)
		printf("variable %s\n", *variable);
	struct if_nameindex *interface = if_nameindex();
	for (; interface && interface->if_name; interface++)
		printf("interface %s\n", interface->if_name);
	printf("pid %d group %d session %d\n", getpid(), getpgrp(), getsid(0));
	printf("terminal %d %d %d\n", isatty(0), isatty(1), isatty(2));
	printf("securebits %x\n", prctl(PR_GET_SECUREBITS));
	printf("no_new_privs %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	printf("umask %o\n", umask(022));
	try_open("/proc/1/environ", O_RDONLY);
	try_open("/proc/1/mem", O_RDWR);
	try_links("/proc/1/exe");
	try_links("/proc/1/fd/0");
	try_open("/proc/sys/kernel/hostname", O_WRONLY);
	try_open("/proc/sysrq-trigger", O_WRONLY);
	try_open("/proc/kcore", O_RDONLY);
	try_open("/usr/written", O_WRONLY | O_CREAT);
	try_open("/etc/passwd", O_WRONLY);
	try_open(".git/config", O_WRONLY);
	try_open(".git/hooks/written", O_WRONLY | O_CREAT);
	tell("rename .git", rename(".git", ".got"));
	if (!access(".got", F_OK))
		rename(".got", ".git");
	tell("chroot", chroot("/"));
	tell("mount", mount("none", "/tmp", "tmpfs", 0, ""));
	tell("unshare user", unshare(CLONE_NEWUSER));
	tell("io_uring", syscall(SYS_io_uring_setup, 0, NULL));
	tell("keyctl", syscall(SYS_keyctl, 0, -3, 0));
	tell("personality", syscall(SYS_personality, 8));
	tell("socket packet", socket(AF_PACKET, SOCK_RAW, 0));
	tell("push back", ioctl(0, TIOCSTI, "x"));
	return fflush(stdout) ? 9 : 0;
}
