#include <stdio.h>
#include "sum.h"
int main(int argc, char **argv) {
    long n, total = 0;
    (void)argv;
    if (argc > 1) total = sum_in_threads(100);
    else while (scanf("%ld", &n) == 1) total = sum(total, n);
    printf("%ld\n", total);
    return 0;
}
