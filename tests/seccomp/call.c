/* Makes the system calls that its words name, and tells how each was answered: a line with `ok`, or
 * with the name of an errno.
 *
 *   NUMBER[,ARGUMENT…]   an argument is a number, or a text after `=`
 *   i386:NUMBER[,…]      by int 0x80; numbers only
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static long by_int80(const unsigned long *v) {
#ifdef __x86_64__
    long answer;
    __asm__ volatile("int $0x80"
                     : "=a"(answer)
                     : "a"(v[0]), "b"(v[1]), "c"(v[2]), "d"(v[3]), "S"(v[4]), "D"(v[5])
                     : "memory", "r8", "r9", "r10", "r11");
    return (int)answer;
#else
    (void)v;
    return -ENOSYS;
#endif
}

int main(int count, char **words) {
    for (int i = 1; i < count; i++) {
        unsigned long v[7] = {0};
        int foreign = strncmp(words[i], "i386:", 5) == 0;
        char *rest = words[i] + (foreign ? 5 : 0);
        for (int n = 0; rest && n < 7; n++) {
            char *part = strsep(&rest, ",");
            v[n] = *part == '=' ? (unsigned long)(part + 1) : strtoul(part, NULL, 0);
        }
        long answer = foreign ? by_int80(v) : syscall(v[0], v[1], v[2], v[3], v[4], v[5], v[6]);
        if (!foreign && answer < 0) answer = -errno;
        if (v[0] == SYS_clone && !foreign && answer == 0) _exit(0);
        if (v[0] == SYS_clone && !foreign && answer > 0) waitpid(answer, NULL, __WALL);
        if (answer < 0 && answer > -4096) puts(strerrorname_np(-answer));
        else puts("ok");
    }
    return 0;
}
