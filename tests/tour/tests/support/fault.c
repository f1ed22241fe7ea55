/* Kills the process, or lets a call fail, at the Nth storage call under a directory. Preloaded by the fault tests.
 *
 * NOREN_FAULT_DIR    only files below it count
 * NOREN_FAULT_AT     the call, from 1; 0 only counts
 * NOREN_FAULT_WHEN   before | after: SIGKILL on that side of the call; or an errno: that call fails with it
 * NOREN_FAULT_COUNT  a file that gets one byte for each counted call, outside the directory
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *directory;
static long fault_at;
static int kill_before, kill_after, fail_with;
static int count_fd = -1;
static atomic_long calls;
static atomic_char ours[65536];

static ssize_t (*real_write)(int, const void *, size_t);

__attribute__((constructor)) static void begin(void) {
    real_write = dlsym(RTLD_NEXT, "write");
    directory = getenv("NOREN_FAULT_DIR");
    const char *at = getenv("NOREN_FAULT_AT"), *when = getenv("NOREN_FAULT_WHEN"), *count = getenv("NOREN_FAULT_COUNT");
    fault_at = at ? atol(at) : 0;
    kill_before = when && !strcmp(when, "before");
    kill_after = when && !strcmp(when, "after");
    fail_with = when && !kill_before && !kill_after ? atoi(when) : 0;
    if (count) {
        int (*real_open)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
        count_fd = real_open(count, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    }
}

static int below(const char *path) { return directory && path && !strncmp(path, directory, strlen(directory)); }
static int is_ours(int fd) { return fd >= 0 && fd < 65536 && ours[fd]; }

/* 1 when this call is the one. */
static int turn(void) {
    long call = atomic_fetch_add(&calls, 1) + 1;
    if (count_fd >= 0) real_write(count_fd, ".", 1);
    if (call != fault_at) return 0;
    if (kill_before) raise(SIGKILL);
    return 1;
}

#define GUARDED(mine, type, call)                                    \
    do {                                                             \
        if (!(mine)) return call;                                    \
        int it_is = turn();                                          \
        if (it_is && fail_with) { errno = fail_with; return -1; }    \
        type result = call;                                          \
        if (it_is && kill_after) raise(SIGKILL);                     \
        return result;                                               \
    } while (0)

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static int opened(int fd, const char *path) {
    if (fd >= 0 && fd < 65536) ours[fd] = below(path);
    return fd;
}

#define OPEN(name)                                                                       \
    int name(const char *path, int flags, ...) {                                         \
        REAL(name);                                                                      \
        va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, mode_t); va_end(rest); \
        if (!(flags & O_CREAT)) return opened(real(path, flags, mode), path);            \
        GUARDED(below(path), int, opened(real(path, flags, mode), path));                \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                     \
    int name(int at, const char *path, int flags, ...) {                                 \
        REAL(name);                                                                      \
        va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, mode_t); va_end(rest); \
        if (!(flags & O_CREAT)) return opened(real(at, path, flags, mode), path);        \
        GUARDED(below(path), int, opened(real(at, path, flags, mode), path));            \
    }
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int fd, const void *from, size_t size) { REAL(write); GUARDED(is_ours(fd), ssize_t, real(fd, from, size)); }
ssize_t pwrite(int fd, const void *from, size_t size, off_t at) { REAL(pwrite); GUARDED(is_ours(fd), ssize_t, real(fd, from, size, at)); }
ssize_t pwrite64(int fd, const void *from, size_t size, off64_t at) { REAL(pwrite64); GUARDED(is_ours(fd), ssize_t, real(fd, from, size, at)); }
int fsync(int fd) { REAL(fsync); GUARDED(is_ours(fd), int, real(fd)); }
int fdatasync(int fd) { REAL(fdatasync); GUARDED(is_ours(fd), int, real(fd)); }
int ftruncate(int fd, off_t size) { REAL(ftruncate); GUARDED(is_ours(fd), int, real(fd, size)); }
int ftruncate64(int fd, off64_t size) { REAL(ftruncate64); GUARDED(is_ours(fd), int, real(fd, size)); }
int rename(const char *from, const char *to) { REAL(rename); GUARDED(below(to), int, real(from, to)); }
int unlink(const char *path) { REAL(unlink); GUARDED(below(path), int, real(path)); }
int rmdir(const char *path) { REAL(rmdir); GUARDED(below(path), int, real(path)); }
int mkdir(const char *path, mode_t mode) { REAL(mkdir); GUARDED(below(path), int, real(path, mode)); }
