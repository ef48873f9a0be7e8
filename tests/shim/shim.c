/* A disk that loses power, for tests: preloaded into the server, it keeps in a shadow
 * directory what would be left of the data directory if the power went now.
 *
 * Every write goes through to the real file. At each sync of a file the ranges written
 * since its last one are copied to the file of the same name in the shadow, and nothing
 * else reaches it; so after `kill -9` the shadow is the disk after the loss of power.
 * What changes names and lengths (unlink, rename, ftruncate, O_TRUNC) is followed at once:
 * a stale journal would destroy the copy. A new file, and with it its directory entry,
 * appears at its first sync; one that is renamed unsynced is left behind empty.
 *
 *   SHIM_DATA           the directory to watch; the shadow must begin as a copy of it
 *   SHIM_SHADOW         the shadow; without it nothing is copied
 *   SHIM_SWALLOW=1      syncs answer 0 and do nothing: what a lying disk does
 *   SHIM_SYNC_DELAY_US  every sync takes so much longer
 *   SHIM_CONTROL        a file that orders a fault for as long as it is there, counted
 *                       from its appearance; another text begins another count:
 *     enospc N ROUND    the N-th write and all later ones fail with ENOSPC
 *     eio N ROUND       the N-th write or sync and all later ones fail with EIO; the ranges
 *                       of a failed sync are forgotten, as Linux does
 *     kill N ROUND      SIGKILL at the N-th point: before a write, before a sync, after one
 *     count 0 ROUND     nothing fails
 *                       Where SHIM_COUNT names a file, the points passed so far are in it.
 *
 * Not seen: mmap (SQLite only maps the -shm file, which it rebuilds), copy_file_range,
 * dup; and sync_file_range, which promises nothing. One would easily get wrong: the real file is never opened and closed a second time
 * here, because closing any descriptor of it would drop SQLite's locks. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES 256
#define DESCRIPTORS 65536

struct range { off_t from, to; };
struct file { char name[256]; struct range *dirty; size_t len, room; };

static struct file files[FILES];
static unsigned short file_of[DESCRIPTORS]; /* index + 1; 0 is a file of no interest */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char data[PATH_MAX], shadow[PATH_MAX];
static const char *control, *counter;
static int swallow;
static useconds_t sync_delay;
static char order[64];
static long passed;

__attribute__((constructor)) static void start(void) {
    const char *text;
    if ((text = getenv("SHIM_DATA"))) { if (realpath(text, data)) strcat(data, "/"); }
    if ((text = getenv("SHIM_SHADOW"))) { if (realpath(text, shadow)) strcat(shadow, "/"); }
    if ((text = getenv("SHIM_SYNC_DELAY_US"))) sync_delay = (useconds_t)atol(text);
    swallow = (text = getenv("SHIM_SWALLOW")) && *text == '1';
    control = getenv("SHIM_CONTROL");
    counter = getenv("SHIM_COUNT");
}

/* The name below the data directory, or NULL. SQLite rebuilds the -shm file. */
static const char *own_name(const char *path) {
    size_t len = strlen(data);
    const char *end = path + strlen(path);
    if (!len || strncmp(path, data, len) || end - (path + len) >= 256) return NULL;
    return end - path > 4 && !strcmp(end - 4, "-shm") ? NULL : path + len;
}

/* A path as the caller wrote it, its folder resolved. */
static const char *resolve(const char *path, char *into) {
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s%s", *path == '/' ? "" : "./", path);
    char *slash = strrchr(copy, '/');
    *slash = 0;
    if (!realpath(*copy ? copy : "/", into)) return NULL;
    strncat(into, "/", PATH_MAX - strlen(into) - 1);
    strncat(into, slash + 1, PATH_MAX - strlen(into) - 1);
    return own_name(into);
}

static struct file *named(const char *name) {
    for (int i = 0; i < FILES; i++)
        if (!strcmp(files[i].name, name)) return &files[i];
    return NULL;
}

static void forget(const char *name) {
    struct file *file = named(name);
    if (file) file->name[0] = 0, file->len = 0;
}

static int open_shadow(const char *name, int flags) {
    char path[2 * PATH_MAX];
    snprintf(path, sizeof path, "%s%s", shadow, name);
    if (flags & O_CREAT)
        for (char *slash = path + strlen(shadow); (slash = strchr(slash, '/')); *slash++ = '/') {
            *slash = 0;
            syscall(SYS_mkdir, path, 0700);
        }
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_WRONLY | O_CLOEXEC, 0600);
}

static void truncate_shadow(const char *name, off_t length) {
    int to = *shadow && !swallow ? open_shadow(name, 0) : -1;
    struct stat now;
    if (to < 0) return;
    if (!fstat(to, &now) && now.st_size > length) syscall(SYS_ftruncate, to, length);
    syscall(SYS_close, to);
}

