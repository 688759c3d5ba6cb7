/* Names on the command line -> opened disks. */
#include "inspect/target.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/autoclose.h"
#include "base/error.h"
#include "block/nbd_connect.h"
#include "block/rbd.h"
#include "inspect/channel.h"

static void disk_free(void *p)
{
    struct target_disk *d = p;
    if (d->fd >= 0)
        (void)close(d->fd);
    g_free(d->name);
    g_free(d->path);
    g_free(d->snapshot);
    g_free(d->export_name);
    g_free(d->format);
    g_free(d->note);
    block_export_free(d->served);
    g_free(d);
}

void inspect_target_free(struct inspect_target *t)
{
    if (t == NULL)
        return;
    g_ptr_array_unref(t->disks);
    g_clear_error(&t->failed);
    g_free(t->name);
    g_free(t);
}

unsigned inspect_target_references(const struct inspect_target *t)
{
    return t->references;
}

GError *inspect_target_failure(const struct inspect_target *t)
{
    for (unsigned i = 0; i < t->disks->len; i++) {
        const struct target_disk *d = g_ptr_array_index(t->disks, i);
        GError *why = d->served != NULL ? block_export_error(d->served) : NULL;
        if (why != NULL)
            return why;
    }
    return t->failed != NULL ? g_error_copy(t->failed) : NULL;
}

const char *inspect_target_name(const struct inspect_target *t)
{
    return t->name;
}

const char *target_file_refusal(mode_t mode)
{
    if (S_ISREG(mode) || S_ISBLK(mode))
        return NULL;
    return S_ISDIR(mode)    ? "is a directory, not a disk image"
           : S_ISFIFO(mode) ? "is a pipe: a disk image must be readable at any place"
                            : "is neither a file nor a block device";
}

int target_open_file(const char *path, GError **error)
{
    /* Without O_NONBLOCK a pipe without writer would hold us up. */
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        (void)fail_errno(error, errno, "%s", path);
        return -1;
    }
    if (target_file_refusal(st.st_mode) != NULL) {
        (void)fail(error, ASSAY_ERROR_INVALID, "%s %s", path, target_file_refusal(st.st_mode));
        return -1;
    }
    return take_fd(&fd);
}

/* "name://" or one of the schemes that are written without slashes. */
static bool is_url(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789+.-");
    return (len > 1 && strncmp(name + len, "://", 3) == 0) || g_str_has_prefix(name, "rbd:");
}

static bool serve_block(struct target_disk *d, struct block *b, GError **error)
{
    d->export_name = g_strdup("");
    d->served = block_export_new(b, &d->fd, error);
    return d->served != NULL;
}

/* What makes the bytes of a block doubtful, in one line; NULL. */
static char *notes_of(const struct block *b, const char *first)
{
    g_autoptr(GString) all = g_string_new(first);
    for (unsigned i = 0; b->notes != NULL && i < b->notes->len; i++) {
        const struct block_note *n = g_ptr_array_index(b->notes, i);
        if (n->doubtful)
            g_string_append_printf(all, "%s%s", all->len > 0 ? "; " : "", n->text);
    }
    return all->len > 0 ? g_string_free(g_steal_pointer(&all), FALSE) : NULL;
}

static bool open_rbd(struct target_disk *d, const struct rbd_access *ceph, GError **error)
{
    static const struct rbd_access defaults = { 0 };
    g_auto(rbd_name) name = { 0 };
    if (!rbd_name_parse(d->name, &name, error))
        return false;
    if (name.cluster != NULL)
        return fail(error, ASSAY_ERROR_INVALID,
                    "%s: only a service knows clusters by name; give rbd:POOL/IMAGE, and the "
                    "cluster's configuration with --ceph-conf",
                    d->name);
    g_autoptr(block) b = block_rbd_new(&name, ceph != NULL ? ceph : &defaults, d->name, error);
    if (b == NULL)
        return false;
    if (d->format == NULL)
        d->format = g_strdup("raw"); /* whatever a guest writes there */
    d->note = notes_of(b, NULL);
    return serve_block(d, b, error);
}

