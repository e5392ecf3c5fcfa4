/* Secrets of the caller, and what stays behind for him to run. */
#include "probe.h"

#include <sys/resource.h>

extern char **environ;

static void environment(const char *id)
{
    (void)id;
    for (char **entry = environ; *entry; entry++)
        if (strstr(*entry, "CANARY-"))
            reached(*entry);
    say("absent variable ENOENT");
}

static const char *in_work(const char *name) { return below("work", name); }

static void make(const char *name)
{
    write_word(must(open(in_work(name), O_WRONLY | O_CREAT | O_TRUNC, 0755), "open"));
}

static void append(const char *name)
{
    write_word(must(open(in_work(name), O_WRONLY | O_APPEND), "open"));
}

static void hook(const char *id) { (void)id, make(".git/hooks/post-checkout"); }
static void config(const char *id) { (void)id, append(".git/config"); }
static void attributes(const char *id) { (void)id, append(".git/info/attributes"); }
static void worktree_config(const char *id) { (void)id, make(".git/config.worktree"); }
static void submodule_hook(const char *id) { (void)id, make(".git/modules/sub/hooks/post-checkout"); }
static void nested_hook(const char *id) { (void)id, make("nested/.git/hooks/post-checkout"); }

/* A name that is not pinned can be moved away, and another put in its place. */
static void rename_hooks(const char *id)
{
    (void)id;
    must(rename(in_work(".git/hooks"), in_work(".git/old")), "rename");
    must(mkdir(in_work(".git/hooks"), 0755), "mkdir");
    hook(id);
}

static void rename_repository(const char *id)
{
    (void)id;
    must(rename(in_work(".git"), in_work("old.git")), "rename");
    must(mkdir(in_work(".git"), 0755), "mkdir");
    must(mkdir(in_work(".git/hooks"), 0755), "mkdir");
    hook(id);
}

static void rename_nested(const char *id)
{
    must(rename(in_work("nested"), in_work("moved")), "rename");
    must(mkdir(in_work("nested"), 0755), "mkdir");
    must(mkdir(in_work("nested/.git"), 0755), "mkdir");
    must(mkdir(in_work("nested/.git/hooks"), 0755), "mkdir");
    nested_hook(id);
}

static void replace_config(const char *id)
{
    (void)id;
    int fd = must(open(in_work(".git/config.lock"), O_WRONLY | O_CREAT, 0644), "open");
    must(write(fd, "ESCAPED\n", 8), "write");
    must(rename(in_work(".git/config.lock"), in_work(".git/config")), "rename");
    reached("replaced");
}

/* What an editor, a shell or an agent reads as soon as it is there. */
static void missing_files(const char *id)
{
    (void)id;
    make(".envrc");
}

/* Called here, it marks the host only where there is no sandbox. */
static void planted_helper(const char *id)
{
    (void)id;
    pid_t pid = fork();
    if (pid == 0) {
        execl(in_work("planted/newuidmap"), "newuidmap", NULL);
        _exit(1);
    }
    waitpid(pid, NULL, 0);
    reached("called");
}

/* Its memory, with all its secrets, as a file beside it. */
static void core(const char *id)
{
    (void)id;
    char pattern[128] = "";
    int fd = open("/proc/sys/kernel/core_pattern", O_RDONLY);
    if (fd < 0 || read(fd, pattern, sizeof pattern - 1) < 0)
        failed("core_pattern");
    if (*pattern == '|' || *pattern == '/')
        say("lacks core files in the working directory");
    struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_CORE, &all);
    pid_t pid = fork();
    int status = 0;
    if (pid == 0) {
        must(chdir(given("work")), "chdir");
        abort();
    }
    waitpid(pid, &status, 0);
    if (WCOREDUMP(status))
        reached("dumped");
    say("refused core EPERM");
}

const struct probe probes[] = {
    {"G1-environment", environment},
    {"G4-hook", hook},
    {"G4-config", config},
    {"G4-attributes", attributes},
    {"G4-worktree", worktree_config},
    {"G4-submodule", submodule_hook},
    {"G4-nested", nested_hook},
    {"G4-rename-hooks", rename_hooks},
    {"G4-rename-git", rename_repository},
    {"G4-rename-nested", rename_nested},
    {"G4-replace", replace_config},
    {"G5-missing", missing_files},
    {"G8-path", planted_helper},
    {"G9-core", core},
    {0},
};