/* An entry without a name that no descriptor points to. */
static struct file *unused(void) {
    for (int i = 0; i < FILES; i++) {
        int fd = 0;
        while (!files[i].name[0] && fd < DESCRIPTORS && file_of[fd] != i + 1) fd++;
        if (fd == DESCRIPTORS) return &files[i];
    }
    return NULL;
}

/* A descriptor that was just opened; under the lock. */
static void watch(int fd, int flags) {
    char link[64], path[PATH_MAX];
    struct stat is;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    path[len > 0 ? len : 0] = 0;
    const char *name = own_name(path);
    file_of[fd] = 0;
    if (!name || fstat(fd, &is) || !S_ISREG(is.st_mode)) return;
    struct file *file = named(name);
    if (!file) {
        if (!(file = unused())) abort();
        strcpy(file->name, name);
    }
    if (flags & O_TRUNC) file->len = 0, truncate_shadow(name, 0);
    file_of[fd] = (unsigned short)(file - files + 1);
}

static struct file *of(int fd) {
    return fd >= 0 && fd < DESCRIPTORS && file_of[fd] ? &files[file_of[fd] - 1] : NULL;
}

enum point { WRITE, SYNC, SYNCED };

/* What the control file orders at this point: 0 to go on, or the error; under the lock. */
static int fault(enum point point) {
    char now[64] = "", text[32];
    long at = LONG_MAX;
    int fd = control ? (int)syscall(SYS_openat, AT_FDCWD, control, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) { order[0] = 0; return 0; }
    if (syscall(SYS_read, fd, now, sizeof now - 1) < 0) now[0] = 0;
    syscall(SYS_close, fd);
    if (strcmp(now, order)) strcpy(order, now), passed = 0;
    char kind = order[0] == 'e' ? order[1] : order[0]; /* n, i, k or c */
    if ((kind == 'n' && point != WRITE) || (kind == 'i' && point == SYNCED)) return 0;
    passed++;
    if (counter && (fd = (int)syscall(SYS_openat, AT_FDCWD, counter, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) >= 0) {
        syscall(SYS_pwrite64, fd, text, snprintf(text, sizeof text, "%12ld", passed), 0);
        syscall(SYS_close, fd);
    }
    if (sscanf(order, "%*s %ld", &at) != 1 || passed < at || kind == 'c') return 0;
    if (kind == 'k') syscall(SYS_kill, getpid(), SIGKILL), pause();
    return kind == 'n' ? ENOSPC : EIO;
}

static void dirty(struct file *file, off_t from, ssize_t length) {
    if (length <= 0 || !file->name[0]) return;
    if (file->len && file->dirty[file->len - 1].to == from) {
        file->dirty[file->len - 1].to += length;
        return;
    }
    if (file->len == file->room) {
        file->room = file->room ? 2 * file->room : 64;
        if (!(file->dirty = realloc(file->dirty, file->room * sizeof *file->dirty))) abort();
    }
    file->dirty[file->len++] = (struct range){from, from + length};
}

/* What a sync makes durable; under the lock, so that no write comes in between. */
static void copy(int fd, struct file *file) {
    static char page[1 << 16];
    struct stat is;
    int from = fd, to;
    if (!*shadow || !file->name[0] || fstat(fd, &is)) return;
    if ((to = open_shadow(file->name, O_CREAT)) < 0) abort();
    if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY) { /* no database: those are opened to be read too */
        snprintf(page, sizeof page, "/proc/self/fd/%d", fd);
        if ((from = (int)syscall(SYS_openat, AT_FDCWD, page, O_RDONLY | O_CLOEXEC)) < 0) abort();
    }
    for (size_t i = 0; i < file->len; i++)
        for (off_t at = file->dirty[i].from; at < file->dirty[i].to;) {
            size_t want = (size_t)(file->dirty[i].to - at);
            ssize_t got = syscall(SYS_pread64, from, page, want < sizeof page ? want : sizeof page, at);
            if (got <= 0) break; /* cut off meanwhile */
            if (syscall(SYS_pwrite64, to, page, got, at) != got) abort();
            at += got;
        }
    syscall(SYS_ftruncate, to, is.st_size);
    if (from != fd) syscall(SYS_close, from);
    syscall(SYS_close, to);
    file->len = 0;
}

static int failed(int error) {
    pthread_mutex_unlock(&lock);
    errno = error;
    return -1;
}