static bool open_url(struct target_disk *d, const struct inspect_options *options, GError **error)
{
    if (rbd_name_is(d->name))
        return open_rbd(d, options->ceph, error);
    if (g_str_has_prefix(d->name, "nbd://") || g_str_has_prefix(d->name, "nbd+unix://")) {
        d->fd = block_nbd_connect(d->name, &d->export_name, error);
        if (d->format == NULL)
            d->format = g_strdup("raw"); /* a server exports what is in an image */
        return d->fd >= 0;
    }
    return fail(error, ASSAY_ERROR_UNSUPPORTED,
                "%s: targets of this kind are not supported; give a path, nbd://HOST/EXPORT, "
                "nbd+unix:///EXPORT?socket=PATH or rbd:POOL/IMAGE",
                d->name);
}

/* A name with '@' means a snapshot only when there is no such file. */
static void split_snapshot(struct target_disk *d)
{
    struct stat st;
    char *at = strrchr(d->path, '@');
    if (at == NULL || at == d->path || lstat(d->path, &st) == 0)
        return;
    *at = '\0';
    if (stat(d->path, &st) == 0)
        d->snapshot = g_strdup(at + 1);
    else
        *at = '@';
}

static bool open_disk(struct target_disk *d, const struct inspect_options *options, GError **error)
{
    struct stat st;
    if (d->name[0] == '\0')
        return fail(error, ASSAY_ERROR_INVALID, "a target without a name");
    if (is_url(d->name) && lstat(d->name, &st) != 0)
        return open_url(d, options, error);
    d->path = g_strdup(d->name);
    split_snapshot(d);
    d->fd = target_open_file(d->path, error);
    if (d->fd < 0)
        return false;
    if (fstat(d->fd, &st) != 0)
        return fail_errno(error, errno, "%s", d->path);
    d->device = st.st_dev;
    d->inode = st.st_ino;
    return true;
}

static struct inspect_target *target_new(size_t count, GError **error)
{
    if (count > CHANNEL_MAX_FDS) {
        (void)fail_limit(error, "more than %d disks in one target", CHANNEL_MAX_FDS);
        return NULL;
    }
    struct inspect_target *t = g_new0(struct inspect_target, 1);
    t->disks = g_ptr_array_new_with_free_func(disk_free);
    t->name = g_strdup("");
    return t;
}

static struct target_disk *add_disk(struct inspect_target *t, const char *name, const char *format)
{
    struct target_disk *d = g_new0(struct target_disk, 1);
    d->fd = -1;
    d->name = g_strdup(name);
    d->format = g_strdup(format);
    g_autofree char *before = t->name;
    t->name = g_strconcat(before, t->disks->len > 0 ? " + " : "", name, NULL);
    g_ptr_array_add(t->disks, d);
    return d;
}

struct inspect_target *inspect_target_open(char **names, size_t count,
                                           const struct inspect_options *options, GError **error)
{
    g_autoptr(inspect_target) t = target_new(count, error);
    for (size_t i = 0; t != NULL && i < count; i++) {
        if (!open_disk(add_disk(t, names[i], options->format), options, error))
            return NULL;
    }
    return g_steal_pointer(&t);
}

static bool serve_source(struct target_disk *d, const struct inspect_source *source, GError **error)
{
    struct stat st;
    if (source->path != NULL) {
        if (stat(source->path, &st) != 0)
            return fail_errno(error, errno, "%s", source->path);
        d->path = g_strdup(source->path);
        d->device = st.st_dev;
        d->inode = st.st_ino;
    }
    g_autofree char *note =
        source->note != NULL ? g_strdup_printf("%s: %s", source->name, source->note) : NULL;
    d->note = notes_of(source->block, note);
    return serve_block(d, source->block, error);
}

struct inspect_target *inspect_target_of_blocks(const struct inspect_source *sources, size_t count,
                                                const struct inspect_options *options,
                                                GError **error)
{
    g_autoptr(inspect_target) t = target_new(count, error);
    for (size_t i = 0; t != NULL && i < count; i++) {
        const struct inspect_source *from = &sources[i];
        const char *format = from->format != NULL ? from->format : options->format;
        if (!serve_source(add_disk(t, from->name, format), from, error))
            return NULL;
    }
    return g_steal_pointer(&t);
}
