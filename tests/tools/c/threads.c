#include <pthread.h>
#include <stdatomic.h>
#include "sum.h"
enum { THREADS = 16 };
static atomic_long next, total;
static long limit;
static void *work(void *unused) {
    long n;
    while ((n = atomic_fetch_add(&next, 1)) < limit) atomic_fetch_add(&total, sum(n, 0));
    return unused;
}
long sum_in_threads(long below) {
    pthread_t threads[THREADS];
    limit = below;
    for (int i = 0; i < THREADS; i++) if (pthread_create(&threads[i], 0, work, 0)) return -1;
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], 0);
    return total;
}
