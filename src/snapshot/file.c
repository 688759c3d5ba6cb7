/* Files and block devices of this host.
 *
 * A file that nobody writes to is read as it is. One in use is cloned beside itself (FICLONE):
 * filesystems that can do it take the clone at one instant. The clone's name is removed as soon as
 * it is open, so that the space goes with the process; the handle has the name for the moment
 * between. Where there are no clones, only `crash_consistent` has the file read nevertheless; one
 * that could be made but was not (no space, a node that is not stilled) is a failure that may pass.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/autoclose.h"
#include "base/error.h"
#include "base/no_links.h"
#include "block/in_use.h"
#include "snapshot/drivers.h"
#include "snapshot/handle.h"
#include "snapshot/pool.h"
#include "snapshot/quiesce.h"

#define COPY_BYTES    (1u << 20)
#define RELEASE_BYTES (64 << 20)
/* Of the free space, what a full copy may take: guests that write beside it need the rest. */
#define COPY_SHARE(free_bytes) ((free_bytes) / 10 * 9)
/* Timestamps of files are this coarse at worst: what was changed later may be changed again without
 * its looking different. */
#define TIMESTAMP_SECONDS 2

struct file_view {
    struct snapshot_view view;
    struct snapshot_disk disk;
    char *location, *identity, *note, *format;
    int original;       /* when it is the original that is read, -1 otherwise */
    int clone;          /* of an original in use; -1: none */
    struct stat opened; /* as the original was then */
};

static bool file_check(const char *location, GError **error)
{
    return path_is_plain(location, error);
}

static char *file_plan(const char *location, const char *id, const struct snapshot_options *options,
                       GError **error)
{
    json_t *object = handle_new(&snapshot_file_driver, location, id, error);
    if (object == NULL)
        return NULL;
    g_autofree char *copy = g_strdup_printf("." HANDLE_NAME_PREFIX "%s", id);
    json_object_set_new(object, "copy", json_string(copy));
    return handle_text(object);
}

/* --- what the bytes are known by ----------------------------------------------------------- */

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_state(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           same_time(&a->st_mtim, &b->st_mtim) && same_time(&a->st_ctim, &b->st_ctim);
}

