long sum(long a, long b);
long sum_in_threads(long below);