static int synced(int fd, long number) {
    struct file *file = of(fd);
    if (!file) return (int)syscall(number, fd);
    if (sync_delay) usleep(sync_delay);
    pthread_mutex_lock(&lock);
    int error = fault(SYNC);
    if (error) return file->len = 0, failed(error);
    if (!swallow) copy(fd, file);
    pthread_mutex_unlock(&lock);
    if (!swallow && syscall(number, fd)) return -1;
    pthread_mutex_lock(&lock);
    fault(SYNCED);
    pthread_mutex_unlock(&lock);
    return 0;
}
int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

/* A write of one kind or another: `at` is -1 where the descriptor's own place counts. */
static ssize_t written(int fd, const struct iovec *parts, int count, off_t at) {
    struct file *file = of(fd);
    if (!file)
        return at < 0 ? syscall(SYS_writev, fd, parts, count) : syscall(SYS_pwritev, fd, parts, count, at, 0);
    pthread_mutex_lock(&lock);
    int error = fault(WRITE);
    if (error) return failed(error);
    off_t from = at;
    if (at < 0) from = lseek(fd, 0, fcntl(fd, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR);
    ssize_t did = at < 0 ? syscall(SYS_writev, fd, parts, count) : syscall(SYS_pwritev, fd, parts, count, at, 0);
    error = errno;
    dirty(file, from, did);
    pthread_mutex_unlock(&lock);
    errno = error;
    return did;
}

ssize_t writev(int fd, const struct iovec *parts, int count) { return written(fd, parts, count, -1); }
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return written(fd, parts, count, at); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) { return written(fd, parts, count, at); }
ssize_t write(int fd, const void *from, size_t length) {
    return of(fd) ? written(fd, &(struct iovec){(void *)from, length}, 1, -1) : syscall(SYS_write, fd, from, length);
}
ssize_t pwrite(int fd, const void *from, size_t length, off_t at) {
    return written(fd, &(struct iovec){(void *)from, length}, 1, at);
}
ssize_t pwrite64(int fd, const void *from, size_t length, off64_t at) { return pwrite(fd, from, length, at); }

int ftruncate(int fd, off_t length) {
    pthread_mutex_lock(&lock);
    struct file *file = of(fd);
    int error = file ? fault(WRITE) : 0;
    if (error) return failed(error);
    if (syscall(SYS_ftruncate, fd, length)) return failed(errno);
    if (file && file->name[0]) truncate_shadow(file->name, length);
    pthread_mutex_unlock(&lock);
    return 0;
}
int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

static int opened(int folder, const char *path, int flags, mode_t mode) {
    pthread_mutex_lock(&lock);
    int fd = (int)syscall(SYS_openat, folder, path, flags, mode);
    if (fd < 0) return failed(errno);
    if (fd < DESCRIPTORS && *data) watch(fd, flags);
    pthread_mutex_unlock(&lock);
    return fd;
}
#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); }
int open(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE(flags) return opened(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { MODE(flags) return opened(folder, path, flags, mode); }
int creat(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

int close(int fd) {
    pthread_mutex_lock(&lock);
    if (fd >= 0 && fd < DESCRIPTORS) file_of[fd] = 0;
    int answer = (int)syscall(SYS_close, fd), error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return answer;
}

static void path_in_shadow(const char *name, char *path) { snprintf(path, 2 * PATH_MAX, "%s%s", shadow, name); }

int unlink(const char *path) {
    char full[PATH_MAX], copy_path[2 * PATH_MAX];
    pthread_mutex_lock(&lock);
    const char *name = *data ? resolve(path, full) : NULL;
    if (syscall(SYS_unlinkat, AT_FDCWD, path, 0)) return failed(errno);
    if (name) {
        forget(name);
        path_in_shadow(name, copy_path);
        if (*shadow && !swallow) syscall(SYS_unlinkat, AT_FDCWD, copy_path, 0);
    }
    pthread_mutex_unlock(&lock);
    return 0;
}

int rename(const char *from, const char *to) {
    char full_from[PATH_MAX], full_to[PATH_MAX], copy_from[2 * PATH_MAX], copy_to[2 * PATH_MAX];
    pthread_mutex_lock(&lock);
    const char *old = *data ? resolve(from, full_from) : NULL, *new = *data ? resolve(to, full_to) : NULL;
    if (syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0)) return failed(errno);
    if (old && new) {
        struct file *file = named(old);
        forget(new);
        if (file) strcpy(file->name, new);
        path_in_shadow(old, copy_from);
        path_in_shadow(new, copy_to);
        if (*shadow && !swallow && syscall(SYS_renameat2, AT_FDCWD, copy_from, AT_FDCWD, copy_to, 0))
            syscall(SYS_close, open_shadow(new, O_CREAT | O_TRUNC));
    }
    pthread_mutex_unlock(&lock);
    return 0;
}