/* "" for devices, which keep no times, and for what has only just been written. */
static char *identity_of(const struct stat *st)
{
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    if (!S_ISREG(st->st_mode) || st->st_mtim.tv_sec + TIMESTAMP_SECONDS >= now ||
        st->st_ctim.tv_sec + TIMESTAMP_SECONDS >= now)
        return g_strdup("");
    return g_strdup_printf("file:%u.%u:%ju:%jd:%jd.%09ld:%jd.%09ld", major(st->st_dev),
                           minor(st->st_dev), (uintmax_t)st->st_ino, (intmax_t)st->st_size,
                           (intmax_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
                           (intmax_t)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

/* --- copies -------------------------------------------------------------------------------- */

/* The original, its folder, and the name that a copy has for a moment. */
struct original {
    const char *location, *copy;
    int fd, folder;
};

static bool remove_copy(int folder, const char *location, const char *copy, GError **error)
{
    if (unlinkat(folder, copy, 0) == 0 || errno == ENOENT)
        return true;
    g_autofree char *beside = g_path_get_dirname(location);
    return fail_errno(error, errno, "%s/%s", beside, copy);
}

/* An empty file beside the original, which goes away with its descriptor. */
static int new_copy(const struct original *o, GError **error)
{
    struct stat st;
    g_autofree char *beside = g_path_get_dirname(o->location);
    if (!remove_copy(o->folder, o->location, o->copy, error))
        return -1;
    autoclose int fd =
        openat(o->folder, o->copy, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || fstat(fd, &st) != 0) {
        (void)fail_errno(error, errno, "%s: no copy can be made in %s", o->location, beside);
        return -1;
    }
    return remove_copy(o->folder, o->location, o->copy, error) ? take_fd(&fd) : -1;
}

/* -1 with *error NULL: no clones are made here; *why says what the filesystem answered. */
static int clone_file(const struct original *o, const char **why, GError **error)
{
    if (faccessat(o->folder, ".", W_OK, AT_EACCESS) != 0 &&
        (errno == EACCES || errno == EPERM || errno == EROFS)) {
        *why = g_strerror(errno);
        return -1;
    }
    autoclose int fd = new_copy(o, error);
    if (fd < 0)
        return -1;
    if (ioctl(fd, FICLONE, o->fd) == 0)
        return take_fd(&fd);
    if (errno == EOPNOTSUPP || errno == ENOTTY || errno == EINVAL || errno == EXDEV ||
        errno == ETXTBSY || errno == ENOSYS)
        *why = g_strerror(errno);
    else
        (void)fail_errno(error, errno, "%s: cloning it", o->location);
    return -1;
}

static bool check_space(const struct original *o, int copy, GError **error)
{
    struct stat st;
    struct statvfs fs;
    if (fstat(o->fd, &st) != 0 || fstatvfs(copy, &fs) != 0)
        return fail_errno(error, errno, "%s: looking for space for a copy", o->location);
    uint64_t needed = (uint64_t)st.st_blocks * 512;
    uint64_t free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    return needed <= COPY_SHARE(free_bytes) ||
           fail_limit(error,
                      "%s: a full copy needs %" G_GUINT64_FORMAT
                      " bytes, which would take almost all that is free beside it",
                      o->location, needed);
}

static bool write_all(int fd, const uint8_t *bytes, size_t len, uint64_t off)
{
    while (len > 0) {
        ssize_t n = pwrite(fd, bytes, len, (off_t)off);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes += n;
        off += (uint64_t)n;
        len -= (size_t)n;
    }
    return true;
}

static bool copy_bytes(struct block *from, int to, const struct snapshot_options *options,
                       GError **error)
{
    g_autofree uint8_t *buffer = g_malloc(COPY_BYTES);
    struct block_extent e;
    if (ftruncate(to, (off_t)from->size) != 0)
        return fail_errno(error, errno, "%s: its copy", from->name);
    for (uint64_t off = 0; off < from->size; off += e.len) {
        if (!snapshot_wanted(options, error) || !block_extent_at(from, off, &e, error))
            return false;
        e.len = e.zero ? e.len : MIN(e.len, COPY_BYTES);
        if (e.zero)
            continue;
        if (!block_read(from, off, buffer, e.len, error))
            return false;
        if (!write_all(to, buffer, e.len, off))
            return fail_errno(error, errno, "%s: writing its copy", from->name);
    }
    return true;
}

/* A copy of source (the original, or a clone of it) that shares nothing with it. */
static int full_copy(const struct original *o, int source, const struct snapshot_options *options,
                     GError **error)
{
    struct stat st;
    if (fstat(source, &st) != 0 || !S_ISREG(st.st_mode)) {
        (void)fail_unsupported(error, "%s: there is no place beside a device for a full copy",
                               o->location);
        return -1;
    }
    autoclose int to = new_copy(o, error);
    autoclose int again = fcntl(source, F_DUPFD_CLOEXEC, 0);
    if (to < 0 || !check_space(o, to, error))
        return -1;
    g_autoptr(block) original = block_raw_new(take_fd(&again), o->location, error);
    if (original == NULL)
        return -1;
    g_autoptr(block) from = snapshot_slowed(original, options);
    return copy_bytes(from, to, options, error) ? take_fd(&to) : -1;
}

/* --- the view ------------------------------------------------------------------------------ */

/* As clone_file(), at an instant at which the node is still. */
static int clone_still(const struct original *o, const struct snapshot_options *options,
                       const char **why, GError **error)
{
    struct quiesce *q;
    if (!quiesce_begin(options, o->location, NULL, &q, error))
        return -1;
    autoclose int fd = clone_file(o, why, error);
    return quiesce_end(q, fd >= 0 ? error : NULL) ? take_fd(&fd) : -1;
}

/* What to read of an original that somebody writes to: a clone, or itself. */
static int open_used(const struct original *o, const char *writer, struct file_view *v,
                     const struct snapshot_options *options, GError **error)
{
    g_autoptr(GError) failure = NULL;
    const char *why = "devices cannot be cloned";
    int clone = S_ISREG(v->opened.st_mode) ? clone_still(o, options, &why, &failure) : -1;
    if (clone >= 0) {
        v->clone = fcntl(clone, F_DUPFD_CLOEXEC, 0);
        return clone;
    }
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return -1;
    }
    if (!options->crash_consistent) {
        (void)fail(error, ASSAY_ERROR_DENIED,
                   "%s: %s, and there is no snapshot of it (%s); crash_consistent lets it be read "
                   "as it is",
                   o->location, writer, why);
        return -1;
    }
    v->note = g_strdup_printf("read while in use, without a snapshot: %s; %s", writer, why);
    return fcntl(o->fd, F_DUPFD_CLOEXEC, 0);
}

/* The descriptor to read; -1 with *error. */
static int open_view(const struct original *o, struct file_view *v,
                     const struct snapshot_options *options, GError **error)
{
    const char *writer = block_file_writer(o->fd);
    autoclose int fd =
        writer != NULL ? open_used(o, writer, v, options, error) : fcntl(o->fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0 || !options->deep)
        return take_fd(&fd);
    return full_copy(o, fd, options, error);
}

/* What the clone shares with the original is given up here and in pieces: closed as it is, the
 * kernel would do so later and at one go, and whoever writes to the original would wait for it. */
static void release_clone(int fd)
{
    struct stat st;
    if (fd < 0)
        return;
    off_t size = fstat(fd, &st) == 0 ? st.st_size : 0;
    while (size > 0) {
        size = size > RELEASE_BYTES ? size - RELEASE_BYTES : 0;
        if (ftruncate(fd, size) != 0)
            break;
    }
    (void)close(fd);
}

static void file_close(struct snapshot_view *view)
{
    struct file_view *v = (struct file_view *)view;
    block_unref(v->disk.bytes);
    release_clone(v->clone);
    if (v->original >= 0)
        (void)close(v->original);
    g_free(v->location);
    g_free(v->identity);
    g_free(v->note);
    g_free(v->format);
    g_free(v);
}

/* Images of raw disks may begin with whatever their guest likes, such as another image's header
 * that names files of the host: references are followed only where the node says what it is. */
static bool may_refer(const struct snapshot_options *options)
{
    return options->format != NULL && !g_str_equal(options->format, "raw");
}

static bool fill_view(struct file_view *v, const struct original *o,
                      const struct snapshot_options *options, GError **error)
{
    struct stat read;
    autoclose int fd = open_view(o, v, options, error);
    if (fd < 0)
        return false;
    v->view.holds = v->clone >= 0;
    if (fstat(fd, &read) != 0)
        return fail_errno(error, errno, "%s", v->location);
    bool original = read.st_dev == v->opened.st_dev && read.st_ino == v->opened.st_ino;
    v->original = original && v->note == NULL ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    v->identity = v->note == NULL ? identity_of(&v->opened) : g_strdup("");
    v->format = g_strdup(options->format);
    v->disk = (struct snapshot_disk){
        .bytes = block_raw_new(take_fd(&fd), v->location, error),
        .name = v->location,
        .path = may_refer(options) ? v->location : NULL,
        .format = v->format,
        .identity = v->identity,
        .note = v->note,
    };
    v->view.count = 1;
    v->view.disks = &v->disk;
    return v->disk.bytes != NULL;
}

static struct snapshot_view *file_make(const char *handle, const struct snapshot_options *options,
                                       GError **error)
{
    json_t *object = handle_read(&snapshot_file_driver, handle, error);
    if (object == NULL)
        return NULL;
    struct file_view *v = g_new0(struct file_view, 1);
    g_autoptr(snapshot_view) view = &v->view;
    view->drv = &snapshot_file_driver;
    v->original = v->clone = -1;
    v->location = g_strdup(handle_get(object, "location"));
    g_autofree char *copy = g_strdup(handle_get(object, "copy"));
    json_decref(object);
    autoclose int folder = -1;
    autoclose int fd = open_without_links(v->location, &folder, error);
    struct original o = { .location = v->location, .copy = copy, .fd = fd, .folder = folder };
    if (fd < 0)
        return NULL;
    if (fstat(fd, &v->opened) != 0) {
        (void)fail_errno(error, errno, "%s", v->location);
        return NULL;
    }
    return fill_view(v, &o, options, error) ? g_steal_pointer(&view) : NULL;
}

static bool file_drop(const char *handle, const struct snapshot_options *options, GError **error)
{
    g_autoptr(GError) failure = NULL;
    json_t *object = handle_read(&snapshot_file_driver, handle, error);
    if (object == NULL)
        return false;
    const char *location = handle_get(object, "location"), *copy = handle_get(object, "copy");
    bool ok = true;
    autoclose int folder = open_folder_of(location, &failure);
    if (folder >= 0)
        ok = remove_copy(folder, location, copy, error);
    /* A folder that is gone has taken with it whatever was there. */
    else if (!g_error_matches(failure, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        ok = false;
    }
    json_decref(object);
    return ok;
}

static bool file_verify(struct snapshot_view *view, GError **error)
{
    struct file_view *v = (struct file_view *)view;
    struct stat now;
    if (v->original < 0)
        return true;
    if (fstat(v->original, &now) != 0)
        return fail_errno(error, errno, "%s", v->location);
    bool changed = S_ISREG(now.st_mode) && !same_state(&now, &v->opened);
    if (changed || block_file_writer(v->original) != NULL)
        return fail(error, ASSAY_ERROR_IO, "%s: was taken into use while it was read", v->location);
    return true;
}

static char *file_pool(const char *location, const struct snapshot_options *options)
{
    return pool_of_file(location);
}

const struct snapshot_driver snapshot_file_driver = {
    .name = "file",
    .description = "files and block devices of this host, by absolute path",
    .prefix = "/",
    .check = file_check,
    .plan = file_plan,
    .make = file_make,
    .drop = file_drop,
    .pool = file_pool,
    .verify = file_verify,
    .close = file_close,
};
