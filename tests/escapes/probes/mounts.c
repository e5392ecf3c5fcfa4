/* Mounts: walls taken down, covers taken off. Tried as whoever the payload is, in a mount namespace
 * of its own if it may have one, and as the root of a nested user namespace. */
#include "probe.h"

#include <linux/mount.h>
#include <sys/mount.h>

#define OPEN_TREE_CLONE_ 1
#define OPEN_TREE 428
#define MOVE_MOUNT 429
#define MOUNT_SETATTR 442

/* Whether it came off; errno says why not. */
typedef int (*deed)(const char *id);

static const char *cover(void) { return below("ro", "covered"); }
static const char *secret(void) { return below("ro", "covered/secret"); }

static void finish(int fd)
{
    if (fd < 0)
        failed("open");
    reached_content(fd);
}

/* In all three places; what the last one answered counts. */
static void everywhere(deed deed, const char *id)
{
    int own = unshare(CLONE_NEWNS);
    if (own == 0)
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    if (deed(id))
        return;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), deed(id)))
        return;
    failed("mount");
}

static int unmounted(const char *id)
{
    (void)id;
    return umount2(cover(), 0) == 0;
}

static int detached(const char *id)
{
    (void)id;
    return umount2(cover(), MNT_DETACH) == 0;
}

static int bound_around(const char *id)
{
    mkdir(below("work", id), 0755);
    return mount(given("ro"), below("work", id), NULL, MS_BIND, NULL) == 0;
}

static int moved_away(const char *id)
{
    mkdir(below("work", id), 0755);
    return mount(cover(), below("work", id), NULL, MS_MOVE, NULL) == 0;
}

static int cloned;

static int cloned_without(const char *id)
{
    (void)id;
    cloned = syscall(OPEN_TREE, AT_FDCWD, given("ro"), OPEN_TREE_CLONE_);
    return cloned >= 0;
}

static void umount_cover(const char *id)
{
    everywhere(unmounted, id);
    finish(open(secret(), O_RDONLY));
}

static void detach_cover(const char *id)
{
    everywhere(detached, id);
    finish(open(secret(), O_RDONLY));
}

static void move_cover(const char *id)
{
    everywhere(moved_away, id);
    finish(open(secret(), O_RDONLY));
}

static void bind_around(const char *id)
{
    char path[4200];
    everywhere(bound_around, id);
    snprintf(path, sizeof path, "%s/covered/secret", below("work", id));
    finish(open(path, O_RDONLY));
}

static void clone_around(const char *id)
{
    everywhere(cloned_without, id);
    finish(openat(cloned, "covered/secret", O_RDONLY));
}

static int remounted(const char *id)
{
    (void)id;
    return mount(NULL, given("ro"), NULL, MS_REMOUNT | MS_BIND, NULL) == 0;
}

static int attributes_cleared(const char *id)
{
    (void)id;
    struct mount_attr attributes = {.attr_clr = MOUNT_ATTR_RDONLY};
    return syscall(MOUNT_SETATTR, AT_FDCWD, given("ro"), 0, &attributes, sizeof attributes) == 0;
}

static int cloned_writable(const char *id)
{
    struct mount_attr attributes = {.attr_clr = MOUNT_ATTR_RDONLY};
    if (!cloned_without(id))
        return 0;
    return syscall(MOUNT_SETATTR, cloned, "", AT_EMPTY_PATH, &attributes, sizeof attributes) == 0;
}

static void remount(const char *id)
{
    everywhere(remounted, id);
    write_word(must(open(below("ro", id), O_WRONLY), "open"));
}

static void clear_attributes(const char *id)
{
    everywhere(attributes_cleared, id);
    write_word(must(open(below("ro", id), O_WRONLY), "open"));
}

static void clone_writable(const char *id)
{
    everywhere(cloned_writable, id);
    write_word(must(openat(cloned, id, O_WRONLY), "open"));
}

/* Something of one's own over what others trust. */
static int covered_passwd(const char *id)
{
    (void)id;
    return mount(below("work", "mounts"), "/etc/passwd", NULL, MS_BIND, NULL) == 0;
}

static void cover_passwd(const char *id)
{
    everywhere(covered_passwd, id);
    reached("covered");
}

/* The old way out of a chroot: a directory above the new root is kept open. */
static void leave_chroot(const char *id)
{
    const char *path = below("outside", id);
    int root = must(open("/", O_RDONLY | O_DIRECTORY), "open");
    mkdir(below("work", id), 0755);
    must(chroot(below("work", id)), "chroot");
    must(fchdir(root), "fchdir");
    for (int i = 0; i < 64; i++)
        must(chdir(".."), "chdir");
    while (*path == '/')
        path++;
    read_file(path);
}

const struct probe probes[] = {
    {"B2-remount", remount},
    {"B3-umount", umount_cover},
    {"B3-detach", detach_cover},
    {"B3-move", move_cover},
    {"B3-bind", bind_around},
    {"B3-clone", clone_around},
    {"B4-setattr", clear_attributes},
    {"B4-clone", clone_writable},
    {"B4-passwd", cover_passwd},
    {"B0-chroot", leave_chroot},
    {0},
};
