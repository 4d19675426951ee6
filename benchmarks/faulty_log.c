/*
 * Loaded before libc (LD_PRELOAD) into a member: the disk of its transaction log as files in its working folder say.
 * Everything else that the member writes is not affected.
 *
 *   log-hangs   while it is there, no write to a transaction log returns, and none is carried out
 *   log-full    while it is there, each write to a transaction log fails for lack of space
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int is_log(const char *path)
{
    const char *name = strrchr(path, '/');
    return name && !strncmp(name, "/log.", 5) && strstr(path, "/version-2/");
}

static int is_log_open_as(int fd)
{
    char link[32], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return is_log(path);
}

/* Returns whether there is no space. */
static int disk_is_full(void)
{
    struct timespec rest = {0, 5000000};
    while (!access("log-hangs", F_OK))
        nanosleep(&rest, NULL);
    if (access("log-full", F_OK))
        return 0;
    errno = ENOSPC;
    return 1;
}

ssize_t write(int fd, const void *from, size_t length)
{
    int before = errno;
    if (fd > 2 && is_log_open_as(fd) && disk_is_full())
        return -1;
    errno = before;
    return syscall(SYS_write, fd, from, length);
}

ssize_t pwrite64(int fd, const void *from, size_t length, off64_t at)
{
    int before = errno;
    if (fd > 2 && is_log_open_as(fd) && disk_is_full())
        return -1;
    errno = before;
    return syscall(SYS_pwrite64, fd, from, length, at);
}

int open64(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if (flags & O_CREAT) {
        va_list more;
        va_start(more, flags);
        mode = va_arg(more, mode_t);
        va_end(more);
    }
    int before = errno;
    if (flags & O_CREAT && is_log(path) && disk_is_full())
        return -1;
    errno = before;
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_LARGEFILE, mode);
}
