/*
 * Loaded before libc (LD_PRELOAD) into a member of the benchmark of causes: its disk and its wall clock as the files in
 * its working folder say.
 *
 *   sync-us      while it is there, each sync takes so many microseconds; else a sync takes no time
 *   sync-slowed  made when a sync begins that takes time
 *   clock-ms     how far the wall clock is off; read when the process starts
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long clock_ms;

static long number_in(const char *name)
{
    long found = 0;
    FILE *file = fopen(name, "r");
    if (file) {
        if (fscanf(file, "%ld", &found) != 1)
            found = 0;
        fclose(file);
    }
    return found;
}

__attribute__((constructor)) static void read_clock(void)
{
    clock_ms = number_in("clock-ms");
}

static int take_time(void)
{
    long us = number_in("sync-us");
    struct timespec rest = {us / 1000000, us % 1000000 * 1000};
    if (us)
        close(open("sync-slowed", O_CREAT | O_EXCL | O_WRONLY, 0600));
    while (us && nanosleep(&rest, &rest))
        ;
    return 0;
}

int fsync(int fd)
{
    (void)fd;
    return take_time();
}

int fdatasync(int fd)
{
    (void)fd;
    return take_time();
}

int clock_gettime(clockid_t clock, struct timespec *at)
{
    int failed = (int)syscall(SYS_clock_gettime, clock, at);
    if (!failed && clock == CLOCK_REALTIME) {
        long ns = at->tv_nsec + clock_ms % 1000 * 1000000;
        at->tv_sec += clock_ms / 1000 + (ns >= 1000000000) - (ns < 0);
        at->tv_nsec = ns >= 1000000000 ? ns - 1000000000 : ns < 0 ? ns + 1000000000 : ns;
    }
    return failed;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now))
        return -1;
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}
